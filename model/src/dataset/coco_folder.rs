//! A COCO file seen as a data set: every category of a picture is a phrase.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::coco::{CocoOptions, CocoSet};
use super::labelled::LabelledObject;
use super::mask::Mask;
use super::rle::Rle;
use super::source::{Dataset, DatasetItem, DatasetKind, TruthSource};
use crate::error::ModelError;

/// The file of labels: the one named, or the one that a folder holds under a usual name.
pub(super) fn find(root: &Path) -> Option<PathBuf> {
    if root.is_file() {
        return root.extension().is_some_and(|extension| extension == "json").then(|| root.to_owned());
    }
    let names = ["instances.json", "annotations.json", "_annotations.coco.json", "coco.json"];
    names.map(|name| root.join(name)).into_iter().find(|file| file.is_file())
}

/// The labels, all objects of a category of a picture together; pictures lie in the folder `images` beside the file, or
/// where the file lies.
///
/// # Errors
/// A folder without such a file, or a file that cannot be understood.
pub(super) fn read(root: &Path) -> Result<Dataset, ModelError> {
    let file = find(root).ok_or_else(|| ModelError::Data {
        path: root.to_owned(),
        reason: "holds no instances.json: name the COCO file".to_owned(),
    })?;
    let set = CocoSet::open(&file, &CocoOptions::default())?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = folder.join("images");
    let images = if beside.is_dir() { beside } else { folder.to_owned() };
    let mut items = Vec::new();
    for (index, picture) in set.images().iter().enumerate() {
        let objects = set.objects(index);
        for category in set.labels(index).keys() {
            let truth = match &objects {
                Ok(objects) => together(objects, category, [picture.rows, picture.cols]),
                Err(error) => TruthSource::Unusable(error.to_string()),
            };
            items.push(DatasetItem {
                id: format!("{}-{category}", picture.id),
                split: None,
                phrase: (*category).to_owned(),
                image: picture.file_name.clone(),
                stated_size: u32::try_from(picture.rows)
                    .ok()
                    .zip(u32::try_from(picture.cols).ok())
                    .map(<[u32; 2]>::from),
                kind: Some("category".to_owned()),
                category: Some((*category).to_owned()),
                truth,
            });
        }
    }
    let labels: BTreeMap<&str, usize> = (0..set.images().len()).flat_map(|index| set.labels(index)).fold(
        BTreeMap::new(),
        |mut sum, (category, count)| {
            *sum.entry(category).or_default() += count;
            sum
        },
    );
    let counts: Vec<String> = labels.iter().map(|(category, count)| format!("{category} {count}")).collect();
    let notes = vec![
        "a COCO file has no phrases: each category of a picture stands for one".to_owned(),
        format!("{} pictures; labels: {}", set.images().len(), counts.join(", ")),
    ];
    Ok(Dataset { kind: DatasetKind::Coco, root: root.to_owned(), images, items, notes })
}

/// All objects of a category as one mask.
fn together(objects: &[LabelledObject], category: &str, [rows, cols]: [usize; 2]) -> TruthSource {
    let mut bits = vec![0; rows * cols];
    for object in objects.iter().filter(|object| object.category == category) {
        object.mask.mark(cols, &mut bits);
    }
    let rle = Mask::new(rows, cols, bits).map(|mask| Rle::encode(&mask));
    match rle {
        Some(Ok(rle)) => TruthSource::Runs(vec![rle]),
        _ => TruthSource::Unusable("its picture has an impossible size".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_of_a_picture_is_a_phrase_about_all_of_its_objects() {
        let folder = tempfile::tempdir().unwrap();
        let json = serde_json::json!({
            "images": [{"id": 7, "file_name": "a.png", "height": 4, "width": 5}],
            "categories": [{"id": 1, "name": "ship"}, {"id": 2, "name": "dam"}],
            // Column by column of 4 rows: pixel 0; pixels 4 and 5; pixel 19.
            "annotations": [
                {"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1, "iscrowd": 0,
                 "segmentation": {"size": [4, 5], "counts": [0, 1, 19]}},
                {"id": 2, "image_id": 7, "category_id": 1, "bbox": [1, 0, 1, 2], "area": 2, "iscrowd": 0,
                 "segmentation": {"size": [4, 5], "counts": [4, 2, 14]}},
                {"id": 3, "image_id": 7, "category_id": 2, "bbox": [4, 3, 1, 1], "area": 1, "iscrowd": 0,
                 "segmentation": {"size": [4, 5], "counts": [19, 1]}},
            ],
        });
        std::fs::write(folder.path().join("instances.json"), json.to_string()).unwrap();
        let dataset = Dataset::open(folder.path(), None).unwrap();
        assert_eq!(dataset.kind, DatasetKind::Coco);
        let told: Vec<(&str, u64)> = dataset
            .items
            .iter()
            .map(|item| (item.phrase.as_str(), item.decode().unwrap().mask.unwrap().foreground_px()))
            .collect();
        assert_eq!(told, [("dam", 1), ("ship", 3)]);
        assert_eq!(dataset.items[1].id, "7-ship");
        assert!(dataset.notes[1].contains("dam 1, ship 2"), "{:?}", dataset.notes);
    }
}
