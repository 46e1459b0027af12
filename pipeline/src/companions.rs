//! Files beside the outputs that are written when asked for: styles, a QGIS project.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use geo_io::{PendingOutput, SceneInfo, VectorFormat, pending_file};

use crate::error::PipelineError;
use crate::outputs::{OutputNames, is_printed, layers, mask_of};
use crate::qgis::project::{Layer, project};
use crate::qgis::style::{Style, qml};
use crate::remote::{by_gdal, is_remote};

/// The style files beside the outputs of a run, and what each styles. A vector and a raster of one stem share one.
pub(crate) fn style_files(names: &OutputNames) -> Vec<(PathBuf, Vec<Style>)> {
    let mut files: Vec<(PathBuf, Vec<Style>)> = Vec::new();
    let mut add = |path: &Path, style: Style| {
        let file = path.with_extension("qml");
        match files.iter_mut().find(|(known, _)| *known == file) {
            Some((_, styles)) if styles.contains(&style) => {}
            Some((_, styles)) => styles.push(style),
            None => files.push((file, vec![style])),
        }
    };
    names.vectors.iter().filter(has_style_file).for_each(|path| add(path, Style::Detections));
    for raster in &names.rasters {
        add(raster, Style::Probability);
        add(&mask_of(raster), Style::Mask);
    }
    names.class_raster.iter().for_each(|raster| add(raster, Style::Classes));
    files
}

/// A GeoPackage carries its styles, and standard output has nothing beside it.
fn has_style_file(path: &&PathBuf) -> bool {
    VectorFormat::of(path).is_ok_and(|format| format != VectorFormat::GeoPackage) && !is_printed(path)
}

/// The style files of vector files alone.
pub(crate) fn vector_styles(vectors: &[PathBuf]) -> Vec<(PathBuf, Vec<Style>)> {
    let mut files: Vec<PathBuf> =
        vectors.iter().filter(has_style_file).map(|path| path.with_extension("qml")).collect();
    files.dedup();
    files.into_iter().map(|file| (file, vec![Style::Detections])).collect()
}

/// Writes style files aside.
pub(crate) fn styles_of(
    files: &[(PathBuf, Vec<Style>)],
    prompts: &[String],
    overwrite: bool,
) -> Result<PendingOutput, PipelineError> {
    files.iter().try_fold(PendingOutput::default(), |all, (path, styles)| {
        Ok(all.merge(pending_file(path, overwrite, qml(styles, prompts).as_bytes())?))
    })
}

/// Writes the companions aside, to be committed with the outputs.
pub(crate) fn pending(
    names: &OutputNames,
    scene: &SceneInfo,
    prompts: &[String],
    overwrite: bool,
) -> Result<PendingOutput, PipelineError> {
    let mut all = styles_of(&names.styles, prompts, overwrite)?;
    if let Some(path) = &names.qgis_project {
        let bytes = project(path, scene, prompts, &project_layers(names, scene, prompts))
            .map_err(|source| PipelineError::Write { path: path.clone(), source })?;
        all = all.merge(pending_file(path, overwrite, &bytes)?);
    }
    Ok(all)
}

/// What a project shows, from the top: polygons, masks, uncertainty, probability, classes, the scene.
fn project_layers(names: &OutputNames, scene: &SceneInfo, prompts: &[String]) -> Vec<Layer> {
    let layer = |file: &Path, title: String, style: Style| Layer {
        file: file.to_owned(),
        part: String::new(),
        title,
        style: Some(style),
        in_degrees: false,
        is_shown: true,
    };
    let mut shown = Vec::new();
    // The richest format tells most: a GeoPackage has a layer for each prompt.
    let on_disk = || names.vectors.iter().filter(|path| path.as_os_str() != "-");
    let is = |path: &&PathBuf, format: VectorFormat| VectorFormat::of(path).is_ok_and(|found| found == format);
    if let Some(path) = on_disk().find(|path| is(path, VectorFormat::GeoPackage)) {
        for prompt in layers(prompts) {
            let part = format!("|layername={}", prompt.name);
            shown.push(Layer { part, ..layer(path, prompt.prompt, Style::Detections) });
        }
    } else if let Some(path) = on_disk().find(|path| !is(path, VectorFormat::GeoParquet)).or_else(|| on_disk().next()) {
        let in_degrees = VectorFormat::of(path).is_ok_and(|format| format.is_in_degrees(names.rfc7946));
        shown.push(Layer { in_degrees, ..layer(path, prompts.join(", "), Style::Detections) });
    }
    let titled = || names.rasters.iter().zip(prompts);
    for (raster, prompt) in titled() {
        let mask = layer(&mask_of(raster), format!("mask: {prompt}"), Style::Mask);
        shown.push(Layer { is_shown: names.vectors.is_empty(), ..mask });
    }
    for (raster, prompt) in titled() {
        let doubt = layer(raster, format!("uncertainty: {prompt}"), Style::Uncertainty);
        shown.push(Layer { is_shown: false, ..doubt });
    }
    for (raster, prompt) in titled() {
        let probability = layer(raster, format!("probability: {prompt}"), Style::Probability);
        shown.push(Layer { is_shown: false, ..probability });
    }
    if let Some(raster) = &names.class_raster {
        let classes = layer(raster, "classes".to_owned(), Style::Classes);
        shown.push(Layer { is_shown: names.vectors.is_empty() && names.rasters.is_empty(), ..classes });
    }
    // The copy of a scene on a server is gone by then; QGIS reads it where it lies.
    let name = OsStr::new(&scene.name);
    let name = if is_remote(name) { by_gdal(name) } else { name.to_owned() };
    let scene_layer = layer(Path::new(&name), "scene".to_owned(), Style::Classes);
    shown.push(Layer { style: None, ..scene_layer });
    shown
}
