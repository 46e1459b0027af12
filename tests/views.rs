//! Pixel sizes and frames, from scene to files, with a predictor made of arithmetic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::Path;

use common::tiff::Tiff;
use common::{Rule, Trial, band, bytes_in, names_in, paint, waves};
use pipeline::config::OutputConfig;
use pipeline::exit::Exit;
use pipeline::tiling::Overlap;
use pipeline::view::choice::{FrameChoice, Resolution};
use pipeline::view::choose::Frame;

/// A scene on dark ground with red at columns 20 and 100, so that two tiles of 64 px see one red pixel each.
fn two_red_pixels(path: &Path) {
    paint(path, 120, 100, |row, col| {
        let ground = waves(row, col).map(|value| value / 2);
        if row == 40 && (col == 20 || col == 100) { [255, 0, 0] } else { ground }
    });
}

/// The columns that a raster marks with a probability above one half.
fn marked(raster: &Path, width: usize) -> Vec<usize> {
    let probability = band(raster, 1);
    let is_marked = |col: &usize| probability.iter().skip(*col).step_by(width).any(|p| p.is_some_and(|p| p > 0.5));
    (0..width).filter(is_marked).collect()
}

#[test]
fn a_scene_shown_at_another_pixel_size_comes_back_on_its_own_grid() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 150, 170, waves);
    for (resolution, side_px, tolerance) in [(Resolution::Metres(1.0), 128, 3.0), (Resolution::Px(1.25), 80, 2.0)] {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.config.views.resolution = resolution;
        let report = trial.run().unwrap().report;
        assert_eq!((report.views.tile.side_px, report.views.tile.model_px.clone()), (side_px, vec![64]));
        let shown_m = report.views.tile.pixel_size_m[0].unwrap();
        assert!((shown_m - 0.5 * side_px as f64 / 64.0).abs() < 0.001, "{shown_m}");
        assert_eq!(report.options.resolution, resolution.to_string());
        assert!(report.notes.iter().any(|note| note.contains("shown to the model at")), "{:?}", report.notes);
        let probability = band(&out.path().join("out.tif"), 1);
        assert_eq!(probability.len(), 150 * 170);
        for row in 4..166 {
            for col in 4..146 {
                // Smooth waves lose little in a coarser picture.
                let got = probability[row * 150 + col].unwrap() * 255.0;
                let expected = f32::from(waves(row as u32, col as u32)[0]);
                assert!((got - expected).abs() < tolerance, "{got} is not {expected} at {row}, {col}, {resolution}");
            }
        }
    }
}

#[test]
fn a_constant_predictor_gives_a_constant_raster_at_any_pixel_size() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 270, 230, waves);
    for resolution in [Resolution::Px(1.7), Resolution::Px(3.0)] {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.rule = Rule::Constant(0.7, 0.2);
        trial.config.views.resolution = resolution;
        trial.config.views.sizes = "1,0.5".parse().unwrap();
        trial.run().unwrap();
        for (number, expected) in [(1, 0.7), (2, 0.2)] {
            let values = band(&out.path().join("out.tif"), number);
            assert!(values.iter().all(|value| *value == values[0]), "band {number} at {resolution}");
            assert!((values[0].unwrap() - expected).abs() < 1e-5);
        }
    }
}

#[test]
fn a_predictor_that_is_wrong_at_its_edges_leaves_no_step_at_a_seam_of_larger_tiles() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 800, 128, waves);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.rule = Rule::FadesToTheEdge;
    trial.config.views.resolution = Resolution::Px(2.0);
    trial.config.overlap = Overlap::Px(64);
    trial.run().unwrap();
    let row: Vec<f32> = band(&out.path().join("out.tif"), 1)[64 * 800..65 * 800].iter().map(|p| p.unwrap()).collect();
    // A tile alone climbs by 0.2 / 16 = 0.0125 per pixel of the model, which is two of the scene.
    let steepest = row.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest > 0.005 && steepest <= 0.0063, "a step of {steepest}");
}

#[test]
fn batch_size_and_readers_do_not_change_a_byte_at_another_pixel_size_and_with_two_frames() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 300, 200, |row, col| if col < 140 { [90, 90, 90] } else { waves(row, col) });
    let run = |batch: usize, readers: usize| {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.prompts = vec!["ground", "the leftmost ground"];
        trial.config.views.resolution = Resolution::Px(1.5);
        (trial.config.batch, trial.config.readers) = (batch, readers);
        let report = trial.run().unwrap().report;
        assert_eq!(report.prompts.iter().map(|p| p.frame).collect::<Vec<_>>(), [Frame::Tile, Frame::Scene]);
        bytes_in(out.path())
    };
    let first = run(1, 1);
    for (batch, readers) in [(2, 3), (7, 1), (64, 16)] {
        assert!(first == run(batch, readers), "files differ at batch {batch} with {readers} readers");
    }
}

#[test]
fn in_a_small_scene_each_prompt_is_answered_in_its_own_frame() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    two_red_pixels(&scene);
    let run = |prompts: &[&'static str], frame: FrameChoice| {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.rule = Rule::Leftmost;
        trial.prompts = prompts.to_vec();
        trial.config.views.frame = frame;
        let report = trial.run().unwrap().report;
        (out, report)
    };
    let (alone, _) = run(&["ground"], FrameChoice::Auto);
    let (both, report) = run(&["ground", "the leftmost pixel"], FrameChoice::Auto);
    let of = |out: &tempfile::TempDir, name: &str| out.path().join(name);
    assert_eq!(marked(&of(&both, "out.the-leftmost-pixel.tif"), 120), [20]);
    // What does not depend on the frame is answered as if nothing else had been asked.
    for number in [1, 2] {
        assert_eq!(band(&of(&both, "out.ground.tif"), number), band(&of(&alone, "out.tif"), number));
    }
    assert_eq!(report.prompts.iter().map(|prompt| prompt.frame).collect::<Vec<_>>(), [Frame::Tile, Frame::Scene]);
    let whole = report.views.scene.as_ref().unwrap();
    assert_eq!((whole.side_px, whole.model_px.clone()), (128, vec![128]));
    assert!(report.notes.iter().any(|note| note.contains("the whole scene is one view")), "{:?}", report.notes);
    assert!(report.tiles.planned > 1);

    let (tiles, report) = run(&["the leftmost pixel"], FrameChoice::Tile);
    assert_eq!(marked(&of(&tiles, "out.tif"), 120), [20, 100]);
    assert_eq!((report.prompts[0].frame, report.options.frame.as_str()), (Frame::Tile, "tile"));
    assert!(report.notes.iter().any(|note| note.contains("answered tile by tile")), "{:?}", report.notes);

    let (whole, report) = run(&["the leftmost pixel"], FrameChoice::Auto);
    assert_eq!(marked(&of(&whole, "out.tif"), 120), [20]);
    assert_eq!((report.tiles.planned, report.tiles.computed), (1, 1));

    // Asked for, every prompt sees the scene.
    let (_, report) = run(&["ground", "the leftmost pixel"], FrameChoice::Scene);
    assert_eq!(report.prompts.iter().map(|prompt| prompt.frame).collect::<Vec<_>>(), [Frame::Scene; 2]);
    assert_eq!(report.tiles.planned, 1);
}

#[test]
fn a_scene_seen_whole_keeps_its_nodata() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    for valid_from in [60, 120] {
        let mut tiff =
            Tiff::bytes(
                120,
                70,
                3,
                |row, col, band| {
                    if col < valid_from { 0 } else { 1 + waves(row, col)[band as usize] % 200 }
                },
            );
        tiff.nodata = Some("0");
        tiff.write(&scene);
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.prompts = vec!["ground", "the largest ground"];
        let report = trial.run().unwrap().report;
        assert_eq!(report.valid_px, u64::from(120 - valid_from) * 70);
        for name in ["out.ground.tif", "out.the-largest-ground.tif"] {
            let probability = band(&out.path().join(name), 1);
            let there = |(i, p): (usize, &Option<f32>)| p.is_some() == (i as u32 % 120 >= valid_from);
            assert!(probability.iter().enumerate().all(there), "{name} from column {valid_from}");
        }
    }
}

#[test]
fn scenes_smaller_than_a_view_are_padded_and_come_back_whole() {
    for (width, height, resolution) in [(1, 1, 4.0), (90, 3, 2.0), (10, 200, 3.0)] {
        let folder = tempfile::tempdir().unwrap();
        let scene = folder.path().join("scene.tif");
        paint(&scene, width, height, |_, _| [200, 10, 10]);
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.config.views.resolution = Resolution::Px(resolution);
        let report = trial.run().unwrap().report;
        assert_eq!((report.valid_px, report.detections), (u64::from(width * height), 1));
        let probability = band(&out.path().join("out.tif"), 1);
        assert!(probability.iter().all(|p| (p.unwrap() - 200.0 / 255.0).abs() < 1e-5));
    }
}

#[test]
fn a_scene_too_large_for_one_view_is_a_usage_error_that_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    // Eight views of 128 px are 1,024 px.
    paint(&scene, 1025, 20, |_, _| [9; 3]);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.config.views.frame = FrameChoice::Scene;
    let error = trial.run().unwrap_err();
    assert!(error.to_string().contains("too large for --frame scene: at most 1024 px"), "{error}");
    assert_eq!(error.exit(), Exit::Usage);
    assert_eq!(names_in(out.path()), [""; 0]);
}

#[test]
fn an_answer_about_the_scene_that_is_no_number_is_a_bug_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 100, 100, waves);
    for rule in [Rule::Nan, Rule::PanicsAt(0)] {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        trial.prompts = vec!["ground", "the leftmost ground"];
        trial.rule = rule;
        let error = trial.run().unwrap_err();
        assert_eq!(error.exit(), Exit::Bug, "{error}");
        assert_eq!(names_in(out.path()), [""; 0]);
    }
}

#[test]
fn a_vector_file_alone_is_enough_for_two_frames() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    two_red_pixels(&scene);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.rule = Rule::Leftmost;
    trial.prompts = vec!["the leftmost pixel", "ground"];
    trial.config.outputs = OutputConfig { vectors: vec![out.path().join("a.gpkg")], ..OutputConfig::default() };
    let outcome = trial.run().unwrap();
    // The column of the leftmost pixel is 100 rows of one column.
    let found: Vec<u64> = outcome
        .detections
        .iter()
        .filter(|found| found.prompt == "the leftmost pixel")
        .map(|found| found.n_px)
        .collect();
    assert_eq!(found, [100]);
}
