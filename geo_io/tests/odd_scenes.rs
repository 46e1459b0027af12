//! Opens and reads the collection of real odd rasters that lies outside the project, when it is there.

use std::fs;
use std::path::{Path, PathBuf};

use geo_io::{ErrorKind, GeoIoError, PixelWindow, Scene, SceneOptions};

fn manifest() -> Option<PathBuf> {
    let shared = std::env::var_os("GEOPHRASE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    Some(shared.join("data/scenes/MANIFEST.tsv")).filter(|path| path.is_file())
}

/// Reads a scene whole, by windows that do not fit its blocks.
fn read_whole(path: &Path) -> Result<u64, GeoIoError> {
    let scene = Scene::open(path.as_os_str(), &SceneOptions::default())?;
    let size = scene.info().size;
    let (side, mut valid_px) = (1000, 0);
    for row_off in (0..size.height).step_by(side as usize) {
        for col_off in (0..size.width).step_by(side as usize) {
            let width = side.min(size.width - col_off);
            let height = side.min(size.height - row_off);
            let read = scene.read_rgb(PixelWindow { col_off, row_off, width, height })?;
            assert_eq!(read.rgb.len(), 3 * read.valid.len());
            assert!(read.rgb.iter().all(|value| (0.0..=255.0).contains(value)));
            valid_px += read.valid.iter().map(|valid| u64::from(*valid)).sum::<u64>();
        }
    }
    Ok(valid_px)
}

fn whole_message(error: &GeoIoError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[test]
fn every_odd_scene_is_read_whole_or_refused_as_its_manifest_says() {
    let Some(manifest) = manifest() else {
        eprintln!("skipped: no shared/data/scenes/MANIFEST.tsv (set GEOPHRASE_SHARED)");
        return;
    };
    let folder = manifest.parent().unwrap().to_owned();
    let table = fs::read_to_string(&manifest).unwrap();
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let column = |name: &str| header.iter().position(|found| *found == name).unwrap();
    let (file, expect) = (column("file"), column("expect"));
    let mut problems = Vec::new();
    let mut seen = 0;
    for line in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        if cells[expect] == "-" {
            continue;
        }
        seen += 1;
        let result = read_whole(&folder.join(cells[file]));
        let told = result.as_ref().map_or_else(whole_message, |valid_px| format!("{valid_px} px valid"));
        println!("{:45} {:7} {told}", cells[file], cells[expect]);
        let one_line = !told.contains('\n');
        let refused = result.as_ref().is_err_and(|error| {
            matches!(error.kind(), ErrorKind::MissingScene | ErrorKind::UnreadableScene | ErrorKind::UnusableScene)
        });
        let good = one_line
            && match cells[expect] {
                "ok" => result.is_ok(),
                "refuse" | "broken" => refused,
                "either" => result.is_ok() || refused,
                other => panic!("unknown expectation {other}"),
            };
        if !good {
            problems.push(format!("{}: expected {}, got {told}", cells[file], cells[expect]));
        }
    }
    assert!(seen > 0);
    assert!(problems.is_empty(), "{problems:#?}");
}
