//! What a GeoTIFF is to be: where it lies, how it is stored, and of what samples.

use gdal::raster::GdalType;

use crate::crs::SceneCrs;
use crate::grid::PixelSize;
use crate::transform::Affine;

/// Where a raster lies and how large it is.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) size: PixelSize,
    /// `None`: the file stores no grid, as the scene does not.
    pub(crate) affine: Option<Affine>,
    pub(crate) crs: Option<SceneCrs>,
}

/// How a file is stored.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    /// GDAL's creation options beyond size, blocks and sparseness.
    pub(crate) options: Vec<String>,
    /// What each band is called; an empty text leaves it unnamed.
    pub(crate) bands: Vec<&'static str>,
    pub(crate) nodata: Option<f64>,
    /// True when what is read back must equal what was written.
    pub(crate) lossless: bool,
    /// What the file says of itself: names and texts.
    pub(crate) tags: Vec<(String, String)>,
    /// The colours of values, from 0 on: red, green, blue, alpha. For one band of bytes.
    pub(crate) colours: Vec<[u8; 4]>,
    /// Whether the file says the least, largest, mean value and the spread of each band.
    pub(crate) with_statistics: bool,
    /// How overviews are made, in GDAL's word, when the file is to be a cloud-optimized GeoTIFF.
    pub(crate) cog: Option<&'static str>,
}

impl Storage {
    /// A file of these bands with nothing special about it.
    pub(crate) fn plain(options: Vec<String>, bands: Vec<&'static str>) -> Self {
        Self {
            options,
            bands,
            nodata: None,
            lossless: true,
            tags: Vec::new(),
            colours: Vec::new(),
            with_statistics: false,
            cog: None,
        }
    }
}

/// A sample that can be stored.
pub(crate) trait Stored: GdalType + Copy + Default {
    /// Its bits, for the checksum.
    fn bits(self) -> u32;
    /// Its value, for statistics.
    fn number(self) -> f64;
    /// True for a value that an absent block stands for, given the nodata value.
    fn is_absent(self, nodata: Option<f64>) -> bool;
}

impl Stored for u8 {
    fn number(self) -> f64 {
        f64::from(self)
    }
    fn bits(self) -> u32 {
        u32::from(self)
    }
    fn is_absent(self, nodata: Option<f64>) -> bool {
        f64::from(self) == nodata.unwrap_or(0.0)
    }
}

impl Stored for u32 {
    fn number(self) -> f64 {
        f64::from(self)
    }
    fn bits(self) -> u32 {
        self
    }
    fn is_absent(self, nodata: Option<f64>) -> bool {
        f64::from(self) == nodata.unwrap_or(0.0)
    }
}

impl Stored for f32 {
    fn number(self) -> f64 {
        f64::from(self)
    }
    fn bits(self) -> u32 {
        // One NaN is as good as another, and a compressor may not keep which it was.
        if self.is_nan() { f32::NAN.to_bits() } else { self.to_bits() }
    }
    fn is_absent(self, nodata: Option<f64>) -> bool {
        match nodata {
            Some(nodata) if nodata.is_nan() => self.is_nan(),
            nodata => f64::from(self) == nodata.unwrap_or(0.0),
        }
    }
}
