//! STAC Items beside the outputs: valid by the published schemas, and true.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::tiff::{Place, Tiff};
use common::{Trial, paint, waves};
use serde_json::{Value, json};

fn json_in(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What is wrong with each Item by the published schemas; `None` where there is no Python with its package `jsonschema`.
fn faults(items: &[Value]) -> Option<Vec<Vec<String>>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stac/validate.py");
    let mut command = Command::new("python3");
    let Ok(mut python) = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        eprintln!("SKIPPED: no python3 to hold STAC Items against the published schemas");
        return None;
    };
    // It may end before it reads anything.
    let _ = python.stdin.take().unwrap().write_all(&serde_json::to_vec(items).unwrap());
    let output = python.wait_with_output().unwrap();
    if output.status.code() == Some(3) {
        eprintln!("SKIPPED: python3 lacks the package jsonschema, so STAC Items are not held against the schemas");
        return None;
    }
    assert!(output.status.success(), "the validator ends with {}", output.status);
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn assert_valid(item: &Value) {
    if let Some(faults) = faults(std::slice::from_ref(item)) {
        assert_eq!(faults, [Vec::<String>::new()]);
    }
}

/// The Item of a run that writes everything there is.
fn full_item(folder: &Path) -> Value {
    let scene = folder.join("my scene.tif");
    paint(&scene, 150, 120, waves);
    let mut trial = Trial::new(&scene, folder);
    trial.prompts = vec!["red ground", "green ground"];
    trial.config.raw_uncertainty = true;
    let outputs = &mut trial.config.outputs;
    (outputs.styles, outputs.cog, outputs.stac) = (true, true, true);
    outputs.class_raster = Some(folder.join("classes.tif"));
    outputs.qgis_project = Some(folder.join("look.qgz"));
    for end in ["gpkg", "fgb", "geojsonl", "geojsons", "shp"] {
        outputs.vectors.push(folder.join(format!("out.{end}")));
    }
    trial.run().unwrap();
    json_in(&folder.join("out.stac.json"))
}

/// How an Item is broken.
type Break = fn(&mut Value);

#[test]
fn an_item_is_valid_by_the_published_schemas_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let item = full_item(folder.path());
    let breaks: [(&str, Break); 9] = [
        ("item.json", |item| item["bbox"] = json!([1, 2, 3])),
        ("item.json", |item| item["properties"]["end_datetime"] = json!(null)),
        ("mlm", |item| item["properties"]["mlm:name"] = json!("?")),
        ("mlm", |item| item["assets"]["model"]["roles"] = json!(["data"])),
        ("projection", |item| item["properties"]["proj:shape"] = json!([1])),
        ("processing", |item| item["properties"]["processing:software"] = json!("x")),
        ("file", |item| item["assets"]["report"]["file:checksum"] = json!("xyz")),
        ("raster", |item| item["assets"]["classes"]["raster:bands"][0]["data_type"] = json!("u8")),
        ("item.json", |item| item["stac_version"] = json!("0.9.0")),
    ];
    let broken = breaks.iter().map(|(_, change)| {
        let mut item = item.clone();
        change(&mut item);
        item
    });
    let items: Vec<Value> = std::iter::once(item.clone()).chain(broken).collect();
    let Some(faults) = faults(&items) else { return };
    assert_eq!(faults[0], Vec::<String>::new());
    for ((schema, _), faults) in breaks.iter().zip(&faults[1..]) {
        assert!(faults.iter().any(|fault| fault.contains(schema)), "{schema}: {faults:?}");
    }
}

#[test]
fn every_file_of_the_run_is_an_asset_with_its_length_and_hash() {
    let folder = tempfile::tempdir().unwrap();
    let item = full_item(folder.path());
    let assets = item["assets"].as_object().unwrap();
    let mut named = Vec::new();
    for (key, asset) in assets {
        let href = asset["href"].as_str().unwrap();
        if key == "model" {
            assert_eq!(href, "urn:geophrase:model:none");
            continue;
        }
        let file = folder.path().join(href.trim_start_matches("./").replace("%20", " "));
        let bytes = std::fs::read(&file).unwrap();
        named.push(file.file_name().unwrap().to_string_lossy().into_owned());
        if key != "scene" {
            assert_eq!(asset["file:size"], bytes.len(), "{key}");
            // Multihash: 1e for BLAKE3, 20 for 32 bytes.
            assert_eq!(asset["file:checksum"], format!("1e20{}", blake3::hash(&bytes)), "{key}");
        }
    }
    let mut there = common::names_in(folder.path());
    // The Item does not name itself, and the companions of a shapefile go with it.
    there.retain(|name| !["out.stac.json", "out.shx", "out.dbf", "out.prj", "out.cpg"].contains(&name.as_str()));
    named.sort();
    assert_eq!(named, there);
}

#[test]
fn an_item_says_where_when_and_with_what() {
    let folder = tempfile::tempdir().unwrap();
    let item = full_item(folder.path());
    let (properties, bbox) = (&item["properties"], item["bbox"].as_array().unwrap());
    assert_eq!(item["id"], "out");
    assert_eq!(properties["proj:code"], "EPSG:32633");
    assert_eq!(properties["proj:shape"], json!([120, 150]));
    assert_eq!(properties["proj:transform"], json!([0.5, 0.0, 500_000.0, 0.0, -0.5, 5_300_000.0]));
    assert_eq!(properties["proj:bbox"], json!([500_000.0, 5_299_940.0, 500_075.0, 5_300_000.0]));
    // 500 km east in zone 33 is 15 degrees east, and 75 m there are a thousandth of a degree.
    let degrees: Vec<f64> = bbox.iter().map(|value| value.as_f64().unwrap()).collect();
    assert!((degrees[0] - 15.0).abs() < 1e-6 && (degrees[2] - 15.001).abs() < 1e-4, "{degrees:?}");
    assert_eq!(properties["datetime"], Value::Null);
    assert_eq!(properties["geophrase:prompts"][1]["prompt"], "green ground");
    assert_eq!(properties["geophrase:model"]["hash"], "none");
    assert_eq!(properties["geophrase:options"]["threshold"], 0.5);
    assert!(properties["geophrase:seconds"]["total"].as_f64().unwrap() > 0.0);
    assert_eq!(properties["processing:software"]["geophrase"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_scene_that_says_when_it_was_taken_is_of_that_moment() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    let mut tiff = Tiff::bytes(70, 70, 3, |row, col, band| waves(row, col)[usize::from(band)]);
    let taken = "<Item name=\"ACQUISITIONDATETIME\" domain=\"IMAGERY\">2024-05-06 07:08:09</Item>";
    tiff.metadata = Some(format!("<GDALMetadata>{taken}</GDALMetadata>"));
    tiff.write(&scene);
    let mut trial = Trial::new(&scene, folder.path());
    trial.config.outputs.stac = true;
    let outcome = trial.run().unwrap();
    let item = json_in(&folder.path().join("out.stac.json"));
    assert_eq!(item["properties"]["datetime"], "2024-05-06T07:08:09Z");
    assert!(item["properties"].get("start_datetime").is_none());
    assert_valid(&item);
    assert_eq!(outcome.report.scene.datetime.as_deref(), Some("2024-05-06T07:08:09Z"));
}

#[test]
fn a_scene_without_crs_lies_nowhere_and_its_item_is_valid_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    let mut tiff = Tiff::bytes(70, 70, 3, |row, col, band| waves(row, col)[usize::from(band)]);
    tiff.place = Place::Nowhere;
    tiff.write(&scene);
    let mut trial = Trial::new(&scene, folder.path());
    trial.scene_options.allow_no_crs = true;
    trial.config.outputs.stac = true;
    trial.run().unwrap();
    let item = json_in(&folder.path().join("out.stac.json"));
    assert_eq!((&item["geometry"], item.get("bbox")), (&Value::Null, None));
    assert!(item["properties"].get("proj:shape").is_none());
    assert_valid(&item);
}

#[test]
fn the_same_run_gives_the_same_item_but_for_the_seconds_it_took() {
    let timeless = || {
        let folder = tempfile::tempdir().unwrap();
        let mut item = full_item(folder.path());
        item["properties"]["geophrase:seconds"] = json!(null);
        // The report holds seconds too.
        item["assets"]["report"] = json!(null);
        item
    };
    assert!(timeless() == timeless());
}
