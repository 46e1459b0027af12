//! A checkpoint log: whatever lies in the file, the records that count are the same at each look, and what is appended
//! after them is read back.
#![no_main]

use std::path::Path;

use geophrase_fuzz::in_folder;
use libfuzzer_sys::fuzz_target;
use pipeline::checkpoint::codec::{decode_scene, decode_tile};
use pipeline::checkpoint::log::{LogHeader, LogReader, LogWriter};
use pipeline::tiling::{Overlap, TilePlan};

fuzz_target!(|data: &[u8]| {
    in_folder(|folder| run(folder, data));
});

fn run(folder: &Path, data: &[u8]) {
    let path = folder.join("unit.log");
    let header = LogHeader { plan: "p".into(), unit: 3, processor: "cpu".into() };
    // Half of the inputs begin with a header that fits, so that records are reached.
    let mut bytes = Vec::new();
    if data.first().is_some_and(|first| first & 1 == 1) {
        bytes.extend_from_slice(b"geophrase unit 1\np\n3\ncpu\n");
    }
    bytes.extend_from_slice(data.get(1..).unwrap_or_default());
    std::fs::write(&path, &bytes).expect("room for a small file");
    let before = records(&path);
    let size = geo_io::PixelSize { width: 5, height: 4 };
    let tile = TilePlan::new(size, 64, Overlap::Px(16)).expect("a tile").tile(0);
    for (_, payload) in &before {
        let _ = decode_tile(tile, payload);
        let _ = decode_scene(payload);
    }
    let expected: Vec<u64> = before.iter().map(|(tile, _)| *tile).collect();
    let Ok((mut writer, kept)) = LogWriter::resume(&path, &header, expected) else { return };
    assert!(kept == before.len() || kept == 0, "{kept} of {}", before.len());
    writer.append(7, data).expect("room for a record");
    drop(writer);
    let after = records(&path);
    assert_eq!(after.len(), kept + 1);
    assert_eq!(after[..kept], before[..kept]);
    assert_eq!(after[kept], (7, data.to_vec()));
}

fn records(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    if let Some(mut reader) = LogReader::open(path).expect("a readable file") {
        while let Some(record) = reader.next_record().expect("a readable file") {
            found.push(record);
        }
    }
    found
}
