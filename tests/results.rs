//! What is made of the files of a run afterwards: polygons by other rules, what changed, a page; and files beside them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::{Path, PathBuf};

use common::{Trial, bytes_in, names_in, paint, waves};
use geo_io::{StoredDetection, VectorReader};
use pipeline::commands::diff::{DiffRequest, diff};
use pipeline::commands::report::{ReportRequest, report};
use pipeline::commands::vectorize::{VectorizeRequest, vectorize};
use pipeline::config::PolygonConfig;
use pipeline::logging::Verbosity;

fn request(rasters: &[PathBuf], out: &Path) -> VectorizeRequest {
    VectorizeRequest {
        rasters: rasters.to_vec(),
        vectors: vec![out.to_owned()],
        threshold: None,
        polygons: PolygonConfig::default(),
        rfc7946: false,
        styles: false,
        overwrite: false,
        verbosity: Verbosity::Quiet,
    }
}

/// Every detection of a file but for the number of its tiles, which rasters do not tell.
fn without_tiles(path: &Path) -> Vec<StoredDetection> {
    let mut found = Vec::new();
    let keep = |mut detection: StoredDetection| {
        detection.numbers.remove("n_tiles");
        found.push(detection);
    };
    VectorReader::open(path).unwrap().read(None, keep).unwrap();
    assert!(!found.is_empty());
    found
}

#[test]
fn vectorizing_by_the_rules_of_the_run_gives_its_polygons_and_other_rules_others() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 200, 700, waves);
    let out = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&scene, out.path());
    trial.prompts = vec!["red ground", "green ground"];
    trial.config.outputs.vectors.push(out.path().join("out.gpkg"));
    let outcome = trial.run().unwrap();
    let rasters = ["out.red-ground.tif", "out.green-ground.tif"].map(|name| out.path().join(name));
    for name in ["geojson", "gpkg"] {
        let again = folder.path().join(format!("again.{name}"));
        vectorize(&request(&rasters, &again)).unwrap();
        let first = out.path().join(format!("out.{name}"));
        assert_eq!(without_tiles(&again), without_tiles(&first), "{name}");
    }
    let fewer = folder.path().join("fewer.geojson");
    vectorize(&VectorizeRequest { threshold: Some(0.8), ..request(&rasters, &fewer) }).unwrap();
    let count = |path: &Path| std::fs::read_to_string(path).unwrap().matches("\"Feature\"").count();
    assert!(count(&fewer) > 0 && count(&fewer) as u64 != outcome.report.detections);
    let twice = vectorize(&request(&[rasters[0].clone(), rasters[0].clone()], &folder.path().join("t.geojson")));
    assert!(twice.unwrap_err().to_string().contains("two rasters are of the prompt"));
    let mask = vectorize(&request(&[out.path().join("out.red-ground.mask.tif")], &folder.path().join("m.geojson")));
    assert!(mask.unwrap_err().to_string().contains("no raster of geophrase segment"));
}

#[test]
fn styles_a_project_classes_and_optimized_rasters_are_there_when_asked_for_and_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 150, 150, waves);
    let run = || {
        let out = tempfile::tempdir().unwrap();
        let mut trial = Trial::new(&scene, out.path());
        let outputs = &mut trial.config.outputs;
        (outputs.styles, outputs.cog) = (true, true);
        outputs.class_raster = Some(out.path().join("classes.tif"));
        outputs.qgis_project = Some(out.path().join("look.qgz"));
        let outcome = trial.run().unwrap();
        assert_eq!(outcome.files.len(), 9);
        let names = names_in(out.path());
        let expected = [
            "classes.qml",
            "classes.tif",
            "look.qgz",
            "out.geojson",
            "out.mask.qml",
            "out.mask.tif",
            "out.qml",
            "out.report.json",
            "out.tif",
        ];
        assert_eq!(names, expected);
        // Vector and raster share a stem, and so a style.
        let style = std::fs::read_to_string(out.path().join("out.qml")).unwrap();
        assert!(style.contains("<renderer-v2") && style.contains("<rasterrenderer"));
        let mut files = bytes_in(out.path());
        // The scene is seen from another folder each time.
        files.retain(|(name, _)| name != "look.qgz");
        files
    };
    assert!(run() == run());
}

#[test]
fn a_page_holds_all_it_needs_and_a_run_differs_from_itself_in_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 150, 150, waves);
    let out = tempfile::tempdir().unwrap();
    let outcome = Trial::new(&scene, out.path()).run().unwrap();
    let page = folder.path().join("page.html");
    let wanted = ReportRequest {
        report: out.path().join("out.report.json"),
        out: page.clone(),
        scene: None,
        detections: 3,
        overwrite: false,
    };
    report(&wanted).unwrap();
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.contains("data:image/png;base64,iVBOR") && !text.contains("src=\"http") && !text.contains("__DATA__"));
    let json = text.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(json).unwrap();
    let listed = data["detections"].as_array().unwrap();
    assert_eq!(listed.len() as u64, outcome.report.detections.min(3));
    assert_eq!(listed[0]["numbers"]["review_rank"], 1.0);
    // All pixels have a result, so all are in the histogram.
    let counts: u64 = data["histograms"][0]["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(counts, 150 * 150);
    assert!(report(&ReportRequest { report: scene.clone(), out: folder.path().join("n.html"), ..wanted }).is_err());

    let changes = folder.path().join("changes.geojson");
    let polygons = out.path().join("out.geojson");
    diff(&DiffRequest {
        before: polygons.clone(),
        after: polygons,
        out: Some(changes.clone()),
        min_iou: 0.1,
        same_iou: 0.95,
        overwrite: false,
    })
    .unwrap();
    assert!(!std::fs::read_to_string(changes).unwrap().contains("\"Feature\""));
}
