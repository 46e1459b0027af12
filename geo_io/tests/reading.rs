//! Vector files read back by this crate, and what has changed between two.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::path::{Path, PathBuf};

use geo_io::{
    Affine, Change, Detection, Diff, DiffOptions, GeoContext, PixelSize, PromptLayer, Scene, SceneInfo, SceneOptions,
    ScenePainter, SceneStrip, StripVectorizer, VectorOptions, VectorReader, VectorWriter, VectorizeOptions,
};

const OPTIONS: DiffOptions = DiffOptions { min_iou: 0.1, same_iou: 0.95 };

fn scene(folder: &Path) -> SceneInfo {
    let path = folder.join("scene.tif");
    let affine = Affine([500_000.0, 0.5, 0.0, 5_000_000.0, 0.0, -0.5]);
    let size = PixelSize { width: 8, height: 6 };
    let mut painter = ScenePainter::create(&path, size, affine, "EPSG:32633", &Default::default()).unwrap();
    painter.write_rows(0, 6, &[50; 8 * 6 * 3], None).unwrap();
    painter.finish().unwrap().commit().unwrap();
    Scene::open(path.as_os_str(), &SceneOptions::default()).unwrap().info().clone()
}

fn write(info: &SceneInfo, names: &[&str], folder: &Path, rows: &[&str; 6], prompt: &str) -> Vec<PathBuf> {
    let mask: Vec<u8> = rows.iter().flat_map(|row| row.bytes().map(|letter| u8::from(letter == b'#'))).collect();
    let plane = vec![0.25; mask.len()];
    let strip =
        SceneStrip { rows: 6, width: 8, probability: plane.clone(), uncertainty: plane, mask, ..Default::default() };
    let mut vectorizer = StripVectorizer::new(8, 6, VectorizeOptions::default());
    let mut components = vectorizer.push(&strip);
    components.extend(vectorizer.finish());
    let context = GeoContext::new(info).unwrap();
    let outs: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let layers = vec![PromptLayer { prompt: prompt.to_owned(), name: "things".to_owned() }];
    let options = VectorOptions { layers, style_qml: Some("<qgis/>".to_owned()), ..Default::default() };
    let mut writer = VectorWriter::create_all(&outs, info, &options).unwrap();
    for component in &components {
        writer.write(&Detection::from_component(component, &context, prompt).unwrap()).unwrap();
    }
    writer.finish().unwrap().commit().unwrap();
    outs
}

#[test]
fn every_format_reads_back_with_its_long_names_and_in_the_scenes_crs() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path());
    let rows = ["###..#..", "#.#.....", "###.....", "........", "........", "........"];
    let names = ["a.geojson", "a.geojsonl", "a.gpkg", "a.fgb", "a.shp"];
    for path in write(&info, &names, folder.path(), &rows, "roofs") {
        let mut found = Vec::new();
        let reader = VectorReader::open(&path).unwrap();
        reader.read(info.crs.as_ref(), |detection| found.push(detection)).unwrap();
        found.sort_by(|a, b| a.numbers["review_rank"].total_cmp(&b.numbers["review_rank"]));
        assert_eq!(found.len(), 2, "{}", path.display());
        assert_eq!((found[1].text("prompt"), found[1].text("scene")), ("roofs", "scene.tif"));
        assert_eq!((found[1].numbers["n_px"], found[1].numbers["touches_edge"]), (8.0, 1.0));
        assert!(found[1].numbers.contains_key("expected_area_low_m2"), "{}", path.display());
        let corner = found[1].parts[0].shell.iter().fold(f64::INFINITY, |least, point| least.min(point.x));
        assert!((corner - 500_000.0).abs() < 1e-3, "{corner} in {}", path.display());
        assert_eq!(found[1].parts[0].holes.len(), 1);
    }
    assert!(VectorReader::open(&folder.path().join("none.gpkg")).is_err());
}

#[test]
fn what_moved_little_has_changed_and_the_rest_is_added_removed_or_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path());
    let before = ["##......", "##......", "........", "...##...", "...##..#", "........"];
    let after = ["##......", "##......", "........", "....##..", "....##..", "#......."];
    let old = write(&info, &["old.gpkg"], folder.path(), &before, "roofs").remove(0);
    let new = write(&info, &["new.fgb"], folder.path(), &after, "roofs").remove(0);
    let diff = Diff::of(&old, &new, OPTIONS).unwrap();
    let counts = &diff.counts()["roofs"];
    let count = |change| counts.get(&change).copied().unwrap_or(0);
    let all = [Change::Added, Change::Removed, Change::Changed, Change::Same].map(count);
    assert_eq!(all, [1, 1, 1, 1]);
    let text = diff.to_geojson();
    let features: geojson::FeatureCollection = text.parse::<geojson::GeoJson>().unwrap().try_into().unwrap();
    assert_eq!(features.features.len(), 3, "what is the same is not listed");
    let changed = features.features.iter().find(|feature| feature.property("change").unwrap() == "changed").unwrap();
    // The square moved by half its side: 2 of 6 pixels are in both.
    assert_eq!(changed.property("iou").unwrap(), 0.333333);
    assert!(text.contains("urn:ogc:def:crs:EPSG::32633"));
}

#[test]
fn other_prompts_are_other_things() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path());
    let rows = ["##......", "##......", "........", "........", "........", "........"];
    let old = write(&info, &["old.gpkg"], folder.path(), &rows, "roofs").remove(0);
    let new = write(&info, &["new.gpkg"], folder.path(), &rows, "piers").remove(0);
    let counts = Diff::of(&old, &new, OPTIONS).unwrap().counts();
    assert_eq!((counts["roofs"][&Change::Removed], counts["piers"][&Change::Added]), (1, 1));
}
