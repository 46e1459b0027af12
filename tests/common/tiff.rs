//! A writer of small uncompressed TIFF files, so that odd rasters need no other program.

use std::path::Path;

/// How the file says where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// UTM zone 33 north, pixels of half a metre.
    Utm,
    /// A grid but no CRS.
    NoCrs,
    /// Four ground control points in UTM zone 33.
    Gcps,
    /// Rational polynomial coefficients.
    Rpcs,
    /// Nothing at all.
    Nowhere,
}

/// What a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    Byte,
    Float,
    ComplexFloat,
}

impl Sample {
    fn bits(self) -> u16 {
        match self {
            Self::Byte => 8,
            Self::Float => 32,
            Self::ComplexFloat => 64,
        }
    }

    fn format(self) -> u16 {
        match self {
            Self::Byte => 1,
            Self::Float => 3,
            Self::ComplexFloat => 6,
        }
    }
}

/// A TIFF file to be.
#[derive(Clone, Debug)]
pub(crate) struct Tiff {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bands: u16,
    pub(crate) sample: Sample,
    pub(crate) place: Place,
    pub(crate) nodata: Option<&'static str>,
    /// 256 colours as red, green, blue.
    pub(crate) palette: Option<Vec<[u8; 3]>>,
    /// What GDAL's metadata tag holds.
    pub(crate) metadata: Option<String>,
    /// The last band is alpha.
    pub(crate) alpha: bool,
    /// Samples `[row, col, band]` as bytes.
    pub(crate) data: Vec<u8>,
}

impl Tiff {
    /// An 8-bit picture in UTM.
    pub(crate) fn bytes(width: u32, height: u32, bands: u16, value: impl Fn(u32, u32, u16) -> u8) -> Self {
        let mut data = Vec::new();
        for row in 0..height {
            for col in 0..width {
                data.extend((0..bands).map(|band| value(row, col, band)));
            }
        }
        let (sample, place) = (Sample::Byte, Place::Utm);
        Self { width, height, bands, sample, place, nodata: None, palette: None, metadata: None, alpha: false, data }
    }

    /// A picture of floats in UTM.
    pub(crate) fn floats(width: u32, height: u32, bands: u16, value: impl Fn(u32, u32, u16) -> f32) -> Self {
        let mut tiff = Self::bytes(width, height, bands, |_, _, _| 0);
        tiff.sample = Sample::Float;
        tiff.data.clear();
        for row in 0..height {
            for col in 0..width {
                tiff.data.extend((0..bands).flat_map(|band| value(row, col, band).to_le_bytes()));
            }
        }
        tiff
    }

    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, self.encode()).unwrap();
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let bands = usize::from(self.bands);
        let photometric = match (&self.palette, self.bands) {
            (Some(_), _) => 3,
            (None, 3..) => 2,
            _ => 1,
        };
        let mut fields = vec![
            Field::long(256, &[self.width]),
            Field::long(257, &[self.height]),
            Field::short(258, &vec![self.sample.bits(); bands]),
            Field::short(259, &[1]),
            Field::short(262, &[photometric]),
            Field::long(273, &[8]),
            Field::short(277, &[self.bands]),
            Field::long(278, &[self.height]),
            Field::long(279, &[self.data.len() as u32]),
            Field::short(284, &[1]),
        ];
        if let Some(palette) = &self.palette {
            let channel = |band: usize| palette.iter().map(move |colour| u16::from(colour[band]) * 257);
            fields.push(Field::short(320, &(0..3).flat_map(channel).collect::<Vec<_>>()));
        }
        let colours = if photometric == 2 { 3 } else { 1 };
        if bands > colours {
            let mut extra = vec![0; bands - colours];
            *extra.last_mut().unwrap() = if self.alpha { 2 } else { 0 };
            fields.push(Field::short(338, &extra));
        }
        fields.push(Field::short(339, &vec![self.sample.format(); bands]));
        fields.extend(self.place_fields());
        if let Some(nodata) = self.nodata {
            let text = format!("{nodata}\0").into_bytes();
            fields.push(Field { tag: 42113, kind: 2, count: text.len() as u32, bytes: text });
        }
        if let Some(metadata) = &self.metadata {
            let text = format!("{metadata}\0").into_bytes();
            fields.push(Field { tag: 42112, kind: 2, count: text.len() as u32, bytes: text });
        }
        if self.place == Place::Rpcs {
            let mut numbers = vec![1.0, 1.0, 100.0, 100.0, 45.0, 15.0, 100.0, 100.0, 100.0, 0.1, 0.1, 100.0];
            numbers.extend([1.0; 80]);
            fields.push(Field::double(50844, &numbers));
        }
        lay_out(&self.data, fields)
    }

    fn place_fields(&self) -> Vec<Field> {
        let (x, y) = (500_000.0, 5_300_000.0);
        let keys = Field::short(34735, &[1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633]);
        let grid = [Field::double(33550, &[0.5, 0.5, 0.0]), Field::double(33922, &[0.0, 0.0, 0.0, x, y, 0.0])];
        match self.place {
            Place::Utm => grid.into_iter().chain([keys]).collect(),
            Place::NoCrs => grid.into(),
            Place::Gcps => {
                let (w, h) = (f64::from(self.width), f64::from(self.height));
                let point = |col: f64, row: f64| [col, row, 0.0, x + col * 0.5 + row * 0.1, y - row * 0.5, 0.0];
                let points = [point(0.0, 0.0), point(w, 0.0), point(0.0, h), point(w, h)];
                vec![Field::double(33922, points.as_flattened()), keys]
            }
            Place::Rpcs | Place::Nowhere => Vec::new(),
        }
    }
}

struct Field {
    tag: u16,
    kind: u16,
    count: u32,
    bytes: Vec<u8>,
}

impl Field {
    fn short(tag: u16, values: &[u16]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { tag, kind: 3, count: values.len() as u32, bytes }
    }

    fn long(tag: u16, values: &[u32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { tag, kind: 4, count: values.len() as u32, bytes }
    }

    fn double(tag: u16, values: &[f64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { tag, kind: 12, count: values.len() as u32, bytes }
    }
}

/// Header, pixels, directory, and what does not fit into the directory.
fn lay_out(data: &[u8], mut fields: Vec<Field>) -> Vec<u8> {
    fields.sort_by_key(|field| field.tag);
    let padded = data.len().next_multiple_of(8);
    let directory = 8 + padded as u32;
    let mut beyond = directory + 2 + 12 * fields.len() as u32 + 4;
    let mut file = [b"II*\0".as_slice(), &directory.to_le_bytes(), data].concat();
    file.resize(8 + padded, 0);
    file.extend((fields.len() as u16).to_le_bytes());
    let mut tail = Vec::new();
    for field in &fields {
        file.extend(field.tag.to_le_bytes());
        file.extend(field.kind.to_le_bytes());
        file.extend(field.count.to_le_bytes());
        if field.bytes.len() <= 4 {
            let mut inline = field.bytes.clone();
            inline.resize(4, 0);
            file.extend(inline);
        } else {
            file.extend(beyond.to_le_bytes());
            tail.extend_from_slice(&field.bytes);
            tail.resize(tail.len().next_multiple_of(2), 0);
            beyond = directory + 2 + 12 * fields.len() as u32 + 4 + tail.len() as u32;
        }
    }
    file.extend([0; 4]);
    file.extend(tail);
    file
}
