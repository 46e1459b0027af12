//! A run as one HTML page that needs no other file and no network.

use image::RgbImage;
use serde::Serialize;
use serde_json::Value;

/// The page, with a place for its data.
const PAGE: &str = include_str!("report.html");

/// What the page shows.
#[derive(Debug, Serialize)]
pub(crate) struct PageData {
    /// Name of the scene.
    pub(crate) scene: String,
    /// The report as it was written.
    pub(crate) report: Value,
    /// The scene, small, as an address that holds it.
    pub(crate) image: String,
    /// The detections that are listed and drawn.
    pub(crate) detections: Vec<PageDetection>,
    /// How often values occur in the rasters.
    pub(crate) histograms: Vec<PageHistogram>,
}

/// A detection of the page.
#[derive(Debug, Serialize)]
pub(crate) struct PageDetection {
    pub(crate) texts: std::collections::BTreeMap<String, String>,
    pub(crate) numbers: std::collections::BTreeMap<String, f64>,
    /// Its outline in pixels of the scene, as a path of SVG.
    pub(crate) path: String,
}

/// How often values occur, in equal steps from 0 to 1.
#[derive(Debug, Serialize)]
pub(crate) struct PageHistogram {
    pub(crate) title: String,
    pub(crate) counts: Vec<u64>,
}

impl PageData {
    /// The page as text.
    ///
    /// # Panics
    /// Never: all keys are strings.
    pub(crate) fn page(&self) -> String {
        let json = serde_json::to_string(self).expect("all keys are strings");
        // Nothing in the data can end the element it stands in.
        PAGE.replace("__DATA__", &json.replace('<', "\\u003c"))
    }
}

/// A picture as an address that holds it.
///
/// # Errors
/// When it cannot be encoded.
pub(crate) fn data_address(picture: &RgbImage) -> Result<String, image::ImageError> {
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png)?;
    Ok(format!("data:image/png;base64,{}", base64(png.get_ref())))
}

/// Base64 as RFC 4648 has it.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |number, i| number << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in cases {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn no_text_can_break_out_of_its_place() {
        let data = PageData {
            scene: "</script><script>alert(1)</script>".to_owned(),
            report: Value::Null,
            image: String::new(),
            detections: Vec::new(),
            histograms: Vec::new(),
        };
        assert!(!data.page().contains("<script>alert"));
    }
}
