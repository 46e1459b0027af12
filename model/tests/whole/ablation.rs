//! The ablation as a whole: every variant is trained, scored once, and compared.

use std::sync::Arc;

use model::DeviceChoice;
use model::ablation::{AblationRequest, Variant, ablate};
use model::training::Talk;

use crate::training::{recipe, write_records};

#[test]
fn every_variant_is_trained_and_scored_once() {
    let folder = tempfile::tempdir().unwrap();
    write_records(folder.path());
    let out = folder.path().join("ablation");
    let request = AblationRequest {
        recipe: recipe(folder.path(), "run", 100, 1e-3),
        seeds: 2,
        out: out.clone(),
        records: folder.path().join("records.jsonl"),
        images: folder.path().to_owned(),
        split: Some("val".into()),
        device: DeviceChoice::Cpu,
        steps: Some(2),
        talk: Talk::Silent,
        interrupt: Arc::default(),
    };
    let mut notes = Vec::new();
    let report = ablate(&request, &mut |note| notes.push(note.to_owned())).unwrap().unwrap();
    // Four variants of two seeds, each trained and scored.
    assert_eq!(notes.len(), 16);
    assert_eq!((report.seeds, report.records, report.rows.len()), (2, 3, 4));
    assert!(std::fs::read_to_string(out.join("ablation.md")).unwrap().contains("| + UDLR |"));

    let config =
        |variant: Variant| std::fs::read_to_string(out.join(format!("{}-1/config.json", variant.name()))).unwrap();
    assert!(config(Variant::Base).contains("\"gated_fusion\": false"));
    assert!(config(Variant::Base).contains("\"refinement_hidden\": 0"));
    assert!(config(Variant::Full).contains("\"gated_fusion\": true"));

    // The second time there is nothing to do, and one lost result is made again alike.
    std::fs::remove_file(out.join("ugf-2/scores.json")).unwrap();
    notes.clear();
    assert_eq!(ablate(&request, &mut |note| notes.push(note.to_owned())).unwrap().unwrap(), report);
    assert_eq!(notes, ["ugf-2: training", "ugf-2: scoring"]);

    let other = AblationRequest { steps: Some(3), ..request };
    let error = ablate(&other, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("another recipe"), "{error}");
}
