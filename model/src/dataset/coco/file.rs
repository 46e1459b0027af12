//! The members of a COCO file, those of the standard and ours.

use serde::Deserialize;

use super::outline;
use crate::dataset::labelled::LocalMask;
use crate::dataset::rle::Rle;

/// The whole file.
#[derive(Debug, Deserialize)]
pub(super) struct CocoFile {
    pub(super) images: Vec<ImageEntry>,
    #[serde(default)]
    pub(super) annotations: Vec<Annotation>,
    pub(super) categories: Vec<CategoryEntry>,
}

/// A picture.
#[derive(Debug, Deserialize)]
pub(super) struct ImageEntry {
    pub(super) id: u64,
    pub(super) file_name: String,
    pub(super) width: usize,
    pub(super) height: usize,
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) place: String,
    #[serde(default)]
    pub(super) publishable: bool,
    #[serde(default)]
    pub(super) licence: Option<String>,
    #[serde(default)]
    pub(super) false_colour: bool,
    #[serde(default)]
    pub(super) gsd_m: Option<f64>,
    #[serde(default)]
    pub(super) exhaustive: Option<Vec<String>>,
}

/// A category.
#[derive(Debug, Deserialize)]
pub(super) struct CategoryEntry {
    pub(super) id: u64,
    pub(super) name: String,
}

/// One object, or all ground of a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FormMember {
    Instance,
    Region,
}

/// How the outline came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum QualityMember {
    #[default]
    Mask,
    Polygon,
    Box,
}

/// A label.
#[derive(Debug, Deserialize)]
pub(super) struct Annotation {
    pub(super) id: u64,
    pub(super) image_id: u64,
    pub(super) category_id: u64,
    #[serde(default)]
    pub(super) iscrowd: u8,
    #[serde(default)]
    pub(super) kind: Option<FormMember>,
    #[serde(default)]
    pub(super) quality: QualityMember,
    #[serde(default)]
    pub(super) coarse: bool,
    #[serde(default)]
    pub(super) clipped: bool,
    #[serde(default)]
    bbox: Option<[f64; 4]>,
    #[serde(default)]
    segmentation: Option<Segmentation>,
}

/// A mask in one of the ways of COCO.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "\"segmentation\" must be polygons or run lengths with \"size\" and \"counts\"")]
enum Segmentation {
    Polygons(Vec<Vec<f64>>),
    Compressed(Rle),
    Plain { size: [u32; 2], counts: Vec<u32> },
}

impl Annotation {
    /// True when the label has no outline but its box.
    pub(super) fn has_only_a_box(&self) -> bool {
        match &self.segmentation {
            None => true,
            Some(Segmentation::Polygons(polygons)) => polygons.is_empty(),
            Some(_) => false,
        }
    }

    /// The mask in a picture of this size, `None` when no pixel is marked.
    pub(super) fn mask(&self, rows: usize, cols: usize) -> Result<Option<LocalMask>, String> {
        let fits = |size: [u32; 2]| {
            if (size[0] as usize, size[1] as usize) == (rows, cols) {
                return Ok(());
            }
            Err(format!("mask of {} x {} px in a picture of {cols} x {rows} px", size[1], size[0]))
        };
        match &self.segmentation {
            Some(Segmentation::Compressed(rle)) => {
                fits(rle.size)?;
                let runs = rle.marked_runs().map_err(|cause| cause.to_string())?;
                Ok(outline::from_runs(rows, &runs))
            }
            Some(Segmentation::Plain { size, counts }) => {
                fits(*size)?;
                let total: u64 = counts.iter().map(|&run| u64::from(run)).sum();
                if total != rows as u64 * cols as u64 {
                    return Err(format!("the runs add up to {total} pixels, the size says {}", rows * cols));
                }
                let mut start = 0;
                let mut marked = Vec::new();
                for (index, &run) in counts.iter().enumerate() {
                    let end = start + run as usize;
                    if index % 2 == 1 && end > start {
                        marked.push(start..end);
                    }
                    start = end;
                }
                Ok(outline::from_runs(rows, &marked))
            }
            Some(Segmentation::Polygons(polygons)) if !polygons.is_empty() => {
                outline::from_polygons(rows, cols, polygons)
            }
            _ => {
                let [left, top, width, height] =
                    self.bbox.ok_or_else(|| "neither \"segmentation\" nor \"bbox\"".to_owned())?;
                let (right, bottom) = (left + width, top + height);
                outline::from_polygons(rows, cols, &[vec![left, top, right, top, right, bottom, left, bottom]])
            }
        }
    }
}
