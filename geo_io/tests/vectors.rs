//! Polygons written by this crate, read back by GDAL.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::{Path, PathBuf};

use gdal::spatial_ref::{AxisMappingStrategy, SpatialRef};
use gdal::vector::LayerAccess;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use geo_io::{
    Affine, Detection, ErrorKind, GeoContext, PainterOptions, PixelSize, Scene, SceneInfo, SceneOptions, ScenePainter,
    SceneStrip, StripVectorizer, VectorOptions, VectorWriter, VectorizeOptions,
};

const UTM_33: &str = "EPSG:32633";
const OWN_CRS: &str = "+proj=tmerc +lat_0=27.6 +lon_0=85.5 +x_0=1000 +y_0=2000 +ellps=WGS84 +units=m";

fn scene(folder: &Path, crs: &str, affine: [f64; 6]) -> SceneInfo {
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
fn detections(info: &SceneInfo, prompt: &str) -> Vec<Detection> {
    let rows = ["#####..#", "#...#..#", "#.#.#..#", "#...#..#", "#####..#", "........"];
    let mask: Vec<u8> = rows.iter().flat_map(|row| row.bytes().map(|letter| u8::from(letter == b'#'))).collect();
    let plane = vec![0.75; mask.len()];
    let strip =
        SceneStrip { rows: 6, width: 8, probability: plane.clone(), uncertainty: plane, mask, ..Default::default() };
    let mut vectorizer = StripVectorizer::new(8, 6, VectorizeOptions::default());
    let mut components = vectorizer.push(&strip);
    components.extend(vectorizer.finish());
    let context = GeoContext::new(info).unwrap();
    components.iter().map(|component| Detection::from_component(component, &context, prompt).unwrap()).collect()
}

fn write(out: &Path, info: &SceneInfo, detections: &[Detection], options: &VectorOptions) {
    let mut writer = VectorWriter::create(out, info, options).unwrap();
    for detection in detections {
        writer.write(detection).unwrap();
    }
    writer.finish().unwrap().commit().unwrap();
}

fn read(path: &Path) -> Dataset {
    Dataset::open_ex(path, DatasetOptions { open_flags: GdalOpenFlags::GDAL_OF_VECTOR, ..Default::default() }).unwrap()
}

/// What any reader must find in a file of the three detections.
fn check(path: &Path, crs: &str, pixel_area: f64) {
    let dataset = read(path);
    let mut layer = dataset.layer(0).unwrap();
    assert_eq!(layer.feature_count(), 3);
    let x_first = |mut spatial_ref: SpatialRef| {
        spatial_ref.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        spatial_ref
    };
    let expected = x_first(SpatialRef::from_definition(crs).unwrap());
    assert_eq!(x_first(layer.spatial_ref().unwrap()), expected, "{crs}");
    let names: Vec<String> = layer.defn().fields().map(|field| field.name()).collect();
    let expected = [
        "id",
        "prompt",
        "prob_mean",
        "prob_p10",
        "unc_mean",
        "unc_p90",
        "unc_max",
        "area_m2",
        "perimeter_m",
        "n_px",
        "touches_edge",
    ];
    assert_eq!(names, expected);
    let mut sizes = Vec::new();
    for feature in layer.features() {
        let geometry = feature.geometry().unwrap();
        assert!(geometry.is_valid());
        let n_px = feature.field_as_integer64(9).unwrap().unwrap();
        assert!((geometry.area() / pixel_area - n_px as f64).abs() < 0.02 * n_px as f64, "{} {n_px}", geometry.area());
        assert_eq!(feature.field_as_string(1).unwrap().unwrap(), "a \"roof\", 屋顶");
        assert_eq!(feature.field_as_double(2).unwrap(), Some(0.75));
        sizes.push(n_px);
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 5, 16]);
}

#[test]
fn both_formats_keep_the_crs_with_and_without_a_code_on_any_grid() {
    let folder = tempfile::tempdir().unwrap();
    let grids: [(&str, [f64; 6]); 5] = [
        (UTM_33, [500_000.0, 0.066, 0.0, 5_000_000.0, 0.0, -0.066]),
        (OWN_CRS, [1000.0, 0.06, 0.02, 2000.0, 0.02, -0.06]),
        ("EPSG:3044", [600_000.0, 2.0, 0.0, 5_000_000.0, 0.0, 2.0]),
        ("EPSG:4326", [85.5, 6e-7, 0.0, 27.6, 0.0, -5e-7]),
        ("EPSG:4269", [-105.0, 1e-5, 0.0, 40.0, 0.0, -1e-5]),
    ];
    for (crs, affine) in grids {
        let info = scene(folder.path(), crs, affine);
        let detections = detections(&info, "a \"roof\", 屋顶");
        for name in ["out.geojson", "out.gpkg"] {
            let path = folder.path().join(name);
            write(&path, &info, &detections, &VectorOptions { overwrite: true, ..Default::default() });
            check(&path, crs, Affine(affine).determinant().abs());
        }
    }
}

#[test]
fn geojson_names_the_crs_and_longitude_latitude_needs_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.geojson");
    let options = VectorOptions { overwrite: true, ..Default::default() };
    let text = |crs: &str, affine| {
        write(&path, &scene(folder.path(), crs, affine), &[], &options);
        fs::read_to_string(&path).unwrap()
    };
    let utm = text(UTM_33, [500_000.0, 1.0, 0.0, 0.0, 0.0, -1.0]);
    assert!(utm.contains(r#""crs":{"properties":{"name":"urn:ogc:def:crs:EPSG::32633"},"type":"name"}"#), "{utm}");
    let degrees = text("EPSG:4326", [10.0, 1e-5, 0.0, 50.0, 0.0, -1e-5]);
    assert!(!degrees.contains("crs"), "{degrees}");
    // An empty result is a collection like any other.
    let parsed: geojson::FeatureCollection = degrees.parse::<geojson::GeoJson>().unwrap().try_into().unwrap();
    assert!(parsed.features.is_empty());
}

#[test]
fn without_a_crs_the_file_says_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let mut info = scene(folder.path(), UTM_33, [0.5, 1.0, 0.0, 0.0, 0.0, 1.0]);
    info.crs = None;
    let path = folder.path().join("out.geojson");
    let detections = detections(&info, "roof");
    assert_eq!((detections[0].area_m2, detections[0].perimeter_m), (None, None));
    write(&path, &info, &detections, &VectorOptions::default());
    let dataset = read(&path);
    let mut layer = dataset.layer(0).unwrap();
    let spatial_ref = layer.spatial_ref().unwrap();
    assert!(spatial_ref.is_local() && !spatial_ref.is_geographic());
    assert_eq!(layer.features().next().unwrap().field_as_double(7).unwrap(), None);
    let refused = VectorWriter::create(
        &folder.path().join("b.geojson"),
        &info,
        &VectorOptions { rfc7946: true, ..Default::default() },
    );
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::Usage);
}

#[test]
fn rfc_7946_is_longitude_latitude_cut_at_the_antimeridian() {
    let folder = tempfile::tempdir().unwrap();
    // In UTM 60 on the equator, 180 degrees lies at x = 833978.6; the frame spans it.
    let info = scene(folder.path(), "EPSG:32660", [833_976.0, 1.0, 0.0, 100.0, 0.0, -1.0]);
    let path = folder.path().join("out.geojson");
    write(&path, &info, &detections(&info, "roof"), &VectorOptions { rfc7946: true, ..Default::default() });
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("\"crs\"") && text.contains("\"source_crs\"") && text.contains("EPSG:32660"), "{text}");
    let parsed: geojson::FeatureCollection = text.parse::<geojson::GeoJson>().unwrap().try_into().unwrap();
    let frame = parsed.features.iter().find(|feature| feature.property("n_px").unwrap() == 16).unwrap();
    let geojson::GeometryValue::MultiPolygon { coordinates } = &frame.geometry.as_ref().unwrap().value else {
        panic!("{text}")
    };
    assert_eq!(coordinates.len(), 2);
    for part in coordinates {
        let area: f64 = part[0].windows(2).map(|edge| edge[0][0] * edge[1][1] - edge[1][0] * edge[0][1]).sum();
        assert!(area > 0.0, "shells run counter-clockwise");
        assert!(part.iter().flatten().all(|point| (179.9..=180.0).contains(&point[0].abs())));
    }
    assert!(read(&path).layer(0).unwrap().features().all(|feature| feature.geometry().unwrap().is_valid()));
}

#[test]
fn coordinates_are_corners_of_pixels_to_a_thousandth() {
    let folder = tempfile::tempdir().unwrap();
    let affine = [9_512_345.678_901, 0.066, 0.0, 3_198_765.432_1, 0.0, -0.066];
    let info = scene(folder.path(), "EPSG:3857", affine);
    let path = folder.path().join("out.geojson");
    write(&path, &info, &detections(&info, "roof"), &VectorOptions::default());
    let text = fs::read_to_string(&path).unwrap();
    let parsed: geojson::FeatureCollection = text.parse::<geojson::GeoJson>().unwrap().try_into().unwrap();
    for feature in &parsed.features {
        let geojson::GeometryValue::Polygon { coordinates } = &feature.geometry.as_ref().unwrap().value else {
            panic!("{text}")
        };
        for point in coordinates.iter().flatten() {
            let (col, row) = ((point[0] - affine[0]) / affine[1], (point[1] - affine[3]) / affine[5]);
            assert!((col - col.round()).abs() <= 1e-3 && (row - row.round()).abs() <= 1e-3, "{col} {row}");
        }
    }
}

#[test]
fn the_same_detections_give_the_same_bytes_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path(), UTM_33, [500_000.0, 1.0, 0.0, 5_000_000.0, 0.0, -1.0]);
    let detections = detections(&info, "roof");
    for extension in ["geojson", "gpkg"] {
        let paths: Vec<PathBuf> = ["a", "b"].map(|name| folder.path().join(format!("{name}.{extension}"))).to_vec();
        paths.iter().for_each(|path| write(path, &info, &detections, &VectorOptions::default()));
        assert!(fs::read(&paths[0]).unwrap() == fs::read(&paths[1]).unwrap(), "{extension}");
    }
    let unfinished = VectorWriter::create(&folder.path().join("c.gpkg"), &info, &VectorOptions::default()).unwrap();
    drop(unfinished);
    let mut names: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["a.geojson", "a.gpkg", "b.geojson", "b.gpkg"]);
}

#[test]
fn an_unknown_extension_is_the_users_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path(), UTM_33, [0.0, 1.0, 0.0, 0.0, 0.0, -2.0]);
    let refused = VectorWriter::create(&folder.path().join("out.shp"), &info, &VectorOptions::default());
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::Usage);
}

/// Files that may not grow beyond 100 kB stand in for a full disk: GDAL's writes fail in the same way.
#[cfg(unix)]
#[test]
fn a_full_disk_is_a_write_error_in_both_formats() {
    let run = std::process::Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 300; exec "$0" --exact on_a_small_disk --ignored"#])
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[cfg(unix)]
#[test]
#[ignore = "run with a limit on file size by the test above"]
fn on_a_small_disk() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path(), UTM_33, [500_000.0, 1.0, 0.0, 5_000_000.0, 0.0, -1.0]);
    let detections = detections(&info, "roof");
    for name in ["out.geojson", "out.gpkg"] {
        let mut writer = VectorWriter::create(&folder.path().join(name), &info, &VectorOptions::default()).unwrap();
        let written = (0..5_000).try_for_each(|index| writer.write(&detections[index % 3]));
        let result = written.and_then(|()| writer.finish());
        assert_eq!(result.unwrap_err().kind(), ErrorKind::WriteFailed, "{name}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name}");
    }
}
