//! The built binary with the shipped weights: everything that `segment` writes, by a plan and by a job too, and the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{bytes_in, paint, shipped_model, waves};
use serde_json::Value;

const CUTLINE: &str = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::32633"}},
"features":[{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[500005,5299995],
[500080,5299990],[500060,5299920],[500005,5299995]]]}}]}"#;
const PROMPTS: [&str; 4] = ["-p", "a pond", "-p", "bare ground"];
const POLYGONS: [&str; 6] = ["--min-area", "5px", "--simplify", "1", "--threshold", "0.3"];
const BESIDE: [&str; 5] = ["--cog", "--styles", "--stac", "--cutline", "cut.geojson"];

fn desk() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    paint(&folder.path().join("scene.tif"), 200, 200, waves);
    std::fs::write(folder.path().join("cut.geojson"), CUTLINE).unwrap();
    for name in ["segment", "kept", "plan", "batch"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    folder
}

fn ends(folder: &Path, args: &[&str], code: i32) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
    command.env_remove("RUST_LOG").env("GEOPHRASE_MODEL", shipped_model()).current_dir(folder).args(args);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?} said {said:?}");
    said
}

fn segment(folder: &Path, out: &str, more: &[&str]) {
    let at = |end: &str| format!("{out}/scene.{end}");
    let (geojson, gpkg, tif, classes, qgz) = (at("geojson"), at("gpkg"), at("tif"), at("classes.tif"), at("qgz"));
    let mut args = vec!["segment", "scene.tif", "-o", &geojson, "-o", &gpkg, "--raster", &tif];
    args.extend(["--class-raster", &classes, "--qgis-project", &qgz]);
    args.extend(PROMPTS.iter().chain(&POLYGONS).chain(&BESIDE).chain(more));
    ends(folder, &args, 0);
}

/// All results, the Item without what tells one run from another: seconds, and the report that holds them.
fn results(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = bytes_in(folder);
    files.retain(|(name, _)| name.starts_with("scene.") && !name.ends_with(".manifest.json"));
    for (name, bytes) in &mut files {
        if name.ends_with(".stac.json") {
            let mut item: Value = serde_json::from_slice(bytes).unwrap();
            item["properties"]["geophrase:seconds"] = Value::Null;
            for what in ["file:size", "file:checksum"] {
                item["assets"]["report"][what] = Value::Null;
            }
            *bytes = serde_json::to_vec_pretty(&item).unwrap();
        }
    }
    files
}

fn assert_same(folder: &Path, other: &str) {
    let (expected, found) = (results(&folder.join("segment")), results(&folder.join(other)));
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected), "{other}");
    for ((name, expected), (_, found)) in expected.iter().zip(&found) {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let is_text = name.ends_with(".json") || name.ends_with(".geojson");
        assert!(found == expected || !is_text, "{other}/{name}: {} instead of {}", shown(found), shown(expected));
        assert!(found == expected, "{other}/{name} differs");
    }
}

#[test]
fn a_plan_a_job_and_a_checkpoint_write_what_segment_writes_byte_for_byte() {
    let desk = desk();
    let folder = desk.path();
    segment(folder, "segment", &[]);
    // Polygons, a table, two rasters, two masks, classes, a project, an Item, and styles of all but the table.
    assert_eq!(results(&folder.join("segment")).len(), 1 + 1 + 2 + 2 + 1 + 1 + 1 + 6);

    segment(folder, "kept", &["--checkpoint", "tiles"]);
    assert_same(folder, "kept");

    let mut args = vec!["plan", "scene.tif", "--out", "plan", "--format", "geojson", "--format", "gpkg"];
    args.extend(["--class-raster", "--qgis-project", "qgz"]);
    args.extend(PROMPTS.iter().chain(&POLYGONS).chain(&BESIDE));
    ends(folder, &args, 0);
    ends(folder, &["run", "--plan", "plan/plan.json"], 0);
    ends(folder, &["merge", "--plan", "plan/plan.json"], 0);
    assert_same(folder, "plan");

    let job = "scenes = [\"scene.tif\"]\nprompts = [\"a pond\", \"bare ground\"]\noutput = \"batch\"\n\
        polygons = [\"geojson\", \"gpkg\"]\nraster = true\nclass_raster = true\nqgis_project = \"qgz\"\n\
        cog = true\nstyles = true\nstac = true\n\
        [options]\nmin_area = \"5px\"\nsimplify = 1\nthreshold = 0.3\ncutline = \"cut.geojson\"\n";
    std::fs::write(folder.join("job.toml"), job).unwrap();
    ends(folder, &["batch", "job.toml"], 0);
    assert_same(folder, "batch");
}

#[test]
fn a_cutline_that_changes_under_a_plan_stops_it_and_makes_a_job_work_anew() {
    let desk = desk();
    let folder = desk.path();
    ends(folder, &["plan", "scene.tif", "-p", "a pond", "--out", "plan", "--cutline", "cut.geojson"], 0);
    let job =
        "scenes = [\"scene.tif\"]\nprompts = [\"a pond\"]\noutput = \"batch\"\n[options]\ncutline = \"cut.geojson\"\n";
    std::fs::write(folder.join("job.toml"), job).unwrap();
    ends(folder, &["batch", "job.toml"], 0);
    std::fs::write(folder.join("cut.geojson"), CUTLINE.replace("500060,5299920", "500070,5299930")).unwrap();
    let said = ends(folder, &["run", "--plan", "plan/plan.json"], 78);
    assert!(said.contains("the cutline") && said.contains("has changed"), "{said}");
    let said = ends(folder, &["batch", "job.toml", "-v"], 0);
    assert!(said.contains("1 done"), "{said}");
}
