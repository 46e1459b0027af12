//! Phrases that people wrote about labelled pictures: picture, words, and the annotations that are meant.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::labelled::{LabelledExpression, LabelledTile};
use crate::error::ModelError;

/// One line of a file of written phrases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenPhrase {
    /// File name of the picture, as in the COCO file.
    pub image: String,
    /// The words.
    pub phrase: String,
    /// Ids of the annotations that are meant; none when nothing in the picture is.
    pub annotations: Vec<u64>,
    /// What kind of phrase it is, by the names that [`LabelledExpression::kind`] uses.
    pub kind: String,
}

/// The kinds that a written phrase may have.
const KINDS: [&str; 8] = ["category", "synonym", "attribute", "relation", "position", "superlative", "count", "absent"];

impl WrittenPhrase {
    /// The phrase about a tile that shows the whole picture, or `None` where an annotation is not in the tile.
    #[must_use]
    pub fn in_tile(&self, tile: &LabelledTile) -> Option<LabelledExpression> {
        let target: Option<Vec<usize>> =
            self.annotations.iter().map(|id| tile.objects.iter().position(|object| object.id == *id)).collect();
        let target = target?;
        let category = target.first().map_or("nothing", |&index| tile.objects[index].category.as_str()).to_owned();
        let kind = KINDS.into_iter().find(|kind| *kind == self.kind)?;
        Some(LabelledExpression {
            phrase: self.phrase.clone(),
            kind,
            category,
            target,
            complete: true,
            unsure: Vec::new(),
        })
    }
}

/// The written phrases in a file of JSON lines, by picture and in the order of the file.
///
/// # Errors
/// [`ModelError::Io`] for a file that cannot be read, [`ModelError::Data`] for a line that is no written phrase.
pub fn read_written(path: &Path) -> Result<BTreeMap<String, Vec<WrittenPhrase>>, ModelError> {
    let io = |source| ModelError::Io { action: "read", path: path.to_owned(), source };
    let mut by_picture: BTreeMap<String, Vec<WrittenPhrase>> = BTreeMap::new();
    for (number, line) in BufReader::new(File::open(path).map_err(io)?).lines().enumerate() {
        let line = line.map_err(io)?;
        if line.trim().is_empty() {
            continue;
        }
        let bad = |reason: String| ModelError::Data {
            path: path.to_owned(),
            reason: format!("line {}: {reason}", number + 1),
        };
        let written: WrittenPhrase = serde_json::from_str(&line).map_err(|cause| bad(cause.to_string()))?;
        if !KINDS.contains(&written.kind.as_str()) {
            return Err(bad(format!("unknown kind {:?}", written.kind)));
        }
        if written.annotations.is_empty() != (written.kind == "absent") {
            return Err(bad("a phrase has annotations exactly when its kind is not \"absent\"".into()));
        }
        by_picture.entry(written.image.clone()).or_default().push(written);
    }
    Ok(by_picture)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dataset::{LabelForm, LabelledObject, LocalMask, OutlineTrust};

    fn tile() -> LabelledTile {
        LabelledTile {
            rows: 1,
            cols: 1,
            rgb: vec![0; 3],
            objects: vec![LabelledObject {
                id: 31,
                category: "ship".into(),
                form: LabelForm::Instance,
                trust: OutlineTrust::Outline,
                whole: true,
                mask: LocalMask::from_picture(1, 1, &[1]).unwrap(),
            }],
            exhaustive: BTreeSet::new(),
            false_colour: false,
            pixel_size_m: None,
            placeless: false,
        }
    }

    fn written(annotations: &[u64], kind: &str) -> WrittenPhrase {
        let phrase = "the lone trawler".to_owned();
        WrittenPhrase { image: "a.jpg".into(), phrase, annotations: annotations.to_vec(), kind: kind.into() }
    }

    #[test]
    fn annotations_become_objects_of_the_tile() {
        let expression = written(&[31], "count").in_tile(&tile()).unwrap();
        assert_eq!((expression.target, expression.category.as_str(), expression.kind), (vec![0], "ship", "count"));
    }

    #[test]
    fn a_phrase_about_what_the_tile_does_not_show_is_left_out() {
        assert_eq!(written(&[31, 32], "count").in_tile(&tile()), None);
    }

    #[test]
    fn a_line_that_contradicts_itself_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("written.jsonl");
        let good = serde_json::to_string(&written(&[31], "count")).unwrap();
        let bad = serde_json::to_string(&written(&[31], "absent")).unwrap();
        std::fs::write(&path, format!("{good}\n\n{bad}\n")).unwrap();
        let message = read_written(&path).unwrap_err().to_string();
        assert!(message.contains("line 3"), "{message}");
        std::fs::write(&path, format!("{good}\n{good}\n")).unwrap();
        assert_eq!(read_written(&path).unwrap()["a.jpg"].len(), 2);
    }
}
