//! A run over a part of a scene gives what the run over the whole gives there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::Path;

use common::{Rule, Trial, band, paint, waves};
use geo_io::{Scene, SceneOptions};
use pipeline::exit::{Exit, one_line};
use pipeline::run::Outcome;
use pipeline::view::part::Part;

const SIZE: (u32, u32) = (210, 190);

fn trial(scene: &Path, out: &Path, part: Part) -> Outcome {
    let mut trial = Trial::new(scene, out);
    trial.prompts = vec!["bright ground", "the leftmost tank"];
    trial.rule = Rule::Leftmost;
    trial.config.raw_uncertainty = true;
    trial.config.part = part;
    trial.run().unwrap()
}

#[test]
fn pixels_and_polygons_of_a_part_are_those_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    // One column of full red, so that the prompt about the whole scene finds something.
    paint(&scene, SIZE.0, SIZE.1, |row, col| if col == 120 { [255, 0, 0] } else { waves(row, col) });
    let whole_out = tempfile::tempdir().unwrap();
    let whole = trial(&scene, whole_out.path(), Part::Whole);
    let windows =
        [[0, 0, 210, 190], [0, 0, 10, 10], [33, 70, 100, 90], [100, 31, 110, 33], [209, 189, 1, 1], [64, 64, 64, 64]];
    for [col, row, width, height] in windows {
        let out = tempfile::tempdir().unwrap();
        let outcome = trial(&scene, out.path(), Part::Pixels([col, row, width, height]));
        assert!(outcome.report.tiles.planned <= whole.report.tiles.planned);
        assert_eq!(outcome.report.valid_px, u64::from(width * height));
        for name in ["out.bright-ground.tif", "out.the-leftmost-tank.tif", "out.bright-ground.mask.tif"] {
            let bands = if name.contains("mask") { 1 } else { 3 };
            for number in 1..=bands {
                let (all, part) = (band(&whole_out.path().join(name), number), band(&out.path().join(name), number));
                assert_eq!(part.len(), (width * height) as usize);
                for (i, value) in part.iter().enumerate() {
                    let at = (row + i as u32 / width) * SIZE.0 + col + i as u32 % width;
                    assert_eq!(*value, all[at as usize], "{name}, band {number}, {width}x{height} at {col}, {row}");
                }
            }
        }
        let raster = out.path().join("out.bright-ground.tif");
        let info = Scene::open(raster.as_os_str(), &SceneOptions::default());
        let affine = info.map(|scene| scene.info().affine).unwrap();
        assert_eq!(affine.0[0], 500_000.0 + 0.5 * f64::from(col));
        assert_eq!(affine.0[3], 5_300_000.0 - 0.5 * f64::from(row));
        for detection in outcome.detections.iter().filter(|detection| !detection.touches_edge) {
            let same = whole.detections.iter().find(|other| other.geometry == detection.geometry);
            let same = same.unwrap_or_else(|| panic!("no such polygon in the whole: {:?}", detection.bbox));
            assert_eq!((same.prob_mean, same.n_px, &same.id), (detection.prob_mean, detection.n_px, &detection.id));
            assert_eq!(same.bbox, detection.bbox);
        }
    }
}

#[test]
fn a_box_on_the_map_is_the_pixels_that_it_touches() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, SIZE.0, SIZE.1, waves);
    // Pixels of half a metre from 500000, 5300000 downwards.
    let cases = [
        ([500_010.0, 5_299_980.0, 500_020.0, 5_299_990.0], [20, 20, 20, 20]),
        ([500_010.1, 5_299_980.1, 500_019.9, 5_299_989.9], [20, 20, 20, 20]),
        ([500_010.0, 5_299_979.9, 500_020.1, 5_299_990.0], [20, 20, 21, 21]),
        ([499_000.0, 5_299_999.0, 500_001.0, 5_400_000.0], [0, 0, 2, 2]),
    ];
    for (bounds, [col, row, width, height]) in cases {
        let out = tempfile::tempdir().unwrap();
        let window = trial(&scene, out.path(), Part::Box(bounds)).report.window;
        assert_eq!([window.col_off, window.row_off, window.width, window.height], [col, row, width, height]);
    }
    for part in [Part::Box([0.0, 0.0, 1.0, 1.0]), Part::Pixels([200, 0, 11, 1]), Part::Pixels([0, 0, 0, 5])] {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.config.part = part;
        let error = trial.run().unwrap_err();
        assert_eq!(error.exit(), Exit::Usage, "{}", one_line(&error));
    }
}

#[test]
fn within_a_cutline_everything_is_as_in_the_whole_and_outside_is_nodata() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, SIZE.0, SIZE.1, waves);
    let whole_out = tempfile::tempdir().unwrap();
    Trial::new(&scene, whole_out.path()).run().unwrap();
    // A triangle with corners at columns and rows (20, 10), (100, 10), (20, 90), in the CRS of the scene.
    let corner = |col: f64, row: f64| format!("[{}, {}]", 500_000.0 + 0.5 * col, 5_300_000.0 - 0.5 * row);
    let ring = [corner(20.0, 10.0), corner(100.0, 10.0), corner(20.0, 90.0), corner(20.0, 10.0)].join(", ");
    let crs = r#""crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}"#;
    let shape = format!(r#"{{"type": "Polygon", "coordinates": [[{ring}]]}}"#);
    let features = format!(r#"[{{"type": "Feature", "properties": {{}}, "geometry": {shape}}}]"#);
    let cutline = folder.path().join("triangle.geojson");
    std::fs::write(&cutline, format!(r#"{{"type": "FeatureCollection", {crs}, "features": {features}}}"#)).unwrap();

    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.config.cutline = Some(cutline.clone());
    let report = trial.run().unwrap().report;
    let (all, cut) = (band(&whole_out.path().join("out.tif"), 1), band(&out.path().join("out.tif"), 1));
    let mut inside = 0;
    for (i, (all, cut)) in all.iter().zip(&cut).enumerate() {
        let (col, row) = (f64::from(i as u32 % SIZE.0) + 0.5, f64::from(i as u32 / SIZE.0) + 0.5);
        // The middle of the pixel, away from the slanted side where a rounding may decide.
        let sum = (col - 20.0) + (row - 10.0);
        if (sum - 80.0).abs() < 0.01 {
            continue;
        }
        if col > 20.0 && row > 10.0 && sum < 80.0 {
            inside += 1;
            assert_eq!(cut, all, "column {col}, row {row}");
        } else {
            assert_eq!(*cut, None, "column {col}, row {row}");
        }
    }
    assert!(report.valid_px >= inside && report.valid_px <= inside + 80);
    assert_eq!(report.valid_px + report.nodata_px, u64::from(SIZE.0 * SIZE.1));
    assert!(report.tiles.empty > 0 && report.tiles.computed > 0, "{:?}", report.tiles);

    std::fs::write(&cutline, r#"{"type": "FeatureCollection", "features": []}"#).unwrap();
    for file in [cutline.clone(), folder.path().join("missing.gpkg")] {
        let mut trial = Trial::new(&scene, out.path());
        trial.config.cutline = Some(file);
        trial.config.outputs.overwrite = true;
        let error = trial.run().unwrap_err();
        assert_eq!(error.exit(), Exit::Usage, "{}", one_line(&error));
    }
}
