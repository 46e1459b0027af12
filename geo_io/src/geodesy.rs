//! Square metres and metres on the ellipsoid of the scene's CRS.

use crate::error::GeoIoError;
use crate::scene::SceneInfo;

/// What is needed to place and measure detections of one scene. Made once per scene and thread.
pub struct GeoContext {}

impl GeoContext {
    /// Prepares the transformation to the geographic form of the scene's CRS.
    ///
    /// # Errors
    /// When the CRS of `info` cannot be understood by GDAL, which an open scene rules out.
    pub fn new(info: &SceneInfo) -> Result<Self, GeoIoError> {
        let _ = info;
        Ok(Self {})
    }
}
