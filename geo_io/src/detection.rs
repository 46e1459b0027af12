//! One polygon on the map with what is known about it.

use crate::error::GeoIoError;
use crate::geodesy::GeoContext;
use crate::grid::MapPoint;
use crate::vectorize::Component;
use crate::window::PixelWindow;

/// Rings in the CRS of the scene, closed (the first point is repeated at the end).
#[derive(Clone, Debug, PartialEq)]
pub struct DetectionPolygon {
    /// Outer ring, counter-clockwise on the map.
    pub shell: Vec<MapPoint>,
    /// Holes, clockwise on the map.
    pub holes: Vec<Vec<MapPoint>>,
}

/// One polygon on the map with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Where, in the CRS of the scene.
    pub geometry: DetectionPolygon,
    /// The same for the same prompt and place in every run: a hash of the prompt and the first pixel.
    pub id: String,
    /// The user's text.
    pub prompt: String,
    /// Mean probability over its pixels.
    pub prob_mean: f64,
    /// 10th percentile of the probability.
    pub prob_p10: f64,
    /// Mean uncertainty.
    pub unc_mean: f64,
    /// 90th percentile of the uncertainty.
    pub unc_p90: f64,
    /// Largest uncertainty.
    pub unc_max: f64,
    /// Area on the ellipsoid, `None` where it cannot be known.
    pub area_m2: Option<f64>,
    /// Length of all its rings on the ellipsoid, `None` where it cannot be known.
    pub perimeter_m: Option<f64>,
    /// Number of pixels.
    pub n_px: u64,
    /// True when it reaches the edge of the scene and may go on beyond.
    pub touches_edge: bool,
    /// Its centre of mass, in the CRS of the scene.
    pub centroid: MapPoint,
    /// The pixels it spans.
    pub bbox: PixelWindow,
}

impl Detection {
    /// Places a component on the map and measures it.
    ///
    /// # Errors
    /// None at present beyond what GDAL may refuse for a whole CRS; off-globe pixels give `None` for the measures.
    pub fn from_component(component: &Component, context: &GeoContext, prompt: &str) -> Result<Self, GeoIoError> {
        let _ = (component, context, prompt);
        Err(GeoIoError::Order { reason: "not built yet".to_owned() })
    }
}
