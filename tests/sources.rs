//! Where scenes come from besides files: STAC documents; and what is known of them beforehand: files of statistics.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::desk::ended;
use common::tiff::Tiff;
use common::{bytes_in, names_in, paint, shipped_model, waves};
use serde_json::{Value, json};

fn geophrase(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
    command.env("GEOPHRASE_MODEL", shipped_model()).env_remove("RUST_LOG").current_dir(folder);
    command.args(arguments).stdin(Stdio::null());
    ended(&command.output().unwrap())
}

fn done(folder: &Path, arguments: &[&str]) {
    assert_eq!(geophrase(folder, arguments), (0, String::new()), "{arguments:?}");
}

fn item(id: &str, href: &str) -> Value {
    json!({"type": "Feature", "stac_version": "1.0.0", "id": id, "geometry": null, "properties": {"datetime": null},
        "links": [], "assets": {"visual": {"href": href, "roles": ["visual"]}, "thumb": {"href": "no.png"}}})
}

fn outputs(folder: &Path) -> Vec<(String, Vec<u8>)> {
    bytes_in(folder).into_iter().filter(|(name, _)| name.ends_with(".tif") || name.ends_with(".geojson")).collect()
}

#[test]
fn a_stac_item_is_its_scene_and_a_collection_its_scenes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("cat")).unwrap();
    for (number, name) in ["a.tif", "b.tif"].iter().enumerate() {
        paint(&at("cat").join(name), 90, 80 + number as u32, waves);
    }
    std::fs::write(at("cat/a.json"), item("a", "./a.tif").to_string()).unwrap();
    let all = json!({"type": "FeatureCollection", "features": [item("a", "a.tif"), item("b", "b.tif")]});
    std::fs::write(at("cat/all.json"), all.to_string()).unwrap();

    done(folder.path(), &["segment", "cat/a.tif", "-p", "buildings", "-o", "file.geojson"]);
    done(folder.path(), &["segment", "cat/a.json", "-p", "buildings", "-o", "item.geojson"]);
    assert!(std::fs::read(at("file.geojson")).unwrap() == std::fs::read(at("item.geojson")).unwrap());

    done(folder.path(), &["plan", "cat/all.json", "-p", "buildings", "--out", "items"]);
    done(folder.path(), &["plan", "cat/a.tif", "cat/b.tif", "-p", "buildings", "--out", "files"]);
    for plan in ["items/plan.json", "files/plan.json"] {
        done(folder.path(), &["run", "--plan", plan]);
        done(folder.path(), &["merge", "--plan", plan]);
    }
    assert_eq!(outputs(&at("items")).len(), 6);
    assert!(outputs(&at("items")) == outputs(&at("files")));

    let job = "scenes = [\"cat/*.json\"]\nprompts = [\"buildings\"]\noutput = \"job\"\nasset = \"visual\"\n";
    std::fs::write(at("job.toml"), job).unwrap();
    done(folder.path(), &["batch", "job.toml"]);
    assert!(at("job/a.geojson").exists() && at("job/b.geojson").exists());

    let (code, said) = geophrase(folder.path(), &["info", "cat/all.json"]);
    assert!(code == 65 && said.contains("it holds 2 items: use geophrase plan"), "{code}: {said}");
    let (code, said) = geophrase(folder.path(), &["info", "cat/a.json", "--asset", "B04"]);
    assert!(code == 65 && said.contains("no asset \"B04\"") && said.lines().count() == 1, "{code}: {said}");
    assert_eq!(geophrase(folder.path(), &["info", "none.json"]).0, 66);
}

#[test]
fn a_strangers_item_leads_neither_to_servers_nor_out_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    paint(&folder.path().join("secret.tif"), 20, 20, waves);
    for href in ["../secret.tif", "http://127.0.0.1:1/a.tif"] {
        std::fs::write(folder.path().join("in/item.json"), item("x", href).to_string()).unwrap();
        let (code, said) = geophrase(folder.path(), &["info", "--untrusted", "in/item.json"]);
        assert!(code == 65 && said.contains("--untrusted does not take"), "{href}: {code}: {said}");
        let plan = ["plan", "--untrusted", "in/item.json", "-p", "a pond", "--out", "plan"];
        assert_eq!(geophrase(folder.path(), &plan).0, 66, "{href}");
        assert!(!folder.path().join("plan").exists());
    }
}

/// A scene of floats whose values depend on a seed.
fn deep(path: &Path, seed: u32) {
    let value = move |row: u32, col: u32, band: u16| 300.0 * (seed as f32 + f32::from(waves(row, col)[band as usize]));
    Tiff::floats(90, 80, 3, value).write(path);
}

#[test]
fn statistics_are_made_once_and_used_again_for_the_same_scene_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    deep(&at("scene.tif"), 1);
    let segment = |scene: &str, out: &str, more: &[&str]| {
        let mut arguments = vec!["segment", scene, "-p", "buildings", "--raster", out];
        arguments.extend(more);
        geophrase(folder.path(), &arguments)
    };
    assert_eq!(segment("scene.tif", "plain.tif", &[]).0, 0);
    assert_eq!(geophrase(folder.path(), &["info", "scene.tif", "--stats", "stats.json"]).0, 0);
    let made = std::fs::read_to_string(at("stats.json")).unwrap();
    std::fs::create_dir(at("moved")).unwrap();
    std::fs::copy(at("scene.tif"), at("moved/scene.tif")).unwrap();
    assert_eq!(segment("moved/scene.tif", "again.tif", &["--stats", "stats.json"]), (0, String::new()));
    assert!(std::fs::read(at("plain.tif")).unwrap() == std::fs::read(at("again.tif")).unwrap());
    assert_eq!(std::fs::read_to_string(at("stats.json")).unwrap(), made);

    // They are really used: with other numbers the results are others.
    let mut changed: Value = serde_json::from_str(&made).unwrap();
    for range in changed["scenes"][0]["scaling"]["ranges"].as_array_mut().unwrap() {
        range["max"] = json!(1e6);
    }
    std::fs::write(at("changed.json"), changed.to_string()).unwrap();
    assert_eq!(segment("scene.tif", "dark.tif", &["--stats", "changed.json"]).0, 0);
    assert!(std::fs::read(at("plain.tif")).unwrap() != std::fs::read(at("dark.tif")).unwrap());

    deep(&at("other.tif"), 2);
    std::fs::write(at("broken.json"), "{\"schema\": 1, \"scenes\": [").unwrap();
    for (scene, stats, more, words) in [
        ("other.tif", "stats.json", &[][..], "has nothing about scene other.tif"),
        ("scene.tif", "stats.json", &["-b", "1"], "has other bands, scale or nodata"),
        ("scene.tif", "stats.json", &["--scale", "p1,p99"], "has other bands, scale or nodata"),
        ("scene.tif", "broken.json", &[], "EOF"),
    ] {
        let more = [&["--stats", stats], more].concat();
        let (code, said) = segment(scene, "refused.tif", &more);
        assert!(code == 78 && said.contains(words) && said.lines().count() == 1, "{more:?}: {code}: {said}");
    }
    assert!(!names_in(folder.path()).iter().any(|name| name.starts_with("refused")));
}

#[test]
fn a_plan_keeps_the_statistics_of_its_scenes_and_takes_them_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    deep(&at("a.tif"), 1);
    deep(&at("b.tif"), 2);
    let plan = |out: &str, more: &[&str]| {
        let arguments = ["plan", "a.tif", "b.tif", "-p", "buildings", "--out", out];
        done(folder.path(), &[&arguments[..], more].concat());
        let text = std::fs::read_to_string(at(out).join("plan.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["plan"]["scenes"].clone()
    };
    let plain = plan("plain", &[]);
    assert!(plain[0]["scaling"]["ranges"][0]["max"].as_f64() < plain[1]["scaling"]["ranges"][0]["max"].as_f64());
    assert_eq!(plan("made", &["--stats", "stats.json"]), plain);
    assert_eq!(plan("used", &["--stats", "stats.json"]), plain);
}
