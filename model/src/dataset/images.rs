//! Pictures of training and evaluation sets, as plain RGB.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::{DynamicImage, ImageReader, Limits};

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

/// Reads a PNG, JPEG or TIFF file; grey, palette, alpha and 16-bit pictures become 8-bit RGB.
///
/// Alpha is dropped, and an orientation tag is not followed: masks are drawn on the pixels as stored.
///
/// # Errors
/// [`ModelError::Io`] when the file cannot be opened or read, [`ModelError::Data`] when it holds no usable picture.
pub fn read_rgb(path: &Path) -> Result<RgbImage, ModelError> {
    let rgb = decode_picture(path)?.into_rgb8();
    Ok(RgbImage { rows: rgb.height() as usize, cols: rgb.width() as usize, rgb: rgb.into_raw() })
}

/// The picture in a file, as it is stored.
///
/// # Errors
/// As [`read_rgb`].
pub(super) fn decode_picture(path: &Path) -> Result<DynamicImage, ModelError> {
    open(path)?.decode().map_err(|cause| decoding(path, cause))
}

/// Rows and columns of the picture in a file, without decoding it.
///
/// # Errors
/// As [`read_rgb`].
pub fn picture_size(path: &Path) -> Result<(usize, usize), ModelError> {
    let (width, height) = open(path)?.into_dimensions().map_err(|cause| decoding(path, cause))?;
    Ok((height as usize, width as usize))
}

/// A reader that knows the format of a file and the bounds that a picture is held to.
fn open(path: &Path) -> Result<ImageReader<BufReader<File>>, ModelError> {
    let io = |source| ModelError::Io { action: "read", path: path.to_path_buf(), source };
    let data = |reason: &str| ModelError::Data { path: path.to_path_buf(), reason: reason.to_owned() };

    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        return Err(data("is a folder, not a picture"));
    }
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(io)?;
    if reader.format().is_none() {
        return Err(data("is neither PNG nor JPEG nor TIFF"));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    limits.max_alloc = Some(MAX_DECODE_BYTES);
    reader.limits(limits);
    Ok(reader)
}

fn decoding(path: &Path, cause: image::ImageError) -> ModelError {
    let path = path.to_path_buf();
    match cause {
        image::ImageError::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            ModelError::Io { action: "read", path, source }
        }
        other => ModelError::Data { path, reason: format!("cannot be decoded as PNG, JPEG or TIFF: {other}") },
    }
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
    fn a_tiff_is_read_and_its_size_told_without_decoding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("colour.tif");
        image::RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap().save(&path).unwrap();
        assert_eq!(read_rgb(&path).unwrap().rgb, [1, 2, 3, 4, 5, 6]);
        assert_eq!(picture_size(&path).unwrap(), (1, 2));
    }

    #[test]
    fn a_packbits_tiff_is_read() {
        // As RefSegRS has them. Three pixels of (9, 9, 9), then (1, 2, 3): nine times 9, then three bytes as they are.
        let strip = [248_u8, 9, 2, 1, 2, 3];
        let mut file = b"II*\0".to_vec();
        file.extend(8_u32.to_le_bytes());
        let entries: [(u16, u16, u32, u32); 9] = [
            (256, 3, 1, 4),
            (257, 3, 1, 1),
            (258, 3, 3, 122),
            (259, 3, 1, 32_773),
            (262, 3, 1, 2),
            (273, 4, 1, 128),
            (277, 3, 1, 3),
            (278, 3, 1, 1),
            (279, 4, 1, strip.len() as u32),
        ];
        file.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        // 8 + 2 + 9 * 12 + 4 = 122: three times 8 bits, then the strip at 128.
        assert_eq!(file.len(), 122);
        file.extend([8_u16; 3].iter().flat_map(|bits| bits.to_le_bytes()));
        file.extend(strip);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packed.tif");
        std::fs::write(&path, file).unwrap();
        assert_eq!(read_rgb(&path).unwrap().rgb, [9, 9, 9, 9, 9, 9, 9, 9, 9, 1, 2, 3]);
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
        assert!(message.ends_with("is neither PNG nor JPEG nor TIFF"), "{message}");
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
