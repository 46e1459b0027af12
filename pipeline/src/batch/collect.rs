//! All detections of a job in one GeoPackage, made anew when any of them has changed.

use std::path::{Path, PathBuf};

use geo_io::{CollectedScene, GeoIoError, MapPoint};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::{Manifest, State, name_of};
use super::naming::JobScene;
use super::report::{REPORT_NAME, SceneEntry};
use super::run::{JobRun, Worked};
use crate::error::PipelineError;

/// Formats that detections are taken from, the best first: those that say most of the CRS.
const FORMATS: [&str; 5] = ["gpkg", "fgb", "geojson", "geojsonl", "geojsons"];

/// What a collection holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionEntry {
    /// Its name in the output folder.
    pub file: String,
    /// Hash of the names, states and outputs of all scenes in it.
    pub made_of: String,
    /// Detections of all scenes.
    pub detections: u64,
    /// Those that an earlier scene shows as well.
    pub repeated: u64,
    /// Scenes that could not be put beside the others, for want of a CRS.
    pub unplaced: Vec<String>,
}

impl JobRun {
    /// Makes the collection that the job asks for, unless it is there and holds what it would hold.
    ///
    /// # Errors
    /// A file that is not ours, polygons that cannot be read, a full disk.
    pub(super) fn collect(&self, worked: &Worked) -> Result<Option<CollectionEntry>, PipelineError> {
        let Some(file) = &self.job.collect else { return Ok(None) };
        let path = self.folder.join(file);
        let before = entry_before(&self.folder).filter(|before| before.file == *file);
        let is_there = path.symlink_metadata().is_ok();
        if is_there && before.is_none() && !self.manner.overwrite {
            return Err(GeoIoError::OutputExists { path }.into());
        }
        let mut hasher = blake3::Hasher::new();
        let mut scenes = Vec::with_capacity(self.scenes.len());
        for (scene, entry) in self.scenes.iter().zip(&worked.scenes) {
            let manifest = Manifest::read(&scene.manifest);
            let done = manifest.filter(|manifest| manifest.state == State::Done);
            let vector = vector_of(scene);
            let content = done.as_ref().and_then(|done| {
                let name = vector.as_ref().map(|path| name_of(path))?;
                done.outputs.iter().find(|output| output.name == name).map(|output| output.blake3.clone())
            });
            // A state that only says when a scene was done makes no other collection.
            let state = if done.is_some() { "done" } else { "failed" };
            let reason = entry.reason.clone().filter(|_| done.is_none());
            hasher.update(format!("{:?}\n", (&scene.shown, state, &reason, &content, entry.holes)).as_bytes());
            scenes.push(collected(scene, entry, state, reason, vector.filter(|_| content.is_some())));
        }
        let made_of = hasher.finalize().to_hex().to_string();
        if let Some(before) = before.filter(|before| is_there && before.made_of == made_of) {
            return Ok(Some(before));
        }
        let made = geo_io::collect(&path, &scenes, true)?;
        made.pending.commit()?;
        let (detections, repeated, unplaced) = (made.detections, made.repeated, made.unplaced);
        Ok(Some(CollectionEntry { file: file.clone(), made_of, detections, repeated, unplaced }))
    }
}

/// What the report of the run before says of its collection.
fn entry_before(folder: &Path) -> Option<CollectionEntry> {
    let report: Value = serde_json::from_slice(&std::fs::read(folder.join(REPORT_NAME)).ok()?).ok()?;
    serde_json::from_value(report.get("collection")?.clone()).ok()
}

/// The output of a scene that its detections are taken from.
fn vector_of(scene: &JobScene) -> Option<PathBuf> {
    let of = |format: &&str| {
        let has = |path: &&PathBuf| path.extension().is_some_and(|end| end == *format);
        scene.names.vectors.iter().find(has).cloned()
    };
    FORMATS.iter().find_map(of)
}

fn collected(
    scene: &JobScene,
    entry: &SceneEntry,
    state: &str,
    reason: Option<String>,
    vector: Option<PathBuf>,
) -> CollectedScene {
    CollectedScene {
        name: scene.shown.clone(),
        state: state.to_owned(),
        reason,
        corners: vector.as_ref().and_then(|_| corners_of(&scene.names.report)),
        vector,
        holes: entry.holes,
    }
}

/// The corners of a scene's grid on the map, by its report.
fn corners_of(report: &Path) -> Option<[MapPoint; 4]> {
    let report: Value = serde_json::from_slice(&std::fs::read(report).ok()?).ok()?;
    let affine: [f64; 6] = serde_json::from_value(report["scene"]["affine"].clone()).ok()?;
    let side = |name: &str| report["scene"]["size"][name].as_f64();
    let (width, height) = (side("width")?, side("height")?);
    let affine = geo_io::Affine(affine);
    Some([(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)].map(|(col, row)| affine.point(col, row)))
}
