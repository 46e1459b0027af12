//! Polygons of a vector file that bound what is wanted of a scene.

use std::path::Path;

use gdal::raster::{RasterizeOptions, rasterize};
use gdal::vector::{Geometry, LayerAccess};
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags};

use crate::error::{Cause, GdalFailure, GeoIoError};
use crate::gdal_env::{guarded, tolerant};
use crate::scene::SceneInfo;
use crate::transform::Affine;
use crate::window::PixelWindow;

/// The polygons of a file, in the CRS of a scene.
#[derive(Clone, Debug)]
pub struct Cutline {
    affine: Affine,
    /// As WKB, since GDAL's own objects stay on one thread.
    polygons: Vec<Vec<u8>>,
}

/// Which pixels a polygon has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those whose middle it covers.
    Middles,
    /// All that it touches.
    Touches,
}

impl Cutline {
    /// Reads the polygons of all layers of a file that GDAL knows, and takes them to the CRS of a scene. A layer without
    /// a CRS is taken to be in the scene's.
    ///
    /// # Errors
    /// [`GeoIoError::Cutline`] for a file that cannot be read, has no polygon, or lies where the scene's CRS has no place.
    pub fn open(path: &Path, info: &SceneInfo) -> Result<Self, GeoIoError> {
        let mut polygons = Vec::new();
        each_polygon(path, info, None, |wkb, _| polygons.push(wkb)).map_err(|failure| wrong(path, failure.into()))?;
        if polygons.is_empty() {
            return Err(wrong(path, "it has no polygon".into()));
        }
        Ok(Self { affine: info.affine, polygons })
    }

    /// One polygon in the CRS of a scene.
    pub(crate) fn of(affine: Affine, polygon: Vec<u8>) -> Self {
        Self { affine, polygons: vec![polygon] }
    }

    /// 1 for each pixel of a window of the scene that the polygons have, else 0.
    ///
    /// # Shapes
    /// `[row, col]` of the window.
    ///
    /// # Errors
    /// [`GeoIoError::Order`] when GDAL cannot draw the polygons.
    pub fn inside(&self, window: PixelWindow, reach: Reach) -> Result<Vec<u8>, GeoIoError> {
        let drawn = guarded(|| {
            let (width, height) = (window.width as usize, window.height as usize);
            let driver = DriverManager::get_driver_by_name("MEM")?;
            let mut dataset = driver.create_with_band_type::<u8, _>("", width, height, 1)?;
            dataset.set_geo_transform(&self.affine.shifted(window.col_off, window.row_off).0)?;
            let polygons = self.polygons.iter().map(|wkb| Geometry::from_wkb(wkb)).collect::<Result<Vec<_>, _>>()?;
            let options = RasterizeOptions { all_touched: reach == Reach::Touches, ..Default::default() };
            rasterize(&mut dataset, &[1], &polygons, &vec![1.0; polygons.len()], Some(options))?;
            let mut inside = vec![0_u8; width * height];
            dataset.rasterband(1)?.read_into_slice((0, 0), (width, height), (width, height), &mut inside, None)?;
            Ok(inside)
        });
        drawn.map_err(|failure| GeoIoError::Order { reason: format!("cannot draw the cutline at {window}: {failure}") })
    }
}

/// Gives every polygon of a file in the CRS of a scene, as WKB, with what its field `field` says where it has one.
///
/// # Errors
/// A file that cannot be read, or lies where the scene's CRS has no place.
pub(crate) fn each_polygon(
    path: &Path,
    info: &SceneInfo,
    field: Option<&str>,
    mut take: impl FnMut(Vec<u8>, Option<String>),
) -> Result<(), GdalFailure> {
    let flags = GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR;
    let options = DatasetOptions { open_flags: flags, ..Default::default() };
    let dataset = tolerant(|| Dataset::open_ex(path, options))?;
    for mut layer in dataset.layers() {
        let to_scene = match (layer.spatial_ref(), &info.crs) {
            (Some(own), Some(crs)) => Some(crs.transform_from(own)?),
            _ => None,
        };
        let column = field.and_then(|name| layer.defn().field_index(name).ok());
        for feature in layer.features() {
            let Some(geometry) = feature.geometry().filter(|geometry| is_polygon(geometry)) else { continue };
            let read = guarded(|| {
                let wkb = match &to_scene {
                    Some(transform) => geometry.transform(&transform.0)?.wkb(),
                    None => geometry.wkb(),
                }?;
                let text = column.map(|column| feature.field_as_string(column)).transpose()?.flatten();
                Ok((wkb, text))
            });
            let (wkb, text) = read?;
            take(wkb, text);
        }
    }
    Ok(())
}

fn wrong(path: &Path, source: Cause) -> GeoIoError {
    GeoIoError::Cutline { path: path.to_owned(), source }
}

fn is_polygon(geometry: &Geometry) -> bool {
    geometry.geometry_name().to_ascii_uppercase().contains("POLYGON")
}
