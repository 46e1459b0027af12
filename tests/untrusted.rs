//! Scenes from strangers: files that would make GDAL read other files, call other machines or take all memory, and what
//! `--untrusted` makes of them. Each is first shown to be able to do harm, where GDAL lets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::tiff::Tiff;
use common::{bytes_in, names_in, paint, shipped_model, waves};

/// A stranger's folder, and a server that counts who calls.
struct Trap {
    folder: tempfile::TempDir,
    port: u16,
    calls: Arc<AtomicUsize>,
}

impl Trap {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        Self { folder: tempfile::tempdir().unwrap(), port, calls }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn address(&self, name: &str) -> String {
        format!("/vsicurl/http://127.0.0.1:{}/{name}", self.port)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Exit code and line of `segment`; what it wrote lies in `out`.
    fn segment(&self, scene: &OsStr, more: &[&str]) -> (i32, String) {
        let out = self.at("out");
        let _ = std::fs::remove_dir_all(&out);
        std::fs::create_dir(&out).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
        command.env_remove("GEOPHRASE_MODEL").env_remove("RUST_LOG");
        command.arg("segment").arg(scene).args(["-p", "buildings", "--model"]).arg(shipped_model());
        command.arg("--raster").arg(out.join("o.tif")).args(more);
        let output = command.output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
    }

    /// Expects a refusal by `--untrusted` with nothing called and nothing left behind.
    fn refused(&self, scene: impl AsRef<OsStr>, words: &str) {
        let before = self.calls();
        let (code, line) = self.segment(scene.as_ref(), &["--untrusted"]);
        assert!(code == 65 && line.contains(words) && line.lines().count() == 1, "{words:?}: {code} {line}");
        assert_eq!(self.calls(), before, "somebody was called");
        assert_eq!(names_in(&self.at("out")), [""; 0]);
    }
}

fn picture() -> Tiff {
    Tiff::bytes(90, 80, 3, |row, col, band| waves(row, col)[band as usize])
}

fn leading_to(target: &str) -> Tiff {
    let tag = format!("<GDALMetadata><Item name=\"OVERVIEW_FILE\" domain=\"OVERVIEWS\">{target}</Item></GDALMetadata>");
    Tiff { metadata: Some(tag), ..picture() }
}

#[test]
fn a_tag_that_names_overviews_elsewhere_is_refused_and_nobody_is_called() {
    let trap = Trap::new();
    let scene = trap.at("scene.tif");
    // 16-bit-like sampling of a large scene looks at overviews; a small one is enough to see the tag.
    leading_to(&trap.address("o.tif")).write(&scene);
    trap.refused(&scene, "overviews outside itself");
    let other = trap.at("other.tif");
    paint(&other, 45, 40, |_, _| [255, 0, 0]);
    leading_to(&other.display().to_string()).write(&scene);
    trap.refused(&scene, "overviews outside itself");
}

#[test]
fn a_vrt_by_whatever_name_is_refused() {
    let trap = Trap::new();
    let secret = trap.at("secret.bin");
    std::fs::write(&secret, vec![65; 90 * 80]).unwrap();
    let vrt = format!(
        "<VRTDataset rasterXSize=\"90\" rasterYSize=\"80\"><SRS>EPSG:32633</SRS><GeoTransform>500000,1,0,5300000,0,-1\
         </GeoTransform><VRTRasterBand dataType=\"Byte\" band=\"1\" subClass=\"VRTRawRasterBand\"><SourceFilename \
         relativeToVRT=\"0\">{}</SourceFilename><ImageOffset>0</ImageOffset><PixelOffset>1</PixelOffset><LineOffset>90\
         </LineOffset></VRTRasterBand></VRTDataset>",
        secret.display()
    );
    for (name, words) in [("a.tif", "cannot open scene"), ("a.png", "cannot open scene"), ("a.vrt", "ends in none of")]
    {
        std::fs::write(trap.at(name), &vrt).unwrap();
        let (code, line) = trap.segment(trap.at(name).as_os_str(), &["--untrusted"]);
        assert!([65, 66].contains(&code) && line.contains(words), "{name}: {code} {line}");
        assert_eq!(names_in(&trap.at("out")), [""; 0]);
    }
}

#[test]
fn files_beside_the_scene_change_nothing_and_call_nobody() {
    let trap = Trap::new();
    let scene = trap.at("scene.tif");
    picture().write(&scene);
    let plain = {
        assert_eq!(trap.segment(scene.as_os_str(), &["--untrusted"]).0, 0);
        let mut files = bytes_in(&trap.at("out"));
        files.retain(|(name, _)| name.ends_with(".tif"));
        files
    };
    let pam = format!(
        "<PAMDataset><GeoTransform>1, 1, 0, 1, 0, -1</GeoTransform><Metadata domain=\"OVERVIEWS\"><MDI key=\"OVERVIEW_FILE\">{}</MDI></Metadata>\
         </PAMDataset>",
        trap.address("o.tif")
    );
    std::fs::write(trap.at("scene.tif.aux.xml"), pam).unwrap();
    let vrt = format!(
        "<VRTDataset rasterXSize=\"45\" rasterYSize=\"40\"><VRTRasterBand dataType=\"Byte\" band=\"1\"><SimpleSource>\
         <SourceFilename>{}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
        trap.address("p.tif")
    );
    std::fs::write(trap.at("scene.tif.ovr"), &vrt).unwrap();
    std::fs::write(trap.at("scene.tif.msk"), &vrt).unwrap();
    std::fs::write(trap.at("scene.tfw"), "9\n0\n0\n-9\n0\n0\n").unwrap();
    let (code, line) = trap.segment(scene.as_os_str(), &["--untrusted"]);
    assert_eq!((code, line.as_str()), (0, ""));
    let mut files = bytes_in(&trap.at("out"));
    files.retain(|(name, _)| name.ends_with(".tif"));
    assert!(files == plain, "a file beside the scene changed the result");
    assert_eq!(trap.calls(), 0);
    // The trap works: without the flag, the grid beside the scene is believed.
    let (_, _) = trap.segment(scene.as_os_str(), &[]);
    let mut believed = bytes_in(&trap.at("out"));
    believed.retain(|(name, _)| name.ends_with(".tif"));
    assert!(believed != plain, "the files beside the scene are harmless to begin with: this test shows nothing");
}

#[test]
fn names_that_are_no_plain_files_are_refused_without_a_call() {
    let trap = Trap::new();
    picture().write(&trap.at("scene.tif"));
    for name in [trap.address("a.tif"), "MEM:::DATAPOINTER=1,PIXELS=9,LINES=9".to_owned(), "<VRTDataset/>".to_owned()] {
        let before = trap.calls();
        let (code, line) = trap.segment(OsStr::new(&name), &["--untrusted"]);
        assert!([65, 66].contains(&code), "{name}: {code} {line}");
        assert_eq!(trap.calls(), before, "{name}");
    }
    let mut part = OsString::from("GTIFF_DIR:1:");
    part.push(trap.at("scene.tif"));
    assert!([65, 66].contains(&trap.segment(&part, &["--untrusted"]).0));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(trap.at("scene.tif"), trap.at("link.tif")).unwrap();
        trap.refused(trap.at("link.tif"), "no plain file");
        assert!(Command::new("mkfifo").arg(trap.at("pipe.tif")).status().unwrap().success());
        trap.refused(trap.at("pipe.tif"), "no plain file");
    }
    // The trap works: without the flag, an address is called.
    let before = trap.calls();
    trap.segment(OsStr::new(&trap.address("a.tif")), &[]);
    assert!(trap.calls() > before, "nobody was called even without the flag: this test shows nothing");
}

#[test]
fn fault_44_scenes_that_claim_too_much_are_refused_before_a_pixel_is_decoded() {
    let trap = Trap::new();
    let scene = trap.at("bomb.tif");
    let bomb = |width, height, bands| Tiff { width, height, bands, data: vec![0; 64], ..picture() };
    for (tiff, words) in
        [(bomb(200_000, 200_000, 3), "claims 200000 x 200000 pixels"), (bomb(16, 16, 60_000), "claims 60000 bands")]
    {
        tiff.write(&scene);
        trap.refused(&scene, words);
    }
    picture().write(&scene);
    assert_eq!(trap.segment(scene.as_os_str(), &["--untrusted", "--max-pixels", "7200"]).0, 0);
    let (code, line) = trap.segment(scene.as_os_str(), &["--untrusted", "--max-pixels", "7199"]);
    assert!(code == 65 && line.contains("--max-pixels"), "{code} {line}");
    assert_eq!(trap.segment(scene.as_os_str(), &["--max-pixels", "7199"]).0, 2);
}

#[test]
fn a_job_of_strangers_scenes_names_the_hostile_ones_and_does_the_rest() {
    let trap = Trap::new();
    std::fs::create_dir(trap.at("in")).unwrap();
    paint(&trap.at("in/good.tif"), 90, 80, waves);
    leading_to(&trap.address("o.tif")).write(&trap.at("in/leads.tif"));
    std::fs::write(trap.at("in/a.vrt"), "<VRTDataset/>").unwrap();
    let job = |more: &str| {
        let text = format!(
            "scenes = [\"in\"]\nprompts = [\"buildings\"]\noutput = \"out\"\nmodel = {:?}\n{more}",
            shipped_model()
        );
        std::fs::write(trap.at("job.toml"), text).unwrap();
    };
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
        command.env_remove("RUST_LOG").arg("batch").arg(trap.at("job.toml")).args(more);
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for (key, flags) in [("untrusted = true\n", &[][..]), ("", &["--untrusted"])] {
        job(key);
        let (code, line) = run(flags);
        assert!(code == 4 && line.contains("2 of 3 scenes failed"), "{code} {line}");
        assert!(line.contains("overviews outside itself") && line.contains("ends in none of"), "{line}");
        assert!(trap.at("out/good.geojson").exists());
    }
    assert_eq!(trap.calls(), 0);
    assert!(Path::new(&trap.at("out/geophrase.job.json")).exists());
}
