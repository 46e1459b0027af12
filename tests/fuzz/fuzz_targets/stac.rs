//! STAC documents: a stranger's never names anything but a file below its own folder.
#![no_main]

use std::path::{Component, Path};

use geophrase_fuzz::in_folder;
use libfuzzer_sys::fuzz_target;
use pipeline::stac::{AssetChoice, scenes};

fuzz_target!(|data: &[u8]| {
    in_folder(|folder| {
        let document = folder.join("doc.json");
        std::fs::write(&document, data).expect("room for a small file");
        let _ = scenes(&document, AssetChoice::default());
        let strangers = AssetChoice { name: None, is_untrusted: true };
        for scene in scenes(&document, strangers).unwrap_or_default() {
            let below = Path::new(&scene).strip_prefix(folder).expect("below the folder");
            assert!(below.components().all(|part| matches!(part, Component::Normal(_))), "{}", below.display());
        }
    });
});
