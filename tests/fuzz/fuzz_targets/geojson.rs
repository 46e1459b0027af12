//! The GeoJSON writer: whatever prompts, names and numbers it is given, what it writes is JSON and says what it was given.
#![no_main]

use std::cell::OnceCell;
use std::path::Path;

use geo_io::{
    Affine, Detection, DetectionPolygon, MapPoint, PainterOptions, PixelSize, PixelWindow, Scene, SceneInfo,
    SceneOptions, ScenePainter, VectorOptions, VectorWriter,
};
use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tempfile::TempDir;

thread_local! {
    static DESK: OnceCell<(TempDir, SceneInfo)> = const { OnceCell::new() };
}

#[derive(Debug)]
struct Input {
    prompt: String,
    id: String,
    scene: String,
    numbers: [f64; 8],
    area: Option<f64>,
    presence: Option<f64>,
    rings: Vec<Vec<(f64, f64)>>,
    rfc7946: bool,
    as_sequence: bool,
}

impl Input {
    fn of(data: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        Ok(Self {
            prompt: data.arbitrary()?,
            id: data.arbitrary()?,
            scene: data.arbitrary()?,
            numbers: data.arbitrary()?,
            area: data.arbitrary()?,
            presence: data.arbitrary()?,
            rings: data.arbitrary()?,
            rfc7946: data.arbitrary()?,
            as_sequence: data.arbitrary()?,
        })
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(input) = Input::of(&mut Unstructured::new(data)) else { return };
    DESK.with(|desk| {
        let (folder, info) = desk.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let info = scene(&folder.path().join("scene.tif"));
            (folder, info)
        });
        run(folder.path(), SceneInfo { name: input.scene.clone(), ..info.clone() }, &input);
    });
});

fn scene(path: &Path) -> SceneInfo {
    let size = PixelSize { width: 8, height: 6 };
    let affine = Affine([500_000.0, 0.5, 0.0, 5_300_000.0, 0.0, -0.5]);
    let mut painter = ScenePainter::create(path, size, affine, "EPSG:32633", &PainterOptions::default()).expect("room");
    painter.write_rows(0, 6, &[50; 8 * 6 * 3], None).expect("room");
    painter.finish().and_then(geo_io::PendingOutput::commit).expect("room");
    Scene::open(path.as_os_str(), &SceneOptions::default()).expect("a scene").info().clone()
}

fn run(folder: &Path, info: SceneInfo, input: &Input) {
    // Near the scene: an edge across the globe is cut into a million pieces, which takes seconds. No number stays none.
    let point = |&(x, y): &(f64, f64)| MapPoint { x: 5e5 + x % 1e3, y: 5.3e6 + y % 1e3 };
    let mut rings = input.rings.iter().filter(|ring| ring.len() > 2).map(|ring| {
        let mut ring: Vec<MapPoint> = ring.iter().map(point).collect();
        ring.push(ring[0]);
        ring
    });
    let square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)];
    let shell = rings.next().unwrap_or_else(|| square.iter().map(point).collect());
    let [prob_mean, prob_p10, unc_mean, unc_p90, unc_max, likely_share, sure_share, possible_share] = input.numbers;
    let detection = Detection {
        geometry: vec![DetectionPolygon { shell, holes: rings.collect() }],
        id: input.id.clone(),
        prompt: input.prompt.clone(),
        prob_mean,
        prob_p10,
        unc_mean,
        unc_p90,
        unc_max,
        likely_share,
        sure_share,
        possible_share,
        presence: input.presence,
        n_tiles: Some(1),
        area_m2: input.area,
        perimeter_m: input.area,
        n_px: 1,
        touches_edge: false,
        centroid: MapPoint { x: 5e5, y: 5.3e6 },
        bbox: PixelWindow { col_off: 0, row_off: 0, width: 1, height: 1 },
    };
    let out = folder.join(if input.as_sequence { "out.geojsonl" } else { "out.geojson" });
    let options =
        VectorOptions { overwrite: true, rfc7946: input.rfc7946 && !input.as_sequence, ..VectorOptions::default() };
    let mut writer = VectorWriter::create(&out, &info, &options).expect("a file");
    // Points that are no numbers or lie off the globe are refused.
    if writer.write(&detection).is_err() {
        return;
    }
    let Ok(pending) = writer.finish() else { return };
    pending.commit().expect("room");
    let text = std::fs::read_to_string(&out).expect("UTF-8");
    let features: Vec<Value> = if input.as_sequence {
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    } else {
        let whole: Value = serde_json::from_str(&text).expect("JSON");
        whole["features"].as_array().expect("features").clone()
    };
    assert_eq!(features.len(), 1);
    let properties = &features[0]["properties"];
    assert_eq!(properties["prompt"], input.prompt.as_str());
    assert_eq!(properties["id"], input.id.as_str());
}
