//! Pictures of training and evaluation sets, as plain RGB.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::{ImageReader, Limits};

use crate::error::ModelError;

/// The longest side of a picture that is read.
const MAX_SIDE_PX: u32 = 32_768;
/// The most memory that decoding one picture may take.
const MAX_DECODE_BYTES: u64 = 2 << 30;

/// A picture on the 8-bit scale.
///
/// # Shapes
/// `rgb`: `[row, col, channel]`, `rows * cols * 3` values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbImage {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
}

impl RgbImage {
    /// The picture as three planes of floats on the 8-bit scale, as tiles are made of.
    ///
    /// # Shapes
    /// Returns `[channel, row, col]`.
    #[must_use]
    pub fn to_planes(&self) -> Vec<f32> {
        (0..3).flat_map(|channel| self.rgb.iter().skip(channel).step_by(3)).map(|&value| f32::from(value)).collect()
    }
}

/// Reads a PNG or JPEG file; grey, palette, alpha and 16-bit pictures become 8-bit RGB.
///
/// Alpha is dropped, and an orientation tag is not followed: masks are drawn on the pixels as stored.
///
/// # Errors
/// [`ModelError::Io`] when the file cannot be opened or read, [`ModelError::Data`] when it holds no usable picture.
pub fn read_rgb(path: &Path) -> Result<RgbImage, ModelError> {
    let io = |source| ModelError::Io { action: "read", path: path.to_path_buf(), source };
    let data = |reason: String| ModelError::Data { path: path.to_path_buf(), reason };

    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        return Err(data("is a folder, not a picture".to_owned()));
    }
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(io)?;
    if reader.format().is_none() {
        return Err(data("is neither PNG nor JPEG".to_owned()));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    limits.max_alloc = Some(MAX_DECODE_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|cause| match cause {
        image::ImageError::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => io(source),
        other => data(format!("cannot be decoded as PNG or JPEG: {other}")),
    })?;
    let rgb = picture.into_rgb8();
    Ok(RgbImage { rows: rgb.height() as usize, cols: rgb.width() as usize, rgb: rgb.into_raw() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grey_png_becomes_rgb() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grey.png");
        image::GrayImage::from_raw(2, 1, vec![10, 200]).unwrap().save(&path).unwrap();
        let picture = read_rgb(&path).unwrap();
        assert_eq!((picture.rows, picture.cols), (1, 2));
        assert_eq!(picture.rgb, [10, 10, 10, 200, 200, 200]);
    }

    #[test]
    fn alpha_is_dropped_and_the_colour_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alpha.png");
        image::RgbaImage::from_raw(1, 1, vec![1, 2, 3, 0]).unwrap().save(&path).unwrap();
        assert_eq!(read_rgb(&path).unwrap().rgb, [1, 2, 3]);
    }

    #[test]
    fn the_format_is_taken_from_the_content_not_from_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("really_png.jpg");
        image::RgbImage::from_raw(1, 1, vec![7, 8, 9])
            .unwrap()
            .save_with_format(&path, image::ImageFormat::Png)
            .unwrap();
        assert_eq!(read_rgb(&path).unwrap().rgb, [7, 8, 9]);
    }

    #[test]
    fn planes_hold_one_channel_after_the_other() {
        let picture = RgbImage { rows: 1, cols: 2, rgb: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(picture.to_planes(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn a_missing_file_keeps_its_cause() {
        let error = read_rgb(Path::new("/nowhere/a.png")).unwrap_err();
        assert!(matches!(&error, ModelError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound));
        assert_eq!(error.to_string(), "cannot read /nowhere/a.png");
    }

    #[test]
    fn a_text_file_is_named_as_no_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, "hello, I am text").unwrap();
        let message = read_rgb(&path).unwrap_err().to_string();
        assert!(message.ends_with("is neither PNG nor JPEG"), "{message}");
    }

    #[test]
    fn a_truncated_png_is_unusable_data() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.png");
        image::GrayImage::new(64, 64).save(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(matches!(read_rgb(&path), Err(ModelError::Data { .. })));
    }
}
