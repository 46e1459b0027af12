//! Masks that are grey pictures.

use std::path::Path;

use image::DynamicImage;

use super::images::decode_picture;
use super::mask::Mask;
use crate::error::ModelError;

/// How often each grey value occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreyHistogram(Box<[u64; 256]>);

impl Default for GreyHistogram {
    fn default() -> Self {
        Self(Box::new([0; 256]))
    }
}

impl GreyHistogram {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0.iter()) {
            *sum += count;
        }
    }

    /// The values that occur, and how often.
    pub fn values(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        (0..=255_u8).zip(self.0.iter().copied()).filter(|(_, count)| *count > 0)
    }
}

/// A mask from a grey picture, of which all values brighter than `above` are marked, and the values that occur in it.
///
/// A coloured picture is made grey; 16-bit values count as they are, up to 255.
///
/// # Errors
/// [`ModelError::Io`] when the file cannot be opened or read, [`ModelError::Data`] when it holds no usable picture.
pub fn read_mask_file(path: &Path, above: u8) -> Result<(Mask, GreyHistogram), ModelError> {
    let picture = decode_picture(path)?;
    let (rows, cols) = (picture.height() as usize, picture.width() as usize);
    let grey: Vec<u8> = match picture {
        DynamicImage::ImageLuma8(grey) => grey.into_raw(),
        DynamicImage::ImageLuma16(grey) => grey.into_raw().into_iter().map(|value| value.min(255) as u8).collect(),
        other => other.into_luma8().into_raw(),
    };
    let mut histogram = GreyHistogram::default();
    for &value in &grey {
        histogram.0[usize::from(value)] += 1;
    }
    let bits = grey.iter().map(|&value| u8::from(value > above)).collect();
    let mask = Mask::new(rows, cols, bits)
        .ok_or_else(|| ModelError::Data { path: path.to_owned(), reason: "has no pixels".to_owned() })?;
    Ok((mask, histogram))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_brighter_is_marked_and_every_value_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.tif");
        image::GrayImage::from_raw(4, 1, vec![0, 50, 51, 255]).unwrap().save(&path).unwrap();
        let (mask, histogram) = read_mask_file(&path, 50).unwrap();
        assert_eq!(mask.bits(), [0, 0, 1, 1]);
        assert_eq!(histogram.values().collect::<Vec<_>>(), [(0, 1), (50, 1), (51, 1), (255, 1)]);
        assert_eq!(read_mask_file(&path, 0).unwrap().0.bits(), [0, 1, 1, 1]);
    }

    #[test]
    fn sixteen_bits_count_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.png");
        let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(3, 1, vec![0_u16, 1, 900]).unwrap();
        picture.save(&path).unwrap();
        assert_eq!(read_mask_file(&path, 0).unwrap().0.bits(), [0, 1, 1]);
        assert_eq!(read_mask_file(&path, 50).unwrap().0.bits(), [0, 0, 1]);
    }
}
