//! Tiles that cannot be read or answered: a failed run, or holes that are counted and located.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::Path;

use common::{Rule, Trial, band, names_in, paint, waves};
use pipeline::PipelineError;
use pipeline::config::OnBadTile;
use pipeline::exit::{Exit, one_line};
use pipeline::run::Outcome;

/// A run over a scene with holes allowed.
fn with_holes(scene: &Path, out: &Path, rule: Rule) -> Result<Outcome, PipelineError> {
    let mut trial = Trial::new(scene, out);
    trial.config.on_bad_tile = OnBadTile::Hole;
    // With styles, the report is not the last file that is written.
    trial.config.outputs.styles = true;
    trial.rule = rule;
    trial.run()
}

#[test]
fn fault_28_the_readable_part_of_a_cut_scene_is_worked_on_and_the_rest_is_counted_and_located() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("cut.tif");
    paint(&scene, 900, 900, waves);
    let bytes = std::fs::read(&scene).unwrap();
    for part in [40, 60, 80, 95] {
        std::fs::write(&scene, &bytes[..bytes.len() * part / 100]).unwrap();
        let out = tempfile::tempdir().unwrap();
        let outcome = with_holes(&scene, out.path(), Rule::Brightness).unwrap();
        let report = &outcome.report;
        assert!(report.tiles.failed > 0 && report.tiles.computed > 0, "{part} %: {:?}", report.tiles);
        assert_eq!(report.valid_px + report.nodata_px + report.hole_px, 900 * 900, "{part} %");
        assert_eq!(report.holes.len() as u64, report.tiles.failed);
        assert_eq!(report.holes.iter().map(|hole| hole.px).sum::<u64>(), report.hole_px, "{part} %");
        let first = &report.holes[0];
        assert!(first.reason.contains("cannot read"), "{}", first.reason);
        let x = 500_000.0 + 0.5 * f64::from(first.window.col_off);
        assert_eq!((first.bbox[0], first.bbox[2] - first.bbox[0]), (x, 0.5 * f64::from(first.window.width)));

        let probability = band(&out.path().join("out.tif"), 1);
        assert_eq!(probability.iter().filter(|value| value.is_none()).count() as u64, report.hole_px);
        for (i, value) in probability.iter().enumerate().filter_map(|(i, value)| Some((i, (*value)?))) {
            let expected = f32::from(waves(i as u32 / 900, i as u32 % 900)[0]) / 255.0;
            assert!((value - expected).abs() < 1e-5, "{part} %, pixel {i}: a failed neighbour shows through");
        }
        let error = outcome.whole().unwrap_err();
        assert_eq!(error.exit() as u8, 4);
        assert!(one_line(&error).contains("out.report.json"), "{}", one_line(&error));
    }
}

#[test]
fn fault_37_a_tile_that_the_model_answers_with_no_number_is_a_hole_and_its_neighbours_cover_their_share() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 200, 64, waves);
    let out = tempfile::tempdir().unwrap();
    // Tiles start at 0, 32, 64, 96, 128, 136: the first alone covers columns 0 to 31.
    let outcome = with_holes(&scene, out.path(), Rule::NanAt(0)).unwrap();
    assert_eq!((outcome.report.tiles.failed, outcome.report.hole_px), (1, 32 * 64));
    assert!(outcome.report.holes[0].reason.contains("no probability"), "{}", outcome.report.holes[0].reason);
    // The second lies wholly under its neighbours.
    let out = tempfile::tempdir().unwrap();
    let outcome = with_holes(&scene, out.path(), Rule::NanAt(1)).unwrap();
    assert_eq!((outcome.report.tiles.failed, outcome.report.hole_px, outcome.report.valid_px), (1, 0, 200 * 64));
}

#[test]
fn a_scene_of_which_no_tile_has_an_answer_is_unreadable_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 100, 100, waves);
    let out = tempfile::tempdir().unwrap();
    let error = with_holes(&scene, out.path(), Rule::Nan).unwrap_err();
    assert_eq!(error.exit(), Exit::UnreadableScene, "{}", one_line(&error));
    assert_eq!(names_in(out.path()), [""; 0]);
}

#[test]
fn a_scene_without_failed_tiles_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 100, 100, waves);
    let out = tempfile::tempdir().unwrap();
    let outcome = with_holes(&scene, out.path(), Rule::Brightness).unwrap();
    assert!(outcome.whole().is_ok() && outcome.report.holes.is_empty());
}
