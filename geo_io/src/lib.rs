//! Georeferenced rasters and polygons: scenes in, rasters and vectors out.
//!
//! This crate knows GDAL, coordinates and polygons. It has no tensors, no prompts' meaning, no threads and prints nothing.
//! Only plain data leaves it: no GDAL handle crosses its border.

mod attributes;
mod bands;
mod class_writer;
mod collection;
mod crs;
mod cutline;
mod detection;
mod diff;
mod environment;
mod error;
mod footprint;
mod gdal_env;
mod geodesy;
mod geojson_writer;
mod georeference;
mod geotiff;
mod grid;
mod handle;
mod labels;
mod lonlat;
mod moment;
mod ogr_writer;
mod parquet_writer;
mod pixels;
mod raster_writer;
mod result_raster;
mod round;
mod scaling;
mod scene;
mod scene_painter;
mod shaping;
mod spool;
mod square;
mod statistics;
mod strip;
mod transform;
mod untrusted;
mod vector_reader;
mod vector_writer;
mod vectorize;
mod window;
mod write_guard;

pub use class_writer::{CLASS_COLOURS, ClassOptions, ClassWriter};
pub use collection::{CollectedScene, Collection, collect};
pub use crs::SceneCrs;
pub use cutline::{Cutline, Reach};
pub use detection::{Detection, DetectionPolygon};
pub use diff::{Change, Diff, DiffOptions};
pub use environment::{SceneExtent, check_crs_database, driver_count, has_driver, scene_extent};
pub use error::{ErrorKind, GdalFailure, GeoIoError};
pub use footprint::Footprint;
pub use gdal_env::{init_gdal, set_block_cache_mb};
pub use geodesy::GeoContext;
pub use grid::{MapPoint, PixelCorner, PixelSize};
pub use handle::BlockMemory;
pub use labels::{Label, read_labels, vector_fields};
pub use pixels::ValiditySource;
pub use raster_writer::{RasterOptions, RasterOrigin, RasterWriter};
pub use result_raster::ResultRaster;
pub use scaling::{BandRange, ScaleChoice, ScalingInfo};
pub use scene::{RgbWindow, Scene, SceneInfo, SceneOptions};
pub use scene_painter::{PainterCompression, PainterOptions, ScenePainter};
pub use shaping::Shaping;
pub use strip::{SceneStrip, StripTile};
pub use transform::Affine;
pub use untrusted::{MAX_UNTRUSTED_PX, Trust, distrust_scenes};
pub use vector_reader::{StoredDetection, VectorReader};
pub use vector_writer::{PromptLayer, VectorFormat, VectorOptions, VectorWriter};
pub use vectorize::{Component, ComponentStats, Connectivity, Outline, StripVectorizer, VectorizeOptions};
pub use window::PixelWindow;
pub use write_guard::{PendingOutput, pending_copy, pending_file, remove_leftovers};

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
