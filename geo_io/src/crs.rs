//! Coordinate reference systems as plain data; the only module that knows about axis order.

use serde::Serialize;

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
    /// Degrees, EPSG:4326 or OGC:CRS84.
    Wgs84,
    /// Degrees (or other angles) on another datum.
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
        self.authority
            .as_ref()
            .map(|(name, code)| (name.as_str(), *code))
    }

    /// True for longitude and latitude on WGS 84.
    pub fn is_wgs84(&self) -> bool {
        self.kind == CrsKind::Wgs84
    }
}
