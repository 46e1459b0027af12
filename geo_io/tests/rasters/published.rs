//! Colours, statistics, origin, classes, and rasters for the cloud.

use super::*;

fn options(cog: bool) -> RasterOptions {
    let origin = RasterOrigin {
        prompt: "the \"tanks\"".to_owned(),
        scene: "scene.tif".to_owned(),
        threshold: Some(0.5),
        first_px: (3, 7),
    };
    RasterOptions { cog, origin, ..RasterOptions::default() }
}

#[test]
fn a_mask_has_colours_and_bands_know_their_statistics_and_origin() {
    let folder = tempfile::tempdir().unwrap();
    let scene = painted(folder.path(), PixelSize { width: 1000, height: 3 });
    let scene = Scene::open(scene.as_os_str(), &SceneOptions::default()).unwrap();
    let out = folder.path().join("out.tif");
    let mut writer = RasterWriter::create(scene.info(), &out, &options(false)).unwrap();
    writer.write_rows(&strip(0, 3, 1000)).unwrap();
    writer.finish().unwrap().commit().unwrap();
    let stored = Dataset::open(&out).unwrap();
    assert_eq!(stored.metadata_item("GEOPHRASE_PROMPT", "").unwrap(), "the \"tanks\"");
    let band = stored.rasterband(1).unwrap();
    let item = |key: &str| band.metadata_item(key, "").unwrap().parse::<f64>().unwrap();
    // Each row holds 0 to 0.999 in steps of a thousandth, without column 3: 499.5 less 0.003, over 999.
    assert_eq!((item("STATISTICS_MINIMUM"), item("STATISTICS_VALID_PERCENT")), (0.0, 99.9));
    assert!((item("STATISTICS_MAXIMUM") - 0.999).abs() < 1e-6);
    assert!((item("STATISTICS_MEAN") - (499.5 - 0.003) / 999.0).abs() < 1e-6);
    // Evenly spread over a range of one: the square root of a twelfth.
    assert!((item("STATISTICS_STDDEV") - (1.0_f64 / 12.0).sqrt()).abs() < 1e-3);
    let mask = Dataset::open(folder.path().join("out.mask.tif")).unwrap();
    let mask = mask.rasterband(1).unwrap();
    let colour = mask.color_table().unwrap().entry_as_rgb(1).unwrap();
    assert_eq!((colour.r, colour.g, colour.b), (255, 200, 0));
    assert!(!folder.path().join("out.tif.aux.xml").exists());
}

#[test]
fn a_cloud_optimized_raster_is_one_by_gdals_own_validator_and_has_fitting_overviews() {
    let folder = tempfile::tempdir().unwrap();
    let scene = painted(folder.path(), PixelSize { width: 1030, height: 1100 });
    let scene = Scene::open(scene.as_os_str(), &SceneOptions::default()).unwrap();
    let (out, again) = (folder.path().join("out.tif"), folder.path().join("again.tif"));
    for (path, rows) in [(&out, 1100), (&again, 77)] {
        let mut writer = RasterWriter::create(scene.info(), path, &options(true)).unwrap();
        for row_off in (0..1100).step_by(rows as usize) {
            writer.write_rows(&strip(row_off, rows.min(1100 - row_off), 1030)).unwrap();
        }
        writer.finish().unwrap().commit().unwrap();
    }
    assert!(fs::read(&out).unwrap() == fs::read(&again).unwrap(), "the same rows give the same bytes");
    let mask = folder.path().join("out.mask.tif");
    for path in [&out, &mask] {
        let stored = Dataset::open(path).unwrap();
        assert_eq!(stored.metadata_item("LAYOUT", "IMAGE_STRUCTURE").unwrap(), "COG");
        assert_eq!(stored.rasterband(1).unwrap().overview_count().unwrap(), 2);
        validate(path);
    }
    // The mean of four pixels, those without a result left out; the commonest label.
    let stored = Dataset::open(&out).unwrap();
    let overview = stored.rasterband(1).unwrap().overview(0).unwrap();
    let mut mean = [0.0_f32];
    overview.read_into_slice((4, 0), (1, 1), (1, 1), &mut mean, None).unwrap();
    // Columns 8 and 9 of rows 0 and 1: 0.008, 0.009, 0.038, 0.039 (1030 is 30 beyond a thousand).
    assert!((mean[0] - 0.0235).abs() < 1e-6, "{mean:?}");
    let stored = Dataset::open(&mask).unwrap();
    let mut labels = [9_u8; 2];
    stored
        .rasterband(1)
        .unwrap()
        .overview(0)
        .unwrap()
        .read_into_slice((4, 0), (2, 1), (2, 1), &mut labels, None)
        .unwrap();
    assert_eq!(labels, [0, 0]);
}

/// The validator that comes with GDAL's Python package, where there is one.
fn validate(path: &Path) {
    let run = std::process::Command::new("/usr/bin/python3")
        .args(["-m", "osgeo_utils.samples.validate_cloud_optimized_geotiff", "-q"])
        .arg(path)
        .output();
    match run {
        Ok(run) if !String::from_utf8_lossy(&run.stderr).contains("No module named") => {
            let said = [run.stdout, run.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(run.status.success() && !said.contains("warning"), "{}: {said}", path.display());
        }
        _ => println!("SKIPPED: the validator of GDAL's Python package is not here"),
    }
}

#[test]
fn classes_are_numbered_by_prompt_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let scene = painted(folder.path(), PixelSize { width: 1000, height: 2 });
    let scene = Scene::open(scene.as_os_str(), &SceneOptions::default()).unwrap();
    let out = folder.path().join("classes.tif");
    let prompts = ["roofs".to_owned(), "the pier".to_owned()];
    let first = strip(0, 2, 1000);
    let mut second = first.clone();
    second.probability.reverse();
    second.mask = second.probability.iter().map(|p| if p.is_nan() { 255 } else { u8::from(*p > 0.5) }).collect();
    let mut writer = ClassWriter::create(scene.info(), &out, &prompts, &ClassOptions::default()).unwrap();
    writer.write_rows(&[first, second]).unwrap();
    writer.finish().unwrap().commit().unwrap();
    let stored = Dataset::open(&out).unwrap();
    assert_eq!(stored.metadata_item("GEOPHRASE_CLASS_2", "").unwrap(), "the pier");
    let mut values = [0_u8; 5];
    stored.rasterband(1).unwrap().read_into_slice((0, 0), (5, 1), (5, 1), &mut values, None).unwrap();
    // The second prompt has 0.999 and so on at the left; column 3 has no result of the first.
    assert_eq!(values, [2, 2, 2, 2, 2]);
    stored.rasterband(1).unwrap().read_into_slice((995, 0), (5, 1), (5, 1), &mut values, None).unwrap();
    assert_eq!(values, [1, 1, 1, 1, 1]);
    let colour = stored.rasterband(1).unwrap().color_table().unwrap().entry_as_rgb(2).unwrap();
    assert_eq!((colour.r, colour.g, colour.b), (86, 180, 233));
}

#[test]
fn a_result_reads_back_with_labels_and_doubts_of_any_threshold() {
    let folder = tempfile::tempdir().unwrap();
    let scene = painted(folder.path(), PixelSize { width: 1000, height: 2 });
    let scene = Scene::open(scene.as_os_str(), &SceneOptions::default()).unwrap();
    let out = folder.path().join("out.tif");
    let written = strip(0, 2, 1000);
    let mut writer = RasterWriter::create(scene.info(), &out, &options(false)).unwrap();
    writer.write_rows(&written).unwrap();
    writer.finish().unwrap().commit().unwrap();
    let raster = ResultRaster::open(&out).unwrap();
    assert_eq!((raster.origin().prompt.as_str(), raster.origin().threshold), ("the \"tanks\"", Some(0.5)));
    assert_eq!(raster.info().origin, (3, 7), "ids are those of the scene");
    let same = raster.read_rows(0, 2, 0.5).unwrap();
    assert_eq!(same.mask, written.mask);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&same.uncertainty[4..]), bits(&written.uncertainty[4..]));
    // At 0.7 the label of 0.6 is another one, and so is what is said of it: 1 - 0.25.
    let higher = raster.read_rows(0, 2, 0.7).unwrap();
    assert_eq!((higher.mask[600], higher.uncertainty[600]), (0, 0.75));
    assert_eq!((higher.mask[800], higher.uncertainty[800]), (1, 0.25));
    assert!(ResultRaster::open(&folder.path().join("out.mask.tif")).is_err());
}
