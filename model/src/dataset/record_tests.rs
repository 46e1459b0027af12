use super::*;

const SHIP: &str =
    r#"{"id":"a","image":"x/1.png","phrase":"the ship","rle":{"size":[2,3],"counts":"132"},"kind":"category"}"#;
const NOTHING: &str = r#"{"id":"b","image":"x/1.png","phrase":"the airport","rle":null}"#;

fn read(text: &str) -> Result<Vec<ReferringRecord>, String> {
    RecordReader::new(text.as_bytes(), Path::new("r.jsonl"))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

#[test]
fn a_record_brings_its_mask() {
    let records = read(SHIP).unwrap();
    assert_eq!(records[0].phrase, "the ship");
    assert_eq!(records[0].kind.as_deref(), Some("category"));
    assert_eq!(records[0].truth().unwrap().unwrap().bits(), [0, 1, 0, 1, 1, 0]);
    assert_eq!(records[0].image_path(Path::new("images")), Path::new("images/x/1.png"));
}

#[test]
fn null_means_that_there_is_no_target() {
    assert_eq!(read(NOTHING).unwrap()[0].truth().unwrap(), None);
}

#[test]
fn a_forgotten_mask_is_an_error_and_not_an_absent_target() {
    let error = read(r#"{"id":"b","image":"1.png","phrase":"the airport"}"#).unwrap_err();
    assert_eq!(error, "r.jsonl: line 1: column 49: missing field `rle`");
}

#[test]
fn blank_lines_a_byte_order_mark_and_windows_line_ends_are_read_over() {
    let text = format!("\u{feff}{SHIP}\r\n\r\n  \n{NOTHING}");
    assert_eq!(read(&text).unwrap().len(), 2);
}

#[test]
fn a_number_serves_as_an_id() {
    let records = read(&NOTHING.replace(r#""b""#, "17")).unwrap();
    assert_eq!(records[0].id, "17");
}

#[test]
fn an_error_names_the_line_and_ends_the_reading() {
    let text = format!("{SHIP}\n{{nonsense}}\n{NOTHING}\n");
    let mut reader = RecordReader::new(text.as_bytes(), Path::new("r.jsonl"));
    assert!(reader.next().unwrap().is_ok());
    let error = reader.next().unwrap().unwrap_err().to_string();
    assert!(error.starts_with("r.jsonl: line 2: column 2: "), "{error}");
    assert!(reader.next().is_none());
}

#[test]
fn a_mask_that_does_not_add_up_is_found_while_reading() {
    let error = read(&SHIP.replace("132", "131")).unwrap_err();
    let expected = "line 1: record a: \"rle\" is no mask: the runs add up to 5 pixels, the size says 6";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn negative_sizes_empty_phrases_and_absolute_paths_are_errors() {
    assert!(read(&SHIP.replace("[2,3]", "[-2,3]")).is_err());
    assert!(read(&SHIP.replace("the ship", " ")).unwrap_err().ends_with("record a: \"phrase\" is empty"));
    assert!(read(&SHIP.replace("x/1.png", "/etc/1.png")).unwrap_err().contains("relative to the folder"));
    assert!(read(&SHIP.replace(r#""a""#, r#""""#)).unwrap_err().ends_with("\"id\" is empty"));
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    let mut reader = RecordReader::new(&b"{\"id\":\"\xff\"}\n"[..], Path::new("r.jsonl"));
    assert!(reader.next().unwrap().is_err());
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let records = read(&format!("{SHIP}\n{NOTHING}")).unwrap();

    let mut writer = RecordWriter::create(&path).unwrap();
    for record in &records {
        writer.write(record).unwrap();
    }
    assert!(!path.exists(), "the file has its name before it is complete");
    writer.finish().unwrap();

    let again: Result<Vec<_>, _> = RecordReader::open(&path).unwrap().collect();
    assert_eq!(again.unwrap(), records);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{SHIP}\n{NOTHING}\n"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RecordWriter::create(&folder.path().join("records.jsonl")).unwrap();
    writer.write(&read(NOTHING).unwrap()[0]).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_record_that_could_not_be_read_back_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RecordWriter::create(&folder.path().join("records.jsonl")).unwrap();
    let mut record = read(NOTHING).unwrap().remove(0);
    record.phrase.clear();
    assert!(matches!(writer.write(&record), Err(ModelError::Data { .. })));
}
