//! The built binary's `batch` with `collect`: all detections of a job in one GeoPackage, and what two scenes both show.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::desk::Desk;
use serde_json::Value;

/// A window of the demo scene, which has tanks in it, as a scene of its own, moved in place only.
fn cut(desk: &Desk, name: &str, window: [u32; 4], more: &[&str]) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/demo/scene.tif");
    let mut command = Command::new("gdal_translate");
    command.args(["-q", "-srcwin"]).args(window.map(|value| value.to_string())).args(more);
    assert!(command.arg(demo).arg(desk.at("in").join(name)).status().unwrap().success());
}

fn job(more: &str) -> Desk {
    let desk = Desk::new(0);
    desk.write_job(&format!("collect = \"all.gpkg\"\n{more}"));
    let text = std::fs::read_to_string(desk.at("job.toml")).unwrap();
    std::fs::write(desk.at("job.toml"), text.replace("buildings", "storage tanks")).unwrap();
    desk
}

/// A layer of a GeoPackage as GeoJSON in its own coordinates.
fn layer(file: &Path, name: &str) -> Vec<Value> {
    let out = tempfile::tempdir().unwrap();
    let json = out.path().join("layer.geojsonl");
    let mut command = Command::new("ogr2ogr");
    command.args(["-f", "GeoJSONSeq"]).arg(&json).arg(file).arg(name);
    assert!(command.status().unwrap().success());
    let text = std::fs::read_to_string(json).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn collection(desk: &Desk) -> PathBuf {
    desk.out("all.gpkg")
}

#[test]
fn objects_that_two_overlapping_scenes_show_are_flagged_and_others_are_not() {
    let desk = job("");
    // Two scenes that share the columns 100 to 800 of the demo scene, where most tanks are, and one elsewhere.
    cut(&desk, "a.tif", [0, 0, 800, 800], &[]);
    cut(&desk, "b.tif", [100, 0, 900, 800], &[]);
    cut(&desk, "c.tif", [0, 1000, 600, 280], &[]);
    std::fs::write(desk.at("in/bad.tif"), "no pixels").unwrap();
    assert_eq!(desk.run(&[]).0, 4);
    let found = layer(&collection(&desk), "detections");
    let report = desk.report(4);
    assert_eq!(report["collection"]["detections"], found.len());
    let counted: usize = ["a", "b", "c"]
        .iter()
        .map(|name| {
            let text = std::fs::read(desk.out(&format!("{name}.geojson"))).unwrap();
            serde_json::from_slice::<Value>(&text).unwrap()["features"].as_array().unwrap().len()
        })
        .sum();
    assert_eq!(found.len(), counted);

    let of = |scene: &str| -> Vec<&Value> {
        let ends = format!("{scene}.tif");
        found.iter().map(|f| &f["properties"]).filter(|p| p["scene_name"].as_str().unwrap().ends_with(&ends)).collect()
    };
    let flagged = |scene: &str| of(scene).iter().filter(|p| p["also_in"].is_string()).count();
    assert!(flagged("a") >= 1, "nothing of the shared ground was found in both");
    assert_eq!(flagged("c"), 0);
    // Each flag names a detection that is there, and is answered by it.
    for properties in of("a").iter().filter(|p| p["also_in"].is_string()) {
        let first = properties["also_in"].as_str().unwrap().split("; ").next().unwrap();
        let (_, id) = first.rsplit_once(':').unwrap();
        let other = of("b").into_iter().find(|p| p["id"] == id).unwrap();
        assert!(other["also_in"].as_str().unwrap().contains(properties["id"].as_str().unwrap()));
        assert_eq!((&properties["repeated"], &other["repeated"]), (&0.into(), &1.into()));
    }
    let repeated = found.iter().filter(|f| f["properties"]["repeated"] == 1).count();
    assert_eq!(report["collection"]["repeated"], repeated);

    let scenes = layer(&collection(&desk), "scenes");
    assert_eq!(scenes.len(), 4);
    let bad = scenes.iter().find(|s| s["properties"]["state"] == "failed").unwrap();
    assert!(bad["geometry"].is_null() && bad["properties"]["reason"].as_str().unwrap().contains("cannot open scene"));
    assert!(scenes.iter().filter(|s| s["geometry"].is_object()).count() == 3, "{scenes:?}");
}

#[test]
fn a_collection_is_made_anew_only_when_something_has_changed() {
    let desk = job("");
    cut(&desk, "a.tif", [0, 0, 400, 400], &[]);
    assert_eq!(desk.run(&[]), (0, String::new()));
    let time = || collection(&desk).metadata().unwrap().modified().unwrap();
    let (first, bytes) = (time(), std::fs::read(collection(&desk)).unwrap());
    assert_eq!(desk.run(&[]), (0, String::new()));
    assert_eq!(time(), first);
    cut(&desk, "b.tif", [0, 400, 400, 400], &[]);
    assert_eq!(desk.run(&[]), (0, String::new()));
    assert_ne!(std::fs::read(collection(&desk)).unwrap(), bytes);
    // Without the scene it is what it was, to the byte.
    std::fs::remove_file(desk.at("in/b.tif")).unwrap();
    assert_eq!(desk.run(&[]), (0, String::new()));
    assert!(std::fs::read(collection(&desk)).unwrap() == bytes);
}

#[test]
fn scenes_of_different_crs_meet_in_longitude_and_latitude() {
    let desk = job("");
    cut(&desk, "a.tif", [0, 0, 800, 800], &[]);
    let warped = desk.at("in/w.tif");
    let mut warp = Command::new("gdalwarp");
    warp.args(["-q", "-t_srs", "EPSG:3857", "-r", "bilinear"]).arg(desk.at("in/a.tif")).arg(warped);
    assert!(warp.status().unwrap().success());
    assert_eq!(desk.run(&[]), (0, String::new()));
    let found = layer(&collection(&desk), "detections");
    assert!(found.iter().any(|f| f["properties"]["also_in"].is_string()), "the same ground in two CRS is not matched");
    let at = &found[0]["geometry"]["coordinates"][0][0][0];
    // UTM zone 33, 500 km east: on the meridian of 15 degrees.
    assert!((at[0].as_f64().unwrap() - 15.0).abs() < 0.1 && (at[1].as_f64().unwrap() - 47.8).abs() < 0.2, "{at}");
}

#[test]
fn a_collection_never_replaces_a_file_of_others() {
    let desk = job("");
    cut(&desk, "a.tif", [0, 0, 300, 300], &[]);
    std::fs::create_dir(desk.at("out")).unwrap();
    std::fs::write(collection(&desk), "precious").unwrap();
    let (code, line) = desk.run(&[]);
    assert!(code == 73 && line.contains("all.gpkg exists already"), "{code}: {line}");
    assert_eq!(std::fs::read(collection(&desk)).unwrap(), b"precious");
    assert_eq!(desk.run(&["--overwrite"]), (0, String::new()));
    assert!(!layer(&collection(&desk), "scenes").is_empty());
    for wrong in ["collect = \"all.geojson\"", "collect = \"x/all.gpkg\"", "polygons = \"none\"\ncollect = \"a.gpkg\""]
    {
        desk.write_job(wrong);
        let (code, line) = desk.run(&[]);
        assert!(code == 78 && line.contains("collect"), "{wrong}: {line}");
    }
}
