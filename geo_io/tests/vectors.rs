//! Polygons written by this crate, read back by GDAL.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod drawn;

use std::fs;
use std::path::{Path, PathBuf};

use drawn::{GRIDS, UTM_33, detections, scene};
use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use gdal::vector::{Geometry, LayerAccess};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use geo_io::{Detection, ErrorKind, MapPoint, PromptLayer, SceneInfo, VectorOptions, VectorWriter};

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

const NAMES: [&str; 18] = [
    "id",
    "prompt",
    "scene",
    "review_rank",
    "prob_mean",
    "prob_p10",
    "unc_mean",
    "unc_p90",
    "unc_max",
    "presence",
    "area_m2",
    "expected_area_m2",
    "expected_area_low_m2",
    "expected_area_high_m2",
    "perimeter_m",
    "n_px",
    "n_tiles",
    "touches_edge",
];
const SHORT_NAMES: [&str; 18] = [
    "id",
    "prompt",
    "scene",
    "rev_rank",
    "prob_mean",
    "prob_p10",
    "unc_mean",
    "unc_p90",
    "unc_max",
    "presence",
    "area_m2",
    "exp_m2",
    "exp_lo_m2",
    "exp_hi_m2",
    "perim_m",
    "n_px",
    "n_tiles",
    "at_edge",
];

fn x_first(mut spatial_ref: SpatialRef) -> SpatialRef {
    spatial_ref.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    spatial_ref
}

/// What any reader must find in a file of the three detections. `crs` is that of the file, `scene` that of the grid.
fn check(path: &Path, crs: &str, scene: &SceneInfo, detections: &[Detection]) {
    let dataset = read(path);
    let mut layer = dataset.layer(0).unwrap();
    assert_eq!(layer.feature_count(), 3, "{}", path.display());
    let found = x_first(layer.spatial_ref().unwrap());
    let expected = x_first(SpatialRef::from_definition(crs).unwrap());
    let alike = found == expected || found.to_proj4().unwrap() == expected.to_proj4().unwrap();
    assert!(alike, "{}: {} is not {crs}", path.display(), found.to_wkt().unwrap());
    let is_shapefile = path.extension().is_some_and(|extension| extension == "shp");
    let names: Vec<String> = layer.defn().fields().map(|field| field.name()).collect();
    assert_eq!(names, if is_shapefile { SHORT_NAMES } else { NAMES }, "{}", path.display());
    let to_scene =
        CoordTransform::new(&found, &x_first(SpatialRef::from_wkt(scene.crs.as_ref().unwrap().wkt2()).unwrap()));
    let a = scene.affine.0;
    for feature in layer.features() {
        let id = feature.field_as_string(0).unwrap().unwrap();
        let detection = detections.iter().find(|detection| detection.id == id).unwrap();
        let text = |index| feature.field_as_string(index).unwrap().unwrap();
        let real = |index| feature.field_as_double(index).unwrap();
        assert_eq!((text(1), text(2)), (detection.prompt.clone(), "scene.tif".to_owned()));
        // All have the same uncertainty, so the rank is the order.
        let order = detections.iter().position(|other| other.id == id).unwrap() as i64;
        assert_eq!(feature.field_as_integer64(3).unwrap(), Some(order + 1));
        assert_eq!((real(4), real(6)), (Some(0.75), Some(0.25)));
        assert_eq!(feature.field_as_integer64(15).unwrap(), Some(detection.n_px as i64));
        assert_eq!(feature.field_as_integer(17).unwrap(), Some(i32::from(detection.touches_edge)));
        let area = detection.area_m2.unwrap();
        for (index, part) in [(10, 1.0), (11, 0.75), (12, 0.0), (13, 1.0)] {
            assert!((real(index).unwrap() - area * part).abs() < 1e-3, "{} of {}", names[index], path.display());
        }
        let geometry = feature.geometry().unwrap();
        assert!(geometry.is_valid(), "{}", path.display());
        let corners: Vec<_> =
            detection.geometry.iter().flat_map(|part| std::iter::once(&part.shell).chain(&part.holes)).collect();
        assert_eq!(geometry.geometry_count(), corners.len());
        for (number, ring) in corners.iter().enumerate() {
            let mut points = Vec::new();
            geometry.get_geometry(number).get_points(&mut points);
            assert_eq!(points.len(), ring.len());
            for (x, y, _) in points {
                let (mut x, mut y) = ([x], [y]);
                to_scene.as_ref().unwrap().transform_coords(&mut x, &mut y, &mut []).unwrap();
                let near = |point: &MapPoint| {
                    let (dx, dy) = (x[0] - point.x, y[0] - point.y);
                    let determinant = a[1] * a[5] - a[2] * a[4];
                    let (col, row) = ((dx * a[5] - dy * a[2]) / determinant, (dy * a[1] - dx * a[4]) / determinant);
                    col.abs() < 1e-3 && row.abs() < 1e-3
                };
                assert!(ring.iter().any(near), "{} {} is no corner in {}", x[0], y[0], path.display());
            }
        }
    }
}

#[test]
fn every_format_keeps_crs_corners_and_attributes_on_any_grid() {
    let folder = tempfile::tempdir().unwrap();
    for (crs, affine, in_degrees_too) in GRIDS {
        let info = scene(folder.path(), crs, affine);
        let detections = detections(&info, "a \"roof\", 屋顶");
        let names = ["out.geojson", "out.geojsonl", "out.geojsons", "out.gpkg", "out.fgb", "out.shp"];
        let outs = names.map(|name| folder.path().join(name));
        let options = VectorOptions { overwrite: true, ..Default::default() };
        let mut writer = VectorWriter::create_all(&outs, &info, &options).unwrap();
        detections.iter().for_each(|detection| writer.write(detection).unwrap());
        writer.finish().unwrap().commit().unwrap();
        for out in &outs {
            let in_degrees = out.extension().unwrap().to_str().unwrap().starts_with("geojson")
                && out.extension().unwrap() != "geojson";
            if !in_degrees {
                check(out, crs, &info, &detections);
            } else if in_degrees_too {
                check(out, "EPSG:4326", &info, &detections);
            } else {
                let dataset = read(out);
                let mut layer = dataset.layer(0).unwrap();
                let geometries: Vec<_> = layer.features().map(|found| found.geometry().unwrap().clone()).collect();
                assert_eq!(geometries.len(), 3, "{crs}");
                assert!(geometries.iter().all(|geometry| geometry.is_valid()), "{crs}");
                let on_globe = |geometry: &Geometry| {
                    let reach = geometry.envelope();
                    reach.MinX >= -180.0 && reach.MaxX <= 180.0 && reach.MinY >= -90.0 && reach.MaxY <= 90.0
                };
                for geometry in &geometries {
                    assert!(on_globe(geometry), "{crs}: {}", geometry.wkt().unwrap());
                }
            }
        }
    }
}

#[test]
fn a_geopackage_has_a_layer_for_each_prompt_and_the_most_uncertain_detection_ranks_first_over_all() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path(), UTM_33, [500_000.0, 1.0, 0.0, 5_000_000.0, 0.0, -1.0]);
    let mut all = detections(&info, "roofs");
    all.extend(detections(&info, "the pier"));
    all[4].unc_mean = 0.5;
    let layer = |prompt: &str, name: &str| PromptLayer { prompt: prompt.to_owned(), name: name.to_owned() };
    let layers = vec![layer("roofs", "roofs"), layer("the pier", "the_pier"), layer("ships", "ships")];
    let path = folder.path().join("out.gpkg");
    write(&path, &info, &all, &VectorOptions { layers, ..Default::default() });
    let dataset = read(&path);
    let count = |name: &str| dataset.layer_by_name(name).unwrap().feature_count();
    assert_eq!((dataset.layer_count(), count("roofs"), count("the_pier"), count("ships")), (3, 3, 3, 0));
    let ranks = |name: &str| -> Vec<i64> {
        let mut layer = dataset.layer_by_name(name).unwrap();
        layer.features().map(|feature| feature.field_as_integer64(3).unwrap().unwrap()).collect()
    };
    assert_eq!((ranks("roofs"), ranks("the_pier")), (vec![2, 3, 4], vec![5, 1, 6]));
}

#[test]
fn a_shapefile_is_never_cut_short_or_left_beside_files_of_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path(), UTM_33, [500_000.0, 1.0, 0.0, 5_000_000.0, 0.0, -1.0]);
    let path = folder.path().join("out.shp");
    let layers = vec![PromptLayer { prompt: "x".repeat(255), name: "x".to_owned() }];
    let refused = VectorWriter::create(&path, &info, &VectorOptions { layers, ..Default::default() });
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::Usage);
    fs::write(path.with_extension("dbf"), "theirs").unwrap();
    let refused = VectorWriter::create(&path, &info, &VectorOptions::default());
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::OutputExists);
    fs::write(path.with_extension("qix"), "an index").unwrap();
    let refused = VectorWriter::create(&path, &info, &VectorOptions { overwrite: true, ..Default::default() });
    let error = refused.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::OutputCreate);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("out.qix"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
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
    assert_eq!(layer.features().next().unwrap().field_as_double(10).unwrap(), None);
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
    for extension in ["geojson", "geojsonl", "gpkg", "fgb"] {
        let paths: Vec<PathBuf> = ["a", "b"].map(|name| folder.path().join(format!("{name}.{extension}"))).to_vec();
        paths.iter().for_each(|path| write(path, &info, &detections, &VectorOptions::default()));
        assert!(fs::read(&paths[0]).unwrap() == fs::read(&paths[1]).unwrap(), "{extension}");
        paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
    let shapefiles = ["a", "b"].map(|name| folder.path().join(format!("{name}.shp")));
    for path in &shapefiles {
        write(path, &info, &detections, &VectorOptions::default());
    }
    for extension in ["shp", "shx", "dbf", "prj", "cpg"] {
        let paths = shapefiles.each_ref().map(|path| path.with_extension(extension));
        assert!(fs::read(&paths[0]).unwrap() == fs::read(&paths[1]).unwrap(), "{extension}");
        paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
    let unfinished = VectorWriter::create(&folder.path().join("c.gpkg"), &info, &VectorOptions::default()).unwrap();
    drop(unfinished);
    let unfinished = VectorWriter::create(&folder.path().join("c.shp"), &info, &VectorOptions::default()).unwrap();
    drop(unfinished);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_unknown_extension_is_the_users_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path(), UTM_33, [0.0, 1.0, 0.0, 0.0, 0.0, -2.0]);
    let refused = VectorWriter::create(&folder.path().join("out.kml"), &info, &VectorOptions::default());
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::Usage);
}

/// Files that may not grow beyond 100 kB stand in for a full disk: GDAL's writes fail in the same way.
#[cfg(unix)]
#[test]
fn a_full_disk_is_a_write_error_in_every_format() {
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
    let mut info = scene(folder.path(), UTM_33, [500_000.0, 1.0, 0.0, 5_000_000.0, 0.0, -1.0]);
    let detections = detections(&info, "roof");
    // Detections that wait do not hold the name of the scene, so that the first 340 fit and files of them do not.
    info.name = "long".repeat(60);
    for name in ["out.geojson", "out.geojsonl", "out.gpkg", "out.fgb", "out.shp"] {
        for (count, fits_in_waiting) in [(340, true), (5_000, false)] {
            let mut writer = VectorWriter::create(&folder.path().join(name), &info, &VectorOptions::default()).unwrap();
            let written = (0..count).try_for_each(|index| writer.write(&detections[index % 3]));
            assert_eq!(written.is_ok(), fits_in_waiting, "{name}");
            let result = written.and_then(|()| writer.finish());
            assert_eq!(result.unwrap_err().kind(), ErrorKind::WriteFailed, "{name}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name}");
        }
    }
}
