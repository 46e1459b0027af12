//! A plan run in any number of pieces, by any number of processes, with any interruptions, ends with the same bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::tiff::Tiff;
use common::{Arithmetic, Rule, Trial, bytes_in, names_in, paint, waves};
use geo_io::SceneOptions;
use model::Segmenter;
use pipeline::budget::Ram;
use pipeline::config::{OnBadTile, OutputConfig, RunConfig};
use pipeline::engine;
use pipeline::exit::{Exit, one_line};
use pipeline::fingerprint::Fingerprint;
use pipeline::plan::{Plan, PlanOptions, PlannedScene, planned_name};
use pipeline::remote::{RemoteOptions, Source};
use pipeline::run::Outcome;
use pipeline::run::merge::{MergeJob, merge};
use pipeline::run::units::{UnitsJob, UnitsOutcome, run_units};
use pipeline::unit::Shard;
use pipeline::{PipelineError, Signal};

/// A plan of one scene whose outputs go to a folder.
fn planned(scene: &Path, out: &Path, prompts: &[&str], config: &RunConfig, tiles_per_unit: usize) -> Arc<Plan> {
    let prompts: Vec<String> = prompts.iter().map(|&text| text.to_owned()).collect();
    let model = engine::described(Arithmetic::new(Rule::Brightness, &prompts).info());
    let options = PlanOptions::new(&SceneOptions::default(), config);
    let mut plan = Plan::new("arithmetic".into(), model, prompts, options);
    let source = Source::local(scene.as_os_str());
    let scene = PlannedScene {
        name: planned_name(scene.as_os_str()).unwrap(),
        fingerprint: Fingerprint::of(scene.as_os_str()),
        scaling: None,
        grid: [0, 0],
        vectors: vec![out.join("out.geojson")],
        raster: Some(out.join("out.tif")),
        class_raster: None,
        qgis_project: None,
        report: None,
    };
    plan.lay_out(scene, &source, tiles_per_unit).unwrap();
    Arc::new(plan)
}

fn job(plan: &Arc<Plan>, folder: &Path, shard: Shard, rule: Rule, batch: usize) -> UnitsJob {
    let prompts = plan.prompts.clone();
    UnitsJob {
        plan: plan.clone(),
        folder: folder.to_owned(),
        units: Box::new(shard.units(plan.units.len())),
        each: Box::new(|_, _| {}),
        open_model: Box::new(move || Ok(Box::new(Arithmetic::new(rule, &prompts)))),
        source: None,
        remote: RemoteOptions::default(),
        batch,
        readers: 2,
        ram: Ram::HalfOfFree,
        watched: false,
    }
}

fn run_shard(plan: &Arc<Plan>, folder: &Path, shard: Shard) -> UnitsOutcome {
    run_units(job(plan, folder, shard, Rule::Leftmost, 1 + shard.index), std::future::pending()).unwrap()
}

fn merged(plan: &Arc<Plan>, folder: &Path) -> Result<Outcome, PipelineError> {
    let job = MergeJob {
        plan: plan.clone(),
        folder: folder.to_owned(),
        scene: 0,
        source: None,
        remote: RemoteOptions::default(),
        keep_detections: 0,
        resumed: 0,
        outputs: None,
        overwrite: false,
        ram: Ram::HalfOfFree,
    };
    merge(job, std::future::pending())
}

/// Prompts of both frames, all layers, a collar and blank ground.
fn demanding(folder: &Path) -> (PathBuf, RunConfig, [&'static str; 2]) {
    let scene = folder.join("scene.tif");
    let mut tiff = Tiff::bytes(210, 200, 3, |row, col, band| match (row, col) {
        (0..20, _) | (_, 0..9) => 0,
        (90..160, 100..) => 90,
        _ => 1 + waves(row, col)[band as usize] % 250,
    });
    tiff.nodata = Some("0");
    tiff.write(&scene);
    let mut config = RunConfig::new(OutputConfig::default());
    config.raw_uncertainty = true;
    (scene, config, ["bright ground", "the leftmost tank"])
}

#[test]
fn any_number_of_shards_merges_to_the_bytes_of_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let (scene, config, prompts) = demanding(folder.path());
    let whole = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, whole.path());
    trial.prompts = prompts.to_vec();
    trial.rule = Rule::Leftmost;
    trial.config.raw_uncertainty = true;
    let outcome = trial.run().unwrap();
    let expected = bytes_in(whole.path());
    assert_eq!(expected.len(), 5);
    for count in [1, 2, 3, 5, 8] {
        let (work, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let plan = planned(&scene, out.path(), &prompts, &config, 12);
        assert!(plan.units.len() >= 3, "{} units", plan.units.len());
        plan.write(work.path()).unwrap();
        // The last shard first: the order in which units come about must not matter.
        for index in (0..count).rev() {
            run_shard(&plan, work.path(), Shard { index, count });
        }
        let merged = merged(&plan, work.path()).unwrap();
        assert!(bytes_in(out.path()) == expected, "{count} shards give other bytes");
        assert_eq!(
            (merged.report.valid_px, merged.report.nodata_px),
            (outcome.report.valid_px, outcome.report.nodata_px)
        );
        assert_eq!(merged.report.tiles.planned, outcome.report.tiles.planned);
        assert_eq!(merged.report.tiles.empty, outcome.report.tiles.empty);
    }
}

#[test]
fn fault_4_an_interrupted_run_goes_on_where_it_was_and_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 150, 150, waves);
    let whole = tempfile::tempdir().unwrap();
    Trial::new(&scene, whole.path()).run().unwrap();
    let (work, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = RunConfig::new(OutputConfig::default());
    let plan = planned(&scene, out.path(), &["bright ground"], &config, 8);
    plan.write(work.path()).unwrap();
    let mut interruptions = 0;
    let outcome = loop {
        let after = async {
            tokio::time::sleep(Duration::from_millis(130)).await;
            Signal::Terminate
        };
        match run_units(job(&plan, work.path(), Shard::WHOLE, Rule::Slow, 1), after) {
            Ok(outcome) => break outcome,
            Err(error) => assert_eq!(error.exit(), Exit::Terminated, "{}", one_line(&error)),
        }
        interruptions += 1;
        assert!(interruptions < 100, "it never ends");
        assert_eq!(merged(&plan, work.path()).unwrap_err().exit(), Exit::UnreadableScene);
    };
    assert!(interruptions >= 2 && outcome.tiles.resumed > 0, "{interruptions} interruptions, {:?}", outcome.tiles);
    assert_eq!(outcome.tiles.planned, 16);
    merged(&plan, work.path()).unwrap();
    assert_eq!(bytes_in(out.path()), bytes_in(whole.path()));
}

#[test]
fn holes_are_kept_in_logs_and_merge_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 400, 900, waves);
    let bytes = std::fs::read(&scene).unwrap();
    std::fs::write(&scene, &bytes[..bytes.len() * 7 / 10]).unwrap();
    let whole = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, whole.path());
    trial.config.on_bad_tile = OnBadTile::Hole;
    let outcome = trial.run().unwrap();
    let (work, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = RunConfig::new(OutputConfig::default());
    config.on_bad_tile = OnBadTile::Hole;
    let plan = planned(&scene, out.path(), &["bright ground"], &config, 40);
    run_shard(&plan_in(&plan, work.path()), work.path(), Shard::WHOLE);
    let merged = merged(&plan, work.path()).unwrap();
    assert_eq!(bytes_in(out.path()), bytes_in(whole.path()));
    assert!(merged.report.tiles.failed > 0);
    let px = |outcome: &Outcome| outcome.report.holes.iter().map(|hole| (hole.window, hole.px)).collect::<Vec<_>>();
    assert_eq!((px(&merged), merged.report.hole_px), (px(&outcome), outcome.report.hole_px));
}

/// A small scene, and its plan in a folder of its own.
struct Small {
    folder: tempfile::TempDir,
    scene: PathBuf,
    work: tempfile::TempDir,
    out: tempfile::TempDir,
    plan: Arc<Plan>,
}

impl Small {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scene = folder.path().join("scene.tif");
        paint(&scene, 150, 150, waves);
        let (work, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config = RunConfig::new(OutputConfig::default());
        let plan = plan_in(&planned(&scene, out.path(), &["bright ground"], &config, 8), work.path());
        Self { folder, scene, work, out, plan }
    }
}

/// The plan, written into a folder.
fn plan_in(plan: &Arc<Plan>, folder: &Path) -> Arc<Plan> {
    plan.write(folder).unwrap();
    plan.clone()
}

#[test]
fn fault_22_a_scene_replaced_after_the_plan_was_made_fails_its_units_and_its_merge() {
    let Small { folder: _kept, scene, work, out, plan } = Small::new();
    assert!(run_shard(&plan, work.path(), Shard { index: 0, count: 2 }).failed.is_empty());
    std::fs::remove_file(&scene).unwrap();
    paint(&scene, 150, 150, |row, col| waves(row + 1, col));
    let outcome = run_shard(&plan, work.path(), Shard::WHOLE);
    assert!(!outcome.failed.is_empty());
    for (_, error) in &outcome.failed {
        assert_eq!(error.exit(), Exit::UnusableScene, "{}", one_line(error));
    }
    assert_eq!(merged(&plan, work.path()).unwrap_err().exit(), Exit::UnusableScene);
    assert_eq!(names_in(out.path()), [""; 0]);
}

#[test]
fn fault_16_a_unit_in_another_process_s_hands_is_left_to_it() {
    let Small { folder: _kept, scene: _, work, out: _, plan } = Small::new();
    let log = std::fs::File::create(Plan::log_of(work.path(), 0)).unwrap();
    log.lock().unwrap();
    let outcome = run_shard(&plan, work.path(), Shard::WHOLE);
    assert_eq!((outcome.locked.as_slice(), outcome.finished), (&[0][..], plan.units.len() - 1));
    drop(log);
    assert_eq!(run_shard(&plan, work.path(), Shard::WHOLE).finished, plan.units.len());
}

#[test]
fn fault_68_a_plan_that_was_changed_or_is_another_s_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 150, 150, waves);
    let (work, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = RunConfig::new(OutputConfig::default());
    let plan = planned(&scene, out.path(), &["bright ground"], &config, 8);
    let path = plan.write(work.path()).unwrap();
    assert_eq!(*plan, Plan::read(&path).unwrap());
    // The same plan again is no other plan.
    plan.write(work.path()).unwrap();
    let other = planned(&scene, out.path(), &["bright grounds"], &config, 8);
    assert_eq!(other.write(work.path()).unwrap_err().exit(), Exit::Config);

    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in [("bright ground", "dark ground"), ("\"threshold\": 0.5", "\"threshold\": 0.25"), ("{", "[")] {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = Plan::read(&path).unwrap_err();
        assert_eq!(error.exit(), Exit::Config, "{}", one_line(&error));
    }
}

#[test]
fn a_damaged_finished_unit_is_named_and_nothing_is_written() {
    let Small { folder: _kept, scene: _, work, out, plan } = Small::new();
    run_shard(&plan, work.path(), Shard::WHOLE);
    let log = Plan::finished_log(work.path(), 1);
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&log, bytes).unwrap();
    let error = merged(&plan, work.path()).unwrap_err();
    assert!(one_line(&error).contains("unit-000001.done"), "{}", one_line(&error));
    assert_eq!(names_in(out.path()), [""; 0]);
    std::fs::remove_file(&log).unwrap();
    run_shard(&plan, work.path(), Shard::WHOLE);
    assert!(merged(&plan, work.path()).is_ok());
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_plan_or_an_error(damage in proptest::collection::vec((0_usize..2000, 0_u8..128), 1..4)) {
        let folder = tempfile::tempdir().unwrap();
        let scene = folder.path().join("scene.tif");
        paint(&scene, 70, 70, waves);
        let config = RunConfig::new(OutputConfig::default());
        let plan = planned(&scene, folder.path(), &["bright ground"], &config, 8);
        let path = plan.write(&folder.path().join("job")).unwrap();
        let mut text = std::fs::read(&path).unwrap();
        for (at, byte) in damage {
            let at = at % text.len();
            text[at] = byte;
        }
        std::fs::write(&path, text).unwrap();
        if let Ok(read) = Plan::read(&path) {
            proptest::prop_assert_eq!(read, (*plan).clone());
        }
    }
}
