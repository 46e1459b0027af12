//! The pipeline from scene to files with a predictor made of arithmetic: exact, complete, and the same every time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::time::Duration;

use common::tiff::{Place, Tiff};
use common::{Rule, TILE_PX, Trial, band, bytes_in, names_in, paint, waves};
use pipeline::config::{MinArea, OutputConfig};
use pipeline::exit::Exit;
use pipeline::tiling::Overlap;
use pipeline::{PipelineError, Signal};

#[test]
fn a_run_leaves_four_files_and_counts_every_tile_and_pixel() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 200, 150, waves);
    let out = tempfile::tempdir().unwrap();
    let outcome = Trial::new(&scene, out.path()).run().unwrap();
    assert_eq!(names_in(out.path()), ["out.geojson", "out.mask.tif", "out.report.json", "out.tif"]);
    assert_eq!(outcome.files.len(), 4);
    // Tile 64, overlap 20 % = 13 px, stride 32: starts 0, 32, .. 128, 136 and 0, 32, 64, 86.
    let tiles = outcome.report.tiles;
    assert_eq!((tiles.planned, tiles.computed, tiles.empty, tiles.failed), (6 * 4, 6 * 4, 0, 0));
    assert_eq!((outcome.report.valid_px, outcome.report.nodata_px), (200 * 150, 0));
    assert_eq!(outcome.report.detections as usize, outcome.detections.len());
    assert!(outcome.report.detections > 0);
}

#[test]
fn a_predictor_that_looks_at_single_pixels_comes_back_pixel_by_pixel() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 150, 170, waves);
    let out = tempfile::tempdir().unwrap();
    Trial::new(&scene, out.path()).run().unwrap();
    let probability = band(&out.path().join("out.tif"), 1);
    let uncertainty = band(&out.path().join("out.tif"), 2);
    for row in 0..170 {
        for col in 0..150 {
            let expected = f32::from(waves(row, col)[0]) / 255.0;
            let i = (row * 150 + col) as usize;
            assert!((probability[i].unwrap() - expected).abs() < 1e-5, "row {row}, column {col}");
            let doubt = expected.min(1.0 - expected) * 0.8;
            assert!((uncertainty[i].unwrap() - doubt).abs() < 1e-5, "row {row}, column {col}");
        }
    }
}

#[test]
fn batch_size_readers_and_repetition_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    // Half of it is blank, so that answers are reused too.
    paint(&scene, 300, 200, |row, col| if col < 140 { [90, 90, 90] } else { waves(row, col) });
    let run = |batch: usize, readers: usize| {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.config.batch = batch;
        trial.config.readers = readers;
        let outcome = trial.run().unwrap();
        assert!(outcome.report.tiles.reused > 0);
        (bytes_in(out.path()), outcome.report.tiles)
    };
    let first = run(1, 1);
    for (batch, readers) in [(1, 1), (2, 3), (4, 2), (7, 1), (64, 16)] {
        let again = run(batch, readers);
        assert!(first.0 == again.0, "files differ at batch {batch} with {readers} readers");
        assert_eq!(first.1, again.1, "tile counts differ at batch {batch} with {readers} readers");
    }
}

#[test]
fn a_constant_predictor_gives_a_constant_raster_without_seams() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 170, 130, waves);
    for overlap in [Overlap::Px(0), Overlap::Percent(20.0), Overlap::Percent(45.0)] {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.rule = Rule::Constant(0.7, 0.2);
        trial.config.overlap = overlap;
        trial.run().unwrap();
        let raster = out.path().join("out.tif");
        for (number, expected) in [(1, 0.7), (2, 0.2)] {
            let values = band(&raster, number);
            assert!(values.iter().all(|value| *value == values[0]), "band {number} at {overlap}");
            assert!((values[0].unwrap() - expected).abs() < 1e-5);
        }
    }
}

#[test]
fn a_predictor_that_is_wrong_at_its_edges_leaves_no_step_at_a_seam() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 400, 64, waves);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.rule = Rule::FadesToTheEdge;
    trial.config.overlap = Overlap::Px(32);
    trial.run().unwrap();
    let row: Vec<f32> = band(&out.path().join("out.tif"), 1)[32 * 400..33 * 400].iter().map(|p| p.unwrap()).collect();
    // A tile alone climbs by 0.2 / 16 = 0.0125 from pixel to pixel near its edge; no seam may be steeper.
    let steepest = row.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest <= 0.0126, "a step of {steepest}");
}

#[test]
fn nodata_stays_nodata_and_its_tiles_never_reach_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    let mut tiff =
        Tiff::bytes(320, 64, 3, |row, col, band| if col < 160 { 0 } else { 1 + waves(row, col)[band as usize] % 250 });
    tiff.nodata = Some("0");
    tiff.write(&scene);
    let out = tempfile::tempdir().unwrap();
    let outcome = Trial::new(&scene, out.path()).run().unwrap();
    let report = &outcome.report;
    assert_eq!((report.valid_px, report.nodata_px), (160 * 64, 160 * 64));
    // Starts 0, 32, 64, 96 end at or before column 160.
    assert_eq!(report.tiles.empty, 4);
    assert_eq!(report.tiles.planned, report.tiles.computed + report.tiles.empty);
    let probability = band(&out.path().join("out.tif"), 1);
    for (i, value) in probability.iter().enumerate() {
        let col = i as u32 % 320;
        assert_eq!(value.is_some(), col >= 160, "column {col}");
        if let Some(value) = value {
            let expected = f32::from(1 + waves(i as u32 / 320, col)[0] % 250) / 255.0;
            assert!((value - expected).abs() < 1e-5, "the collar leaks into column {col}");
        }
    }
}

#[test]
fn a_scene_without_any_data_gives_an_empty_result() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    let mut tiff = Tiff::bytes(100, 90, 3, |_, _, _| 7);
    tiff.nodata = Some("7");
    tiff.write(&scene);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.rule = Rule::PanicsAt(0);
    let report = trial.run().unwrap().report;
    assert_eq!((report.valid_px, report.nodata_px, report.detections), (0, 9000, 0));
    assert_eq!((report.tiles.computed, report.tiles.empty), (0, report.tiles.planned));
    assert!(band(&out.path().join("out.tif"), 1).iter().all(Option::is_none));
}

#[test]
fn nan_pixels_become_nodata() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    Tiff::floats(80, 70, 3, |row, col, _| if (row + col) % 9 == 0 { f32::NAN } else { (row * col) as f32 })
        .write(&scene);
    let out = tempfile::tempdir().unwrap();
    let report = Trial::new(&scene, out.path()).run().unwrap().report;
    let holes = (0..80 * 70).filter(|i| (i % 80 + i / 80) % 9 == 0).count();
    assert_eq!(report.nodata_px, holes as u64);
    let probability = band(&out.path().join("out.tif"), 1);
    assert!(probability.iter().enumerate().all(|(i, p)| p.is_none() == ((i % 80 + i / 80) % 9 == 0)));
}

#[test]
fn scenes_of_one_pixel_and_smaller_than_a_tile_work() {
    for (width, height) in [(1, 1), (1, 63), (63, 1), (40, 200)] {
        let folder = tempfile::tempdir().unwrap();
        let scene = folder.path().join("scene.tif");
        paint(&scene, width, height, |_, _| [200, 10, 10]);
        let out = tempfile::tempdir().unwrap();
        let report = Trial::new(&scene, out.path()).run().unwrap().report;
        assert_eq!(report.valid_px, u64::from(width * height));
        assert_eq!(report.detections, 1, "{width}x{height}");
        let probability = band(&out.path().join("out.tif"), 1);
        assert!(probability.iter().all(|p| (p.unwrap() - 200.0 / 255.0).abs() < 1e-5));
    }
}

#[test]
fn several_prompts_share_a_vector_file_and_have_a_raster_each() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 130, 130, waves);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.prompts = vec!["red ground", "green ground"];
    let outcome = trial.run().unwrap();
    let rasters =
        ["out.green-ground.mask.tif", "out.green-ground.tif", "out.red-ground.mask.tif", "out.red-ground.tif"];
    let expected: Vec<&str> = ["out.geojson"]
        .into_iter()
        .chain(rasters[..2].iter().copied())
        .chain(rasters[2..].iter().copied())
        .chain(["out.report.json"])
        .collect();
    let mut names = names_in(out.path());
    names.sort();
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(names, sorted);
    for (prompt, number) in [("red-ground", 0), ("green-ground", 1)] {
        let probability = band(&out.path().join(format!("out.{prompt}.tif")), 1);
        assert!((probability[77].unwrap() - f32::from(waves(0, 77)[number]) / 255.0).abs() < 1e-5);
    }
    let per_prompt: Vec<u64> = outcome.report.prompts.iter().map(|prompt| prompt.detections).collect();
    assert!(per_prompt.iter().all(|&count| count > 0));
    assert_eq!(outcome.report.detections, per_prompt.iter().sum::<u64>());
    let text = std::fs::read_to_string(out.path().join("out.geojson")).unwrap();
    assert!(text.contains("red ground") && text.contains("green ground"));
}

#[test]
fn detections_whose_area_is_unknown_are_kept_and_a_note_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    let bright = |row, col| if row < 3 && col < 3 { 255 } else { 0 };
    Tiff { place: Place::NoCrs, ..Tiff::bytes(64, 64, 3, |row, col, _| bright(row, col)) }.write(&scene);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.scene_options.allow_no_crs = true;
    trial.config.polygons.min_area = MinArea::M2(1e9);
    let report = trial.run().unwrap().report;
    assert_eq!((report.detections, report.prompts[0].below_min_area), (1, 0));
    assert!(report.notes.iter().any(|note| note.contains("so --min-area kept them")), "{:?}", report.notes);
}

#[test]
fn small_detections_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    // A square of 10 x 10 px (25 m2 at 0.5 m) and one of 2 x 2 px (1 m2).
    let square =
        |row: u32, col: u32, at: u32, side: u32| (at..at + side).contains(&row) && (at..at + side).contains(&col);
    paint(
        &scene,
        64,
        64,
        |row, col| if square(row, col, 5, 10) || square(row, col, 40, 2) { [255; 3] } else { [0; 3] },
    );
    for min_area in [MinArea::Px(5), MinArea::M2(5.0)] {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.config.polygons.min_area = min_area;
        let outcome = trial.run().unwrap();
        assert_eq!(outcome.report.prompts[0].below_min_area, 1);
        assert_eq!(outcome.detections.len(), 1);
        assert_eq!(outcome.detections[0].n_px, 100);
        // The mask raster still shows both.
        assert_eq!(outcome.report.prompts[0].mask_px, 104);
    }
}

#[test]
fn detections_less_sure_than_asked_for_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    // Two blocks of 10 px: the doubt of the arithmetic is 0.8 * (1 - p), so 0 for full red and 0.8 * 0.4 for 0.6.
    paint(&scene, 100, 60, |row, col| match (row, col) {
        (10..20, 10..20) => [255, 0, 0],
        (30..40, 50..60) => [153, 0, 0],
        _ => [0, 0, 0],
    });
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.config.polygons.max_uncertainty = Some(0.3);
    let outcome = trial.run().unwrap();
    let prompt = &outcome.report.prompts[0];
    assert_eq!((prompt.detections, prompt.too_uncertain, prompt.mask_px), (1, 1, 200));
    assert_eq!(outcome.detections[0].unc_mean, 0.0);
}

#[test]
fn polygons_alone_and_raster_alone_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 70, 70, waves);
    for (vector, raster, expected) in [
        (Some("a.gpkg"), None, vec!["a.gpkg", "a.report.json"]),
        (None, Some("b.tif"), vec!["b.mask.tif", "b.report.json", "b.tif"]),
    ] {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.config.outputs = OutputConfig {
            vectors: vector.map(|name| out.path().join(name)).into_iter().collect(),
            raster: raster.map(|name| out.path().join(name)),
            ..OutputConfig::default()
        };
        trial.run().unwrap();
        assert_eq!(names_in(out.path()), expected);
    }
}

#[test]
fn a_detection_knows_the_tiles_it_lies_in_and_their_highest_presence() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    // A speck, a bar that crosses tile rows, and a speck in the last tile; blue is row plus column.
    let inside = |row: u32, col: u32| {
        (40..43).contains(&row) && (10..13).contains(&col)
            || (60..101).contains(&row) && col == 120
            || (row, col) == (149, 149)
    };
    paint(&scene, 150, 150, |row, col| [if inside(row, col) { 255 } else { 0 }, 0, (row + col).min(255) as u8]);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.rule = Rule::Presence;
    let detections = trial.run().unwrap().detections;
    // Tiles of 64 px begin at 0, 32, 64 and 86, and their presence is the sum of their first row and column. Row 42
    // lies in those from 0 and 32, column 10 in that from 0; row 100 and column 120 in those from 86.
    let presences: Vec<_> = detections.iter().map(|found| (found.presence.unwrap() * 255.0).round()).collect();
    assert_eq!(presences, [32.0, 86.0 + 86.0, 86.0 + 86.0]);
    // The first speck lies in tiles from rows 0 and 32, the bar in all four rows of tiles and two columns, the last in one.
    assert_eq!(detections.iter().map(|found| found.n_tiles).collect::<Vec<_>>(), [Some(2), Some(4 * 2), Some(1)]);
}

#[test]
fn an_answer_that_is_no_number_is_a_bug_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 100, 100, waves);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.rule = Rule::Nan;
    let error = trial.run().unwrap_err();
    assert!(error.to_string().contains("NaN is no probability"), "{error}");
    assert_eq!(error.exit(), Exit::Bug);
    assert_eq!(names_in(out.path()), [""; 0]);
}

#[test]
fn a_panic_in_a_stage_ends_the_run_with_its_name_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 400, 400, waves);
    for tile in [0, 9, 40] {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.rule = Rule::PanicsAt(tile);
        let error = trial.run().unwrap_err();
        assert!(matches!(error, PipelineError::StagePanic { stage: "infer", .. }), "{error}");
        assert_eq!(error.exit(), Exit::Bug);
        assert_eq!(names_in(out.path()), [""; 0]);
    }
}

#[test]
fn an_interrupt_ends_the_run_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 640, 640, waves);
    for (signal, wait_ms) in [(Signal::Interrupt, 0), (Signal::Interrupt, 300), (Signal::Terminate, 700)] {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.rule = Rule::Slow;
        let interrupt = async move {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            signal
        };
        let error = trial.run_until(interrupt).unwrap_err();
        assert!(matches!(error, PipelineError::Interrupted(by) if by == signal), "{error}");
        assert_eq!(names_in(out.path()), [""; 0], "after {wait_ms} ms");
    }
}

#[test]
fn the_tile_side_is_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, TILE_PX as u32, TILE_PX as u32, waves);
    let out = tempfile::tempdir().unwrap();
    assert_eq!(Trial::new(&scene, out.path()).run().unwrap().report.tiles.planned, 1);
}
