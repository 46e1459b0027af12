//! Coordinate reference systems as plain data; the only module that knows about axis order.

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use serde::Serialize;

use crate::error::GdalFailure;
use crate::gdal_env::{MovableTransform, guarded, tolerant};

/// A CRS, as plain data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SceneCrs {
    wkt2: String,
    name: String,
    authority: Option<(String, u32)>,
    kind: CrsKind,
}

/// What kind of coordinates a CRS has, as far as this crate cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CrsKind {
    /// Longitude and latitude on WGS 84, which is what GeoJSON means by default.
    Wgs84,
    /// Angles on another datum, or with a height.
    Geographic,
    /// Everything else.
    Other,
}

impl SceneCrs {
    /// The full definition as WKT2.
    pub fn wkt2(&self) -> &str {
        &self.wkt2
    }

    /// Its name, such as `WGS 84 / UTM zone 33N`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Authority and code, such as `("EPSG", 32633)`, if it has one.
    pub fn authority(&self) -> Option<(&str, u32)> {
        self.authority.as_ref().map(|(name, code)| (name.as_str(), *code))
    }

    /// True for longitude and latitude on WGS 84.
    pub fn is_wgs84(&self) -> bool {
        self.kind == CrsKind::Wgs84
    }

    pub(crate) fn kind(&self) -> CrsKind {
        self.kind
    }

    /// Takes any definition GDAL understands, such as `EPSG:32633`, WKT or a PROJ string.
    pub(crate) fn from_definition(text: &str) -> Result<Self, GdalFailure> {
        Self::from_spatial_ref(&tolerant(|| SpatialRef::from_definition(text))?)
    }

    pub(crate) fn from_spatial_ref(spatial_ref: &SpatialRef) -> Result<Self, GdalFailure> {
        let authority = spatial_ref.auth_name().zip(spatial_ref.auth_code().ok());
        let authority = authority.and_then(|(name, code)| Some((name, u32::try_from(code).ok()?)));
        let kind = match authority.as_ref().map(|(name, code)| (name.as_str(), *code)) {
            Some(("EPSG", 4326) | ("OGC", 84)) => CrsKind::Wgs84,
            _ if spatial_ref.is_geographic() => CrsKind::Geographic,
            _ => CrsKind::Other,
        };
        let name = spatial_ref.name().unwrap_or_else(|| "unnamed".to_owned());
        Ok(Self { wkt2: wkt2_of(spatial_ref)?, name, authority, kind })
    }

    /// GDAL's object, with x (or longitude) first whatever the authority says.
    pub(crate) fn spatial_ref(&self) -> Result<SpatialRef, GdalFailure> {
        let spatial_ref = tolerant(|| match &self.authority {
            // The code first: it keeps what WKT2 does not say in every version.
            Some((name, code)) if name == "EPSG" => {
                SpatialRef::from_epsg(*code).or_else(|_| SpatialRef::from_wkt(&self.wkt2))
            }
            _ => SpatialRef::from_wkt(&self.wkt2),
        })?;
        Ok(x_first(spatial_ref))
    }

    /// From this CRS to longitude and latitude on its own ellipsoid, and that ellipsoid: half axes in metres.
    ///
    /// `None` when it has no geographic form, as a local engineering grid.
    pub(crate) fn to_geographic(&self) -> Option<(MovableTransform, f64, f64)> {
        let spatial_ref = self.spatial_ref().ok()?;
        if spatial_ref.is_local() || spatial_ref.is_geocentric() {
            return None;
        }
        let geographic = x_first(tolerant(|| spatial_ref.geog_cs()).ok()?);
        let major = guarded(|| geographic.semi_major()).ok()?;
        let minor = guarded(|| geographic.semi_minor()).ok()?;
        let transform = guarded(|| CoordTransform::new(&spatial_ref, &geographic)).ok()?;
        Some((MovableTransform(transform), major, minor))
    }

    /// From another CRS to this one, x (or longitude) first in both.
    pub(crate) fn transform_from(&self, source: SpatialRef) -> Result<MovableTransform, GdalFailure> {
        let (source, target) = (x_first(source), self.spatial_ref()?);
        Ok(MovableTransform(guarded(|| CoordTransform::new(&source, &target))?))
    }

    /// From this CRS to longitude and latitude on WGS 84.
    pub(crate) fn to_wgs84(&self) -> Result<MovableTransform, GdalFailure> {
        let target = x_first(tolerant(|| SpatialRef::from_epsg(4326))?);
        let source = self.spatial_ref()?;
        Ok(MovableTransform(guarded(|| CoordTransform::new(&source, &target))?))
    }
}

fn x_first(mut spatial_ref: SpatialRef) -> SpatialRef {
    spatial_ref.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    spatial_ref
}

fn wkt2_of(spatial_ref: &SpatialRef) -> Result<String, GdalFailure> {
    const KEY: &str = "OSR_WKT_FORMAT";
    tolerant(|| {
        gdal::config::set_thread_local_config_option(KEY, "WKT2_2019")?;
        let wkt = spatial_ref.to_wkt();
        gdal::config::clear_thread_local_config_option(KEY)?;
        wkt
    })
}

/// True when both mean the same place, names aside.
pub(crate) fn same(a: &SpatialRef, b: &SpatialRef) -> bool {
    a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_and_the_definition_is_wkt2() {
        let crs = SceneCrs::from_definition("EPSG:32633").unwrap();
        assert_eq!(crs.authority(), Some(("EPSG", 32633)));
        assert_eq!(crs.name(), "WGS 84 / UTM zone 33N");
        assert!(crs.wkt2().starts_with("PROJCRS["), "{}", crs.wkt2());
        assert!(!crs.is_wgs84());
    }

    #[test]
    fn a_crs_without_a_code_keeps_its_whole_definition() {
        let crs = SceneCrs::from_definition("+proj=tmerc +lat_0=27 +lon_0=85.3 +ellps=WGS84 +units=m").unwrap();
        assert_eq!(crs.authority(), None);
        let again = SpatialRef::from_wkt(crs.wkt2()).unwrap();
        assert!(same(&again, &crs.spatial_ref().unwrap()));
    }

    #[test]
    fn longitude_comes_first_even_where_the_authority_says_latitude() {
        // 500 km east and 0 north in UTM 33 is 15 degrees east on the equator.
        let transform = SceneCrs::from_definition("EPSG:32633").unwrap().to_wgs84().unwrap();
        let (mut x, mut y) = ([500_000.0], [0.0]);
        transform.0.transform_coords(&mut x, &mut y, &mut []).unwrap();
        assert!((x[0] - 15.0).abs() < 1e-9 && y[0].abs() < 1e-9, "{x:?} {y:?}");
    }

    #[test]
    fn mars_is_measured_on_mars() {
        let crs = SceneCrs::from_definition("+proj=eqc +R=3396190 +units=m").unwrap();
        let (_, major, minor) = crs.to_geographic().unwrap();
        assert_eq!((major, minor), (3_396_190.0, 3_396_190.0));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(SceneCrs::from_definition("EPSG:1").is_err());
        assert!(SceneCrs::from_definition("").is_err());
    }
}
