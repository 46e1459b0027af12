use proptest::prelude::*;

use super::*;
use crate::exit::Exit;

fn header() -> LogHeader {
    LogHeader { plan: "ab".repeat(32), unit: 3, processor: "some processor, 32 KiB".into() }
}

fn payload(tile: u64) -> Vec<u8> {
    (0..200 + tile).map(|i| (i * (tile + 7) % 251) as u8).collect()
}

/// Appends the given tiles after what is there, and returns how many were kept.
fn append(path: &Path, all: &[u64], upto: usize) -> usize {
    let (mut log, kept) = LogWriter::resume(path, &header(), all.iter().copied()).unwrap();
    for &tile in &all[kept..upto] {
        log.append(tile, &payload(tile)).unwrap();
    }
    log.sync().unwrap();
    kept
}

fn records(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let mut reader = LogReader::open(path).unwrap().unwrap();
    std::iter::from_fn(|| reader.next_record().unwrap()).collect()
}

#[test]
fn a_log_goes_on_where_it_ended_and_ends_with_the_bytes_of_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let tiles = [SCENE, 4, 5, 6, 9];
    append(&whole, &tiles, 5);
    assert_eq!((append(&broken, &tiles, 2), append(&broken, &tiles, 5), append(&broken, &tiles, 5)), (0, 2, 5));
    assert_eq!(std::fs::read(&whole).unwrap(), std::fs::read(&broken).unwrap());
    let expected: Vec<_> = tiles.iter().map(|&tile| (tile, payload(tile))).collect();
    assert_eq!(records(&whole), expected);
}

#[test]
fn fault_3_a_log_cut_at_any_byte_keeps_its_whole_records_and_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let tiles = [1, 2, 3];
    append(&path, &tiles, 3);
    let whole = std::fs::read(&path).unwrap();
    let mut kept_before = 0;
    for len in 0..=whole.len() {
        std::fs::write(&path, &whole[..len]).unwrap();
        let kept = append(&path, &tiles, 3);
        assert!(kept >= kept_before, "{len} bytes keep {kept}, fewer than {kept_before}");
        kept_before = kept;
        assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {len}");
    }
    assert_eq!(kept_before, 3);
}

#[test]
fn fault_3_a_flipped_bit_anywhere_costs_records_and_never_gives_wrong_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let tiles = [1, 2, 3];
    append(&path, &tiles, 3);
    let whole = std::fs::read(&path).unwrap();
    let right = records(&path);
    let header_len = header().text().len();
    for at in header_len..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).unwrap();
        let found = records(&path);
        assert!(found.len() < right.len() && right.starts_with(&found), "byte {at}");
    }
}

#[test]
fn fault_68_a_log_of_another_plan_is_refused_and_one_of_another_processor_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    append(&path, &[1, 2], 2);
    for other in [LogHeader { plan: "cd".repeat(32), ..header() }, LogHeader { unit: 4, ..header() }] {
        let error = LogWriter::resume(&path, &other, [1, 2]).err().unwrap();
        assert_eq!(error.exit(), Exit::Config, "{error}");
    }
    assert_eq!(records(&path).len(), 2);
    let elsewhere = LogHeader { processor: "another".into(), ..header() };
    let (_, kept) = LogWriter::resume(&path, &elsewhere, [1, 2]).unwrap();
    assert_eq!((kept, records(&path).len()), (0, 0));
}

#[test]
fn fault_16_a_log_that_is_being_written_is_left_to_its_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (held, _) = LogWriter::resume(&path, &header(), [1]).unwrap();
    let error = LogWriter::resume(&path, &header(), [1]).err().unwrap();
    assert_eq!(error.exit(), Exit::TryAgain, "{error}");
    drop(held);
    assert!(LogWriter::resume(&path, &header(), [1]).is_ok());
}

#[test]
fn records_out_of_order_are_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    append(&path, &[5, 6, 8], 3);
    let (_, kept) = LogWriter::resume(&path, &header(), [5, 6, 7, 8]).unwrap();
    assert_eq!((kept, records(&path).len()), (2, 2));
}

proptest! {
    #[test]
    fn any_bytes_can_be_read_as_a_log(bytes in proptest::collection::vec(any::<u8>(), 0..300), with_header: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut content = if with_header { header().text().into_bytes() } else { Vec::new() };
        content.extend(bytes);
        std::fs::write(&path, content).unwrap();
        if let Some(mut reader) = LogReader::open(&path).unwrap() {
            while reader.next_record().unwrap().is_some() {}
        }
    }
}
