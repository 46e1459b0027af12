//! Polygons that somebody drew over a scene and what they call them.

use std::collections::BTreeSet;
use std::path::Path;

use gdal::vector::{Geometry, LayerAccess};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use crate::cutline::{Cutline, each_polygon};
use crate::error::{GdalFailure, GeoIoError};
use crate::gdal_env::{guarded, tolerant};
use crate::scene::SceneInfo;
use crate::window::PixelWindow;

/// One polygon over a scene.
#[derive(Clone, Debug)]
pub struct Label {
    /// What its field says; `None` where it is empty or no field was asked for.
    pub text: Option<String>,
    /// The pixels of the scene that its box touches.
    pub window: PixelWindow,
    /// Its shape.
    pub shape: Cutline,
}

/// The names of the fields that a vector file has in any of its layers.
///
/// # Errors
/// [`GeoIoError::MissingInput`] and [`GeoIoError::ReadVector`].
pub fn vector_fields(path: &Path) -> Result<BTreeSet<String>, GeoIoError> {
    if !path.exists() {
        return Err(GeoIoError::MissingInput { path: path.to_owned() });
    }
    let open_flags = GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY;
    let dataset = tolerant(|| Dataset::open_ex(path, DatasetOptions { open_flags, ..Default::default() }))
        .map_err(|failure| GeoIoError::ReadVector { path: path.to_owned(), source: failure.into() })?;
    Ok(dataset.layers().flat_map(|layer| layer.defn().fields().map(|field| field.name()).collect::<Vec<_>>()).collect())
}

/// The polygons of a vector file that touch a scene, in the order of the file, each with the text of `field`.
///
/// # Errors
/// [`GeoIoError::ReadVector`] for a file that cannot be read, or lies where the scene's CRS has no place.
pub fn read_labels(path: &Path, info: &SceneInfo, field: Option<&str>) -> Result<Vec<Label>, GeoIoError> {
    let unreadable = |failure: GdalFailure| GeoIoError::ReadVector { path: path.to_owned(), source: failure.into() };
    let mut polygons = Vec::new();
    each_polygon(path, info, field, |wkb, text| polygons.push((wkb, text))).map_err(unreadable)?;
    let mut labels = Vec::new();
    for (wkb, text) in polygons {
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(window) = window_of(&wkb, info).map_err(unreadable)? {
            labels.push(Label { text, window, shape: Cutline::of(info.affine, wkb) });
        }
    }
    Ok(labels)
}

/// The pixels that the box of a polygon touches, or `None` when it lies outside of the scene.
fn window_of(wkb: &[u8], info: &SceneInfo) -> Result<Option<PixelWindow>, GdalFailure> {
    let envelope = guarded(|| Ok(Geometry::from_wkb(wkb)?.envelope()))?;
    Ok(info.window_of([envelope.MinX, envelope.MinY, envelope.MaxX, envelope.MaxY]))
}
