//! Prompts: what is taken is one line of words, and the files that are named by them stay in the folder and apart.
#![no_main]

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use model::text::{check_prompt, frame_words};
use pipeline::config::OutputConfig;
use pipeline::outputs::OutputNames;
use pipeline::view::prompts::PromptSpec;

fuzz_target!(|data: &str| {
    let prompts: Vec<String> = data.split('\n').take(8).filter_map(|text| check_prompt(text).ok()).collect();
    for prompt in &prompts {
        assert!(!prompt.is_empty() && prompt.trim() == prompt && !prompt.chars().any(char::is_control));
        assert_eq!(check_prompt(prompt).as_ref().ok(), Some(prompt));
        let _ = frame_words(prompt);
        let _ = PromptSpec::new(prompt.clone());
    }
    if prompts.is_empty() {
        return;
    }
    let config = OutputConfig {
        vectors: vec!["out/a.gpkg".into(), "out/a.geojson".into()],
        raster: Some("out/a.tif".into()),
        ..OutputConfig::default()
    };
    let Ok(names) = OutputNames::new(&config, &prompts, OsStr::new("no-such-scene.tif")) else { return };
    let all = names.all();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "{all:?}");
    assert!(all.iter().all(|file| file.parent() == Some(Path::new("out"))), "{all:?}");
});
