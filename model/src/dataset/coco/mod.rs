//! COCO instance files: pictures with labelled objects, from any maker.

mod file;
mod outline;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::images::read_rgb;
use super::labelled::{LabelForm, LabelledObject, LabelledTile, OutlineTrust};
use crate::error::ModelError;
use file::{Annotation, CocoFile, FormMember, QualityMember};

/// How a COCO file is understood where it says nothing itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CocoOptions {
    /// Whether all categories count as fully labelled in pictures without an `exhaustive` list.
    pub exhaustive: bool,
    /// Pairs of source and category that are never counted as fully labelled, whatever the file says.
    pub distrusted: Vec<(String, String)>,
}

impl Default for CocoOptions {
    /// Nothing counts as fully labelled unless the file says so; airplanes of `aerial-airport` do not even then, since
    /// parked ones were found without a label.
    fn default() -> Self {
        Self { exhaustive: false, distrusted: vec![("aerial-airport".to_owned(), "airplane".to_owned())] }
    }
}

/// One picture of a [`CocoSet`].
#[derive(Clone, Debug, PartialEq)]
pub struct CocoImage {
    /// Its number in the file.
    pub id: u64,
    /// Path relative to the folder of pictures.
    pub file_name: String,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// The data set it comes from; empty where the file does not say.
    pub source: String,
    /// The place it shows; empty where the file does not say.
    pub place: String,
    /// True when the file says that it may be published.
    pub publishable: bool,
    /// The terms of the picture; empty where the file does not say.
    pub licence: String,
    /// True when colours do not look as to the eye.
    pub false_colour: bool,
    /// Side of a pixel in metres, where known.
    pub pixel_size_m: Option<f64>,
    /// Categories of which every object is labelled.
    pub exhaustive: BTreeSet<String>,
    /// Number of labels.
    pub labels: usize,
}

/// A COCO file in memory; masks stay encoded until a picture is asked for.
#[derive(Debug)]
pub struct CocoSet {
    path: PathBuf,
    images: Vec<CocoImage>,
    annotations: Vec<Vec<Annotation>>,
    categories: HashMap<u64, String>,
}

impl CocoSet {
    /// Reads a file of pictures, labels and categories.
    ///
    /// # Errors
    /// [`ModelError::Io`] when the file cannot be read, [`ModelError::Data`] when it is no COCO file, or speaks of a
    /// picture or category that it does not list.
    pub fn open(path: &Path, options: &CocoOptions) -> Result<Self, ModelError> {
        let data = |reason: String| ModelError::Data { path: path.to_path_buf(), reason };
        let source =
            File::open(path).map_err(|source| ModelError::Io { action: "read", path: path.to_path_buf(), source })?;
        let file: CocoFile = serde_json::from_reader(BufReader::new(source))
            .map_err(|cause| data(format!("is no COCO file of instances: {cause}")))?;

        let categories: HashMap<u64, String> = file.categories.into_iter().map(|c| (c.id, c.name)).collect();
        let mut images: Vec<CocoImage> = Vec::with_capacity(file.images.len());
        let mut position = HashMap::new();
        for image in file.images {
            if position.insert(image.id, images.len()).is_some() {
                return Err(data(format!("lists picture {} twice", image.id)));
            }
            let mut exhaustive: BTreeSet<String> = match image.exhaustive {
                Some(listed) => listed.into_iter().collect(),
                None if options.exhaustive => categories.values().cloned().collect(),
                None => BTreeSet::new(),
            };
            for (_, category) in options.distrusted.iter().filter(|(source, _)| *source == image.source) {
                exhaustive.remove(category);
            }
            images.push(CocoImage {
                id: image.id,
                file_name: image.file_name,
                rows: image.height,
                cols: image.width,
                source: image.source,
                place: image.place,
                publishable: image.publishable,
                licence: image.licence.unwrap_or_default(),
                false_colour: image.false_colour,
                pixel_size_m: image.gsd_m,
                exhaustive,
                labels: 0,
            });
        }
        let mut annotations: Vec<Vec<Annotation>> = images.iter().map(|_| Vec::new()).collect();
        for annotation in file.annotations {
            if !categories.contains_key(&annotation.category_id) {
                return Err(data(format!(
                    "annotation {}: category {} is not listed",
                    annotation.id, annotation.category_id
                )));
            }
            let Some(&at) = position.get(&annotation.image_id) else {
                return Err(data(format!(
                    "annotation {}: picture {} is not listed",
                    annotation.id, annotation.image_id
                )));
            };
            images[at].labels += 1;
            annotations[at].push(annotation);
        }
        Ok(Self { path: path.to_path_buf(), images, annotations, categories })
    }

    /// The pictures, in the order of the file.
    #[must_use]
    pub fn images(&self) -> &[CocoImage] {
        &self.images
    }

    /// Names of all categories, sorted.
    #[must_use]
    pub fn categories(&self) -> BTreeSet<&str> {
        self.categories.values().map(String::as_str).collect()
    }

    /// The names of the categories labelled in a picture, with the number of labels of each.
    #[must_use]
    pub fn labels(&self, index: usize) -> std::collections::BTreeMap<&str, usize> {
        let mut labels = std::collections::BTreeMap::new();
        for annotation in &self.annotations[index] {
            *labels.entry(self.categories[&annotation.category_id].as_str()).or_default() += 1;
        }
        labels
    }

    /// One picture with its labels. Labels whose mask is empty are left out.
    ///
    /// # Errors
    /// [`ModelError::Io`] and [`ModelError::Data`] when the picture cannot be read or has another size than the file
    /// says, or when a mask makes no sense.
    ///
    /// # Panics
    /// When there is no picture of this index.
    pub fn tile(&self, index: usize, images: &Path) -> Result<LabelledTile, ModelError> {
        let image = &self.images[index];
        let path = images.join(&image.file_name);
        let picture = read_rgb(&path)?;
        if (picture.rows, picture.cols) != (image.rows, image.cols) {
            let reason = format!(
                "is {} x {} px, but {} says {} x {} px",
                picture.cols,
                picture.rows,
                self.path.display(),
                image.cols,
                image.rows
            );
            return Err(ModelError::Data { path, reason });
        }
        Ok(LabelledTile {
            rows: image.rows,
            cols: image.cols,
            rgb: picture.rgb,
            objects: self.objects(index)?,
            exhaustive: image.exhaustive.clone(),
            false_colour: image.false_colour,
            pixel_size_m: image.pixel_size_m,
            placeless: false,
        })
    }

    /// The labels of one picture, without the picture.
    ///
    /// # Errors
    /// [`ModelError::Data`] when a mask makes no sense.
    ///
    /// # Panics
    /// When there is no picture of this index.
    pub fn objects(&self, index: usize) -> Result<Vec<LabelledObject>, ModelError> {
        let image = &self.images[index];
        let mut objects = Vec::with_capacity(self.annotations[index].len());
        for annotation in &self.annotations[index] {
            let mask = annotation.mask(image.rows, image.cols).map_err(|reason| ModelError::Data {
                path: self.path.clone(),
                reason: format!("annotation {}: {reason}", annotation.id),
            })?;
            let Some(mask) = mask else { continue };
            let cut = mask.row_off == 0
                || mask.col_off == 0
                || mask.row_off + mask.rows == image.rows
                || mask.col_off + mask.cols == image.cols;
            let boxed = annotation.quality == QualityMember::Box || annotation.has_only_a_box();
            let trust = if boxed && mask.area_px() == mask.rows * mask.cols {
                OutlineTrust::UprightBox
            } else if boxed || annotation.coarse {
                OutlineTrust::Rough
            } else {
                OutlineTrust::Outline
            };
            let crowd = annotation.iscrowd != 0;
            let form = match annotation.kind {
                Some(FormMember::Region) => LabelForm::Region,
                None if crowd => LabelForm::Region,
                Some(FormMember::Instance) | None => LabelForm::Instance,
            };
            objects.push(LabelledObject {
                id: annotation.id,
                category: self.categories[&annotation.category_id].clone(),
                form,
                trust,
                whole: !cut && !annotation.clipped,
                mask,
            });
        }
        Ok(objects)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
