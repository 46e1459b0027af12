//! How many pixels a second the vectorizer traces, and GDALPolygonize in the same run: `cargo bench -p geo_io`.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

use std::time::Instant;

use gdal::DriverManager;
use gdal::raster::Buffer;
use gdal::vector::{LayerAccess, LayerOptions};
use geo_io::{SceneStrip, StripVectorizer, VectorizeOptions};

const SIDE_PX: u32 = 8192;
const STRIP_ROWS: u32 = 256;

/// A strip of a wavy mask; the higher the cut, the sparser.
fn strip(row_off: u32, cut: f32) -> SceneStrip {
    let wave = |row: u32, col: u32| {
        let (x, y) = (col as f32, row as f32);
        (x / 23.0).sin() * (y / 19.0).cos() + ((x + 2.0 * y) / 57.0).sin()
    };
    let values = (0..STRIP_ROWS * SIDE_PX).map(|index| wave(row_off + index / SIDE_PX, index % SIDE_PX));
    let mask: Vec<u8> = values.map(|value| u8::from(value > cut)).collect();
    let probability = mask.iter().map(|value| 0.25 + 0.5 * f32::from(*value)).collect();
    let uncertainty = vec![0.2; mask.len()];
    SceneStrip { row_off, rows: STRIP_ROWS, width: SIDE_PX, probability, uncertainty, mask, ..Default::default() }
}

/// Megapixels a second of GDALPolygonize (4-connected) on the whole mask, into memory.
#[expect(unsafe_code, reason = "the safe layer has no polygonize")]
fn gdals_speed(cut: f32) -> f64 {
    let side = SIDE_PX as usize;
    let raster = DriverManager::get_driver_by_name("MEM").unwrap().create("", side, side, 1).unwrap();
    let mut band = raster.rasterband(1).unwrap();
    for row_off in (0..SIDE_PX).step_by(STRIP_ROWS as usize) {
        let size = (side, STRIP_ROWS as usize);
        band.write((0, row_off as isize), size, &mut Buffer::new(size, strip(row_off, cut).mask)).unwrap();
    }
    let mut vectors = DriverManager::get_driver_by_name("Memory").unwrap().create_vector_only("").unwrap();
    let layer = vectors.create_layer(LayerOptions { name: "polygons", ..Default::default() }).unwrap();
    let start = Instant::now();
    // SAFETY: band and layer are alive, and the band is its own mask.
    let outcome = unsafe {
        let band = band.c_rasterband();
        let nothing = std::ptr::null_mut();
        gdal_sys::GDALPolygonize(band, band, layer.c_layer(), -1, std::ptr::null_mut(), None, nothing)
    };
    assert_eq!(outcome, gdal_sys::CPLErr::CE_None);
    f64::from(SIDE_PX).powi(2) / 1e6 / start.elapsed().as_secs_f64()
}

fn main() {
    for (name, cut) in [("empty", 9.0), ("sparse", 1.6), ("half", 0.0), ("full", -9.0)] {
        let mut vectorizer = StripVectorizer::new(SIDE_PX, SIDE_PX, VectorizeOptions::default());
        let (mut seconds, mut components, mut corners, mut ones) = (0.0, 0, 0, 0);
        let mut take = |ended: Vec<geo_io::Component>| {
            components += ended.len();
            corners += ended.iter().map(|component| component.parts[0].shell.len()).sum::<usize>();
            ones += ended.iter().map(|component| component.n_px).sum::<u64>();
        };
        for row_off in (0..SIDE_PX).step_by(STRIP_ROWS as usize) {
            let strip = strip(row_off, cut);
            let start = Instant::now();
            let ended = vectorizer.push(&strip);
            seconds += start.elapsed().as_secs_f64();
            take(ended);
        }
        let start = Instant::now();
        let ended = vectorizer.finish();
        seconds += start.elapsed().as_secs_f64();
        take(ended);
        let mpx = f64::from(SIDE_PX).powi(2) / 1e6;
        let share = ones as f64 / mpx / 1e4;
        println!(
            "{name:7} {:6.0} Mpx/s, GDALPolygonize {:4.0} Mpx/s, {share:5.1} % mask, {components} components, {corners} corners",
            mpx / seconds,
            gdals_speed(cut)
        );
    }
}
