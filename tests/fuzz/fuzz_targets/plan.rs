//! A plan: whatever a file says is refused or understood, and a plan that is written is read as it was.
#![no_main]

use std::path::Path;

use geophrase_fuzz::in_folder;
use libfuzzer_sys::fuzz_target;
use pipeline::plan::{PLAN, Plan};

fuzz_target!(|data: &[u8]| {
    in_folder(|folder| run(folder, data));
});

fn run(folder: &Path, data: &[u8]) {
    let path = folder.join(PLAN);
    std::fs::write(&path, data).expect("room for a small file");
    let _ = Plan::read(&path);
    // The hash keeps most inputs from being looked at any further, so it is put right here.
    let Ok(plan) = serde_json::from_slice::<Plan>(data) else { return };
    let _ = std::fs::remove_file(&path);
    plan.write(folder).expect("a plan can be written");
    match Plan::read(&path) {
        Ok(read) => {
            assert_eq!(read, plan);
            for unit in 0..read.units.len().min(64) {
                let _ = read.tiles_of(unit);
            }
            for scene in 0..read.scenes.len().min(64) {
                assert!(read.units_of(scene).all(|unit| unit < read.units.len()));
                let _ = read.outputs(folder, scene, true);
            }
        }
        Err(error) => {
            let said = error.to_string();
            assert!(!said.contains("changed after it was made"), "{said}");
        }
    }
    let _ = std::fs::remove_file(&path);
}
