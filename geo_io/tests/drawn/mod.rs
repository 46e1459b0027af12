//! A small scene on any grid, and detections in it.

use std::fs;
use std::path::Path;

use geo_io::{
    Affine, Detection, GeoContext, PainterOptions, PixelSize, Scene, SceneInfo, SceneOptions, ScenePainter, SceneStrip,
    StripVectorizer, VectorizeOptions,
};

pub(crate) const UTM_33: &str = "EPSG:32633";
pub(crate) const OWN_CRS: &str = "+proj=tmerc +lat_0=27.6 +lon_0=85.5 +x_0=1000 +y_0=2000 +ellps=WGS84 +units=m";

pub(crate) fn scene(folder: &Path, crs: &str, affine: [f64; 6]) -> SceneInfo {
    let path = folder.join("scene.tif");
    let size = PixelSize { width: 8, height: 6 };
    let options = PainterOptions { overwrite: true, ..Default::default() };
    let mut painter = ScenePainter::create(&path, size, Affine(affine), crs, &options).unwrap();
    painter.write_rows(0, 6, &[50; 8 * 6 * 3], None).unwrap();
    painter.finish().unwrap().commit().unwrap();
    let info = Scene::open(path.as_os_str(), &SceneOptions::default()).unwrap().info().clone();
    fs::remove_file(path).unwrap();
    info
}

/// A frame with an island in it, and a bar.
pub(crate) fn detections(info: &SceneInfo, prompt: &str) -> Vec<Detection> {
    let rows = ["#####..#", "#...#..#", "#.#.#..#", "#...#..#", "#####..#", "........"];
    let mask: Vec<u8> = rows.iter().flat_map(|row| row.bytes().map(|letter| u8::from(letter == b'#'))).collect();
    let (probability, uncertainty) = (vec![0.75; mask.len()], vec![0.25; mask.len()]);
    let strip = SceneStrip { rows: 6, width: 8, probability, uncertainty, mask, ..Default::default() };
    let mut vectorizer = StripVectorizer::new(8, 6, VectorizeOptions::default());
    let mut components = vectorizer.push(&strip);
    components.extend(vectorizer.finish());
    let context = GeoContext::new(info).unwrap();
    components.iter().map(|component| Detection::from_component(component, &context, prompt).unwrap()).collect()
}

/// Kinds of grids: CRS, affine transform, and whether corners can be compared one by one in longitude and latitude, where
/// polygons are cut at 180 degrees and the pole has no longitude.
pub(crate) const GRIDS: [(&str, [f64; 6], bool); 15] = [
    (UTM_33, [500_000.0, 0.066, 0.0, 5_000_000.0, 0.0, -0.066], true),
    ("EPSG:32733", [500_000.0, 0.5, 0.0, 8_000_000.0, 0.0, -0.5], true),
    // Turned and without a code.
    (OWN_CRS, [1000.0, 0.06, 0.02, 2000.0, 0.02, -0.06], true),
    // South-up.
    ("EPSG:25833", [600_000.0, 2.0, 0.0, 5_000_000.0, 0.0, 2.0], true),
    // Northing first by its authority.
    ("EPSG:2193", [1_600_000.0, 2.0, 0.0, 5_400_000.0, 0.0, -2.0], true),
    // Feet.
    ("EPSG:2263", [980_000.0, 1.0, 0.0, 190_000.0, 0.0, -1.0], true),
    // Pixels that are not square.
    ("EPSG:4326", [85.5, 6e-7, 0.0, 27.6, 0.0, -5e-7], true),
    ("EPSG:4269", [-105.0, 1e-5, 0.0, 40.0, 0.0, -1e-5], true),
    ("EPSG:3857", [9_512_345.678_901, 0.066, 0.0, 3_198_765.432_1, 0.0, -0.066], true),
    // Polar, beside the pole and round it.
    ("EPSG:3031", [1_500_000.0, 10.0, 0.0, 800_000.0, 0.0, -10.0], true),
    ("EPSG:3413", [-900_000.0, 10.0, 0.0, -1_200_000.0, 0.0, -10.0], true),
    ("EPSG:3031", [-270.0, 100.0, 0.0, 290.0, 0.0, -100.0], false),
    ("EPSG:3413", [-270.0, 100.0, 0.0, 290.0, 0.0, -100.0], false),
    // Across the antimeridian: 180 degrees lies at x = 833978.6 on the equator of UTM 60, and beyond the fourth column.
    ("EPSG:32660", [833_976.0, 1.0, 0.0, 100.0, 0.0, -1.0], false),
    ("EPSG:4326", [179.999_6, 1e-4, 0.0, -17.0, 0.0, -1e-4], false),
];
