use super::super::miniature;
use super::*;

fn converted(root: &Path, options: &ConvertOptions) -> Result<(Converted, Vec<ReferringRecord>), ModelError> {
    let out = root.join("out.jsonl");
    let dataset = Dataset::open(root, None)?;
    let converted = convert::<ModelError>(&dataset, &out, options, &mut |_, _| Ok(()))?;
    let records = RecordReader::open(&out)?.collect::<Result<Vec<_>, _>>()?;
    Ok((converted, records))
}

#[test]
fn records_say_what_the_data_set_said() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    let (converted, records) = converted(folder.path(), &ConvertOptions { check: true, ..Default::default() }).unwrap();
    assert_eq!((converted.records, converted.empty, converted.size_mismatches), (5, 1, 0));
    assert_eq!(converted.images, folder.path().join("images"));
    let first = &records[0];
    assert_eq!((first.id.as_str(), first.image.as_str(), first.split.as_deref()), ("10", "10.tif", Some("train")));
    let mask = first.truth().unwrap().unwrap();
    assert_eq!((mask.rows(), mask.cols(), mask.foreground_px()), (64, 64, 20));
    // A mask that marks nothing is a mask: the published protocol counts it.
    assert_eq!(records[2].truth().unwrap().unwrap().foreground_px(), 0);
    assert!(super::super::read_rgb(&first.image_path(&converted.images)).is_ok());
}

#[test]
fn records_of_rrsis_d_keep_the_run_lengths_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 4);
    let options = ConvertOptions { skip_unusable: true, ..Default::default() };
    let (converted, records) = converted(folder.path(), &options).unwrap();
    assert_eq!(converted.records, 5);
    assert_eq!(converted.skipped.len(), 1);
    assert_eq!(converted.skipped[0].0, "6");
    // Picture 4 has a row more than its mask.
    assert_eq!(converted.size_mismatches, 1);
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(miniature::rrsisd_fixture("instances.json")).unwrap()).unwrap();
    let counts = json["annotations"][0]["segmentation"][0]["counts"].as_str().unwrap();
    assert_eq!(records[0].rle.as_ref().unwrap().counts, counts);
    assert_eq!(records[1].truth().unwrap().unwrap().foreground_px(), 3700);
    assert_eq!(records[0].category.as_deref(), Some("dam"));
}

#[test]
fn an_item_that_cannot_be_used_stops_the_conversion_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 4);
    let error = converted(folder.path(), &ConvertOptions::default()).unwrap_err().to_string();
    assert!(error.contains("item 6: its picture 00006.jpg cannot be read"), "{error}");
    assert!(error.contains("--skip-unusable"), "{error}");
    assert!(!folder.path().join("out.jsonl").exists());
    assert!(!folder.path().join("out.jsonl.partial").exists());
}

#[test]
fn empty_masks_become_null_or_are_left_out_on_request() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    let null = ConvertOptions { empty: EmptyMask::Null, ..Default::default() };
    let (_, records) = converted(folder.path(), &null).unwrap();
    assert_eq!(records[2].rle, None);
    let skip = ConvertOptions { empty: EmptyMask::Skip, ..Default::default() };
    let (summary, records) = converted(folder.path(), &skip).unwrap();
    assert_eq!((summary.records, summary.skipped_empty, records.len()), (4, 1, 4));
}

#[test]
fn pictures_become_png_without_a_changed_pixel() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    let png = folder.path().join("png");
    let (converted, records) =
        converted(folder.path(), &ConvertOptions { png: Some(png.clone()), ..Default::default() }).unwrap();
    assert_eq!(converted.images, png);
    assert_eq!(records[0].image, "10.png");
    let pixels = |path: &Path| super::super::read_rgb(path).unwrap().rgb;
    assert_eq!(pixels(&png.join("10.png")), pixels(&folder.path().join("images/10.tif")));
    assert_eq!(std::fs::read_dir(&png).unwrap().count(), 5);
}

#[test]
fn check_opens_every_picture() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    let path = folder.path().join("images/31.tif");
    let bytes = std::fs::read(&path).unwrap();
    // The pixels come before the directory at the end, so the header of a TIFF is read while pixels are spoiled by
    // cutting both; an unknown compression is found only by decoding.
    let mut spoiled = bytes;
    spoiled.truncate(spoiled.len() / 2);
    std::fs::write(&path, spoiled).unwrap();
    let error = converted(folder.path(), &ConvertOptions { check: true, ..Default::default() }).unwrap_err();
    assert!(error.to_string().contains("item 31: its picture 31.tif"), "{error}");
}

#[test]
fn whoever_hears_of_the_progress_may_end_the_work_and_no_file_is_left() {
    let folder = tempfile::tempdir().unwrap();
    miniature::risbench(folder.path());
    let dataset = Dataset::open(folder.path(), None).unwrap();
    let out = folder.path().join("out.jsonl");
    let ended = convert(&dataset, &out, &ConvertOptions::default(), &mut |done, total| {
        assert_eq!((done, total), (4, 4));
        Err(ModelError::Device("stop".to_owned()))
    });
    assert!(matches!(ended, Err(ModelError::Device(_))));
    assert_eq!(
        std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("out.") })
            .count(),
        0
    );
}

#[test]
fn a_name_that_leads_out_of_the_folder_writes_no_picture_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    std::fs::create_dir(&root).unwrap();
    miniature::picture(4, 4, 1).save(folder.path().join("out.tif")).unwrap();
    std::fs::write(root.join("records.jsonl"), r#"{"id":"1","image":"../out.tif","phrase":"x","rle":null}"#).unwrap();
    let options = ConvertOptions { png: Some(folder.path().join("png")), ..Default::default() };
    let error = converted(&root, &options).unwrap_err().to_string();
    assert!(error.contains("leads out of its folder"), "{error}");
    assert!(!folder.path().join("out.png").exists());
}
