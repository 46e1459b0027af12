//! Georeferenced rasters and polygons: scenes in, rasters and vectors out.
//!
//! This crate knows GDAL, coordinates and polygons. It has no tensors, no prompts' meaning, no threads and prints nothing.
//! Only plain data leaves it: no GDAL handle crosses its border.

mod bands;
mod crs;
mod detection;
mod error;
mod gdal_env;
mod geodesy;
mod geojson_writer;
mod georeference;
mod geotiff;
mod grid;
mod handle;
mod lonlat;
mod ogr_writer;
mod pixels;
mod raster_writer;
mod scaling;
mod scene;
mod scene_painter;
mod statistics;
mod strip;
mod transform;
mod vector_writer;
mod vectorize;
mod window;
mod write_guard;

pub use crs::SceneCrs;
pub use detection::{Detection, DetectionPolygon};
pub use error::{ErrorKind, GdalFailure, GeoIoError};
pub use gdal_env::{init_gdal, set_block_cache_mb};
pub use geodesy::GeoContext;
pub use grid::{MapPoint, PixelCorner, PixelSize};
pub use raster_writer::{RasterOptions, RasterWriter};
pub use scaling::{BandRange, ScaleChoice, ScalingInfo};
pub use scene::{RgbWindow, Scene, SceneInfo, SceneOptions};
pub use scene_painter::{PainterCompression, PainterOptions, ScenePainter};
pub use strip::SceneStrip;
pub use transform::Affine;
pub use vector_writer::{VectorFormat, VectorOptions, VectorWriter};
pub use vectorize::{Component, ComponentStats, StripVectorizer, VectorizeOptions};
pub use window::PixelWindow;
pub use write_guard::{PendingOutput, pending_copy, pending_file};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_move_to_another_thread() {
        fn can_move<T: Send>() {}
        can_move::<Scene>();
        can_move::<GeoContext>();
        can_move::<RasterWriter>();
        can_move::<VectorWriter>();
        can_move::<ScenePainter>();
        can_move::<StripVectorizer>();
        can_move::<PendingOutput>();
        can_move::<GeoIoError>();
    }
}
