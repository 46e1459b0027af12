//! A job file, the names of its results, and a manifest: no name leaves the output folder.
#![no_main]

use std::ffi::OsString;
use std::path::Path;

use geophrase_fuzz::in_folder;
use libfuzzer_sys::fuzz_target;
use pipeline::batch::job_file::JobFile;
use pipeline::batch::manifest::Manifest;
use pipeline::batch::naming::{escaped, name_scenes, unescaped};

fuzz_target!(|data: &[u8]| {
    in_folder(|folder| run(folder, data));
});

fn run(folder: &Path, data: &[u8]) {
    let path = folder.join("job.toml");
    std::fs::write(&path, data).expect("room for a small file");
    if let Some(manifest) = Manifest::read(&path) {
        let _ = manifest.outputs_are_there(folder);
    }
    let name = String::from_utf8_lossy(data).into_owned();
    assert_eq!(unescaped(&escaped(name.as_ref())), OsString::from(&name));
    let Ok(job) = JobFile::read(&path) else { return };
    job.settings("hash").expect("it was checked when the file was read");
    job.remote().expect("it was checked when the file was read");
    let _ = job.scene_options();
    let scenes: Vec<OsString> = job.scenes.iter().map(OsString::from).collect();
    let Ok(named) = name_scenes(&job, &path, scenes) else { return };
    let output = job.at(&job.output);
    for scene in named {
        for file in scene.names.all().into_iter().chain([scene.manifest]) {
            assert_eq!(file.parent(), Some(output.as_path()), "{}", file.display());
            assert!(file.file_name().is_some_and(|name| name.len() <= 255), "{}", file.display());
        }
    }
}
