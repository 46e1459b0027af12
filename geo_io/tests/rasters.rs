//! Rasters written by this crate, read back by GDAL through the crate itself and by hand.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::{Path, PathBuf};

use gdal::{Dataset, Metadata};
use geo_io::{
    Affine, ClassOptions, ClassWriter, ErrorKind, PainterCompression, PainterOptions, PixelSize, PixelWindow,
    RasterOptions, RasterOrigin, RasterWriter, ResultRaster, Scene, SceneOptions, ScenePainter, SceneStrip,
};

/// What is added for those who publish rasters.
#[path = "rasters/published.rs"]
mod published;

const AFFINE: Affine = Affine([500_000.0, 0.5, 0.125, 5_000_000.0, 0.25, -0.5]);

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Colours that tell row and column.
fn colours(width: u32, row: u32) -> Vec<u8> {
    (0..width).flat_map(|col| [(col % 251) as u8, (row % 241) as u8, ((col / 251) * 7 + row / 241) as u8]).collect()
}

fn paint(path: &Path, size: PixelSize, options: &PainterOptions, rows: u32) {
    let mut painter = ScenePainter::create(path, size, AFFINE, "EPSG:32633", options).unwrap();
    for row_off in (0..size.height).step_by(rows as usize) {
        let rows = rows.min(size.height - row_off);
        let rgb: Vec<u8> = (row_off..row_off + rows).flat_map(|row| colours(size.width, row)).collect();
        let numbers: Vec<u32> = (0..rows * size.width).map(|index| (row_off + index / size.width) * 70_000).collect();
        painter.write_rows(row_off, rows, &rgb, options.instances.is_some().then_some(&numbers)).unwrap();
    }
    painter.finish().unwrap().commit().unwrap();
}

fn painted(folder: &Path, size: PixelSize) -> PathBuf {
    let path = folder.join("scene.tif");
    paint(&path, size, &PainterOptions::default(), 100);
    path
}

fn strip(row_off: u32, rows: u32, width: u32) -> SceneStrip {
    let cells = (rows * width) as usize;
    let mut strip = SceneStrip {
        row_off,
        rows,
        width,
        probability: (0..cells).map(|index| ((index as u32 + row_off * width) % 1000) as f32 / 1000.0).collect(),
        uncertainty: vec![0.25; cells],
        mask: Vec::new(),
        ..Default::default()
    };
    strip.mask = strip.probability.iter().map(|p| u8::from(*p > 0.5)).collect();
    // Column 3 holds no result.
    for index in (3..cells).step_by(width as usize) {
        (strip.probability[index], strip.uncertainty[index], strip.mask[index]) = (f32::NAN, f32::NAN, 255);
    }
    strip
}

fn write_rasters(scene: &Scene, out: &Path, rows: u32) {
    let PixelSize { width, height } = scene.info().size;
    let mut writer = RasterWriter::create(scene.info(), out, &RasterOptions::default()).unwrap();
    for row_off in (0..height).step_by(rows as usize) {
        writer.write_rows(&strip(row_off, rows.min(height - row_off), width)).unwrap();
    }
    writer.finish().unwrap().commit().unwrap();
}

#[test]
fn a_painted_scene_reads_back_pixel_by_pixel_whatever_the_rows_it_was_given_in() {
    let folder = tempfile::tempdir().unwrap();
    let size = PixelSize { width: 1100, height: 700 };
    let (a, b) = (folder.path().join("a.tif"), folder.path().join("b.tif"));
    let numbers = folder.path().join("numbers.tif");
    paint(&a, size, &PainterOptions { instances: Some(numbers.clone()), ..Default::default() }, 64);
    paint(&b, size, &PainterOptions::default(), 700);
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap(), "the same pixels give the same bytes");

    let scene = Scene::open(a.as_os_str(), &SceneOptions::default()).unwrap();
    assert_eq!((scene.info().size, scene.info().affine), (size, AFFINE));
    assert_eq!(scene.info().crs.as_ref().unwrap().authority(), Some(("EPSG", 32633)));
    let window = PixelWindow { col_off: 500, row_off: 505, width: 30, height: 20 };
    let read = scene.reopen().unwrap().read_rgb(window).unwrap();
    assert_eq!(read.rgb[0], (500 % 251) as f32);
    assert_eq!(read.rgb[600 + 30], (506 % 241) as f32);
    assert!(read.valid.iter().all(|valid| *valid == 1));

    let stored = Dataset::open(&numbers).unwrap();
    let mut value = [0_u32];
    stored.rasterband(1).unwrap().read_into_slice((7, 699), (1, 1), (1, 1), &mut value, None).unwrap();
    assert_eq!(value, [699 * 70_000]);
    assert_eq!(names(folder.path()), ["a.tif", "b.tif", "numbers.tif"]);
}

#[test]
fn a_jpeg_scene_is_small_and_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    let size = PixelSize { width: 600, height: 520 };
    let options = PainterOptions { compression: PainterCompression::Jpeg(90), ..Default::default() };
    let mut painter = ScenePainter::create(&path, size, AFFINE, "EPSG:32633", &options).unwrap();
    painter.write_rows(0, 520, &[90, 120, 60].repeat(600 * 520), None).unwrap();
    painter.finish().unwrap().commit().unwrap();
    let scene = Scene::open(path.as_os_str(), &SceneOptions::default()).unwrap();
    let read = scene.read_rgb(PixelWindow::whole(size)).unwrap();
    assert!((read.rgb[0] - 90.0).abs() <= 3.0, "{}", read.rgb[0]);
    assert!(fs::metadata(&path).unwrap().len() < 60_000);
}

#[test]
fn rasters_keep_grid_crs_names_and_nodata_and_do_not_depend_on_the_strips() {
    let folder = tempfile::tempdir().unwrap();
    let scene = painted(folder.path(), PixelSize { width: 1030, height: 600 });
    let scene = Scene::open(scene.as_os_str(), &SceneOptions::default()).unwrap();
    let (a, b) = (folder.path().join("a.tif"), folder.path().join("b.tif"));
    write_rasters(&scene, &a, 1);
    write_rasters(&scene, &b, 600);
    for (one, other) in [(&a, &b), (&folder.path().join("a.mask.tif"), &folder.path().join("b.mask.tif"))] {
        assert!(fs::read(one).unwrap() == fs::read(other).unwrap());
    }
    let stored = Dataset::open(&a).unwrap();
    assert_eq!(stored.geo_transform().unwrap(), AFFINE.0);
    assert_eq!(stored.spatial_ref().unwrap().auth_code().unwrap(), 32633);
    assert_eq!(stored.rasterband(1).unwrap().description().unwrap(), "probability");
    assert_eq!(stored.rasterband(2).unwrap().description().unwrap(), "uncertainty");
    assert!(stored.rasterband(1).unwrap().no_data_value().unwrap().is_nan());
    let mut row = vec![0.0_f32; 1030];
    stored.rasterband(1).unwrap().read_into_slice((0, 599), (1030, 1), (1030, 1), &mut row, None).unwrap();
    assert!(row[3].is_nan());
    assert_eq!(row[1029], ((599 * 1030 + 1029) % 1000) as f32 / 1000.0);
    let mask = Dataset::open(folder.path().join("a.mask.tif")).unwrap();
    assert_eq!(mask.rasterband(1).unwrap().no_data_value(), Some(255.0));
    assert_eq!(names(folder.path()), ["a.mask.tif", "a.tif", "b.mask.tif", "b.tif", "scene.tif"]);
}

#[test]
fn any_grid_reads_back_exactly_and_none_stays_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    let utm = Some("EPSG:32660");
    let cases: [(Option<&str>, Option<[f64; 6]>); 7] = [
        (utm, Some([500_000.123_456_789, 0.066_123, 0.0, 3_000_000.987_654_321, 0.0, -0.066_321])),
        (utm, Some([500_000.0, 2.0, 0.0, 3_000_000.0, 0.0, 3.0])),
        (utm, Some([0.0, 1.0, 0.0, 0.0, 0.0, -1.0])),
        (utm, Some([0.0, 1.0, 0.0, 0.0, 0.0, 1.0])),
        (Some("EPSG:4979"), Some([10.0, 1e-5, 1e-6, 50.0, -1e-6, -1e-5])),
        (None, Some([10.0, 0.5, 0.1, 20.0, 0.1, -0.5])),
        (None, None),
    ];
    for (crs, grid) in cases {
        let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
        let mut dataset = driver.create(&path, 9, 5, 3).unwrap();
        if let Some(grid) = grid {
            dataset.set_geo_transform(&grid).unwrap();
        }
        if let Some(crs) = crs {
            dataset.set_spatial_ref(&gdal::spatial_ref::SpatialRef::from_definition(crs).unwrap()).unwrap();
        }
        dataset.close().unwrap();
        let scene = Scene::open(path.as_os_str(), &SceneOptions { allow_no_crs: true, ..Default::default() }).unwrap();
        assert_eq!(scene.info().has_grid, grid.is_some());
        let out = folder.path().join("out.tif");
        let mut writer =
            RasterWriter::create(scene.info(), &out, &RasterOptions { overwrite: true, ..Default::default() }).unwrap();
        writer.write_rows(&strip(0, 5, 9)).unwrap();
        writer.finish().unwrap().commit().unwrap();
        let (scene, out) = (Dataset::open(&path).unwrap(), Dataset::open(&out).unwrap());
        assert_eq!(out.geo_transform().ok(), scene.geo_transform().ok(), "{crs:?} {grid:?}");
        assert_eq!(out.spatial_ref().ok(), scene.spatial_ref().ok(), "{crs:?} {grid:?}");
    }
}

#[test]
fn the_scene_itself_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = painted(folder.path(), PixelSize { width: 9, height: 5 });
    let scene = Scene::open(path.as_os_str(), &SceneOptions::default()).unwrap();
    let options = RasterOptions { overwrite: true, ..Default::default() };
    let error = RasterWriter::create(scene.info(), &folder.path().join("./scene.tif"), &options).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::OutputCreate);
    assert!(Scene::open(path.as_os_str(), &SceneOptions::default()).is_ok());
}

#[test]
fn a_scene_without_any_result_gives_a_tiny_sparse_raster() {
    let folder = tempfile::tempdir().unwrap();
    let scene = painted(folder.path(), PixelSize { width: 2048, height: 1024 });
    let scene = Scene::open(scene.as_os_str(), &SceneOptions::default()).unwrap();
    let out = folder.path().join("out.tif");
    let mut writer = RasterWriter::create(scene.info(), &out, &RasterOptions::default()).unwrap();
    let cells = 2048 * 1024;
    let (nan, mask) = (vec![f32::NAN; cells], vec![255; cells]);
    let empty = SceneStrip {
        row_off: 0,
        rows: 1024,
        width: 2048,
        probability: nan.clone(),
        uncertainty: nan,
        mask,
        ..Default::default()
    };
    writer.write_rows(&empty).unwrap();
    writer.finish().unwrap().commit().unwrap();
    assert!(fs::metadata(&out).unwrap().len() < 5_000);
    let mut value = [0.0_f32];
    Dataset::open(&out)
        .unwrap()
        .rasterband(1)
        .unwrap()
        .read_into_slice((9, 9), (1, 1), (1, 1), &mut value, None)
        .unwrap();
    assert!(value[0].is_nan());
}

#[test]
fn an_unfinished_raster_leaves_nothing_and_missing_rows_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let scene = painted(folder.path(), PixelSize { width: 300, height: 40 });
    let scene = Scene::open(scene.as_os_str(), &SceneOptions::default()).unwrap();
    let out = folder.path().join("out.tif");
    let mut writer = RasterWriter::create(scene.info(), &out, &RasterOptions::default()).unwrap();
    writer.write_rows(&strip(0, 10, 300)).unwrap();
    assert_eq!(writer.write_rows(&strip(20, 10, 300)).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(names(folder.path()), ["scene.tif"]);
}

#[test]
fn a_mask_that_exists_stops_the_writer_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let scene = painted(folder.path(), PixelSize { width: 30, height: 40 });
    let scene = Scene::open(scene.as_os_str(), &SceneOptions::default()).unwrap();
    fs::write(folder.path().join("out.mask.tif"), "mine").unwrap();
    let error =
        RasterWriter::create(scene.info(), &folder.path().join("out.tif"), &RasterOptions::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::OutputExists);
    assert_eq!(names(folder.path()), ["out.mask.tif", "scene.tif"]);
}

/// Files that may not grow beyond 100 kB stand in for a full disk: GDAL's writes fail in the same way.
#[cfg(unix)]
#[test]
fn a_full_disk_is_a_write_error_although_gdal_says_success() {
    let this_test = std::env::current_exe().unwrap();
    let run = std::process::Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 200; exec "$0" --exact on_a_small_disk --ignored"#])
        .arg(this_test)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[cfg(unix)]
#[test]
#[ignore = "run with a limit on file size by the test above"]
fn on_a_small_disk() {
    let folder = tempfile::tempdir().unwrap();
    let scene = painted(folder.path(), PixelSize { width: 600, height: 600 });
    let scene = Scene::open(scene.as_os_str(), &SceneOptions::default()).unwrap();
    let mut writer =
        RasterWriter::create(scene.info(), &folder.path().join("out.tif"), &RasterOptions::default()).unwrap();
    let noise = |index: u32| f32::from_bits(0x3f00_0000 | (index.wrapping_mul(2_654_435_761) >> 9));
    let probability: Vec<f32> = (0..600 * 600).map(noise).collect();
    let uncertainty = probability.clone();
    let mask = vec![1; 600 * 600];
    let strip = SceneStrip { row_off: 0, rows: 600, width: 600, probability, uncertainty, mask, ..Default::default() };
    let result = writer.write_rows(&strip).and_then(|()| writer.finish());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::WriteFailed);
    assert_eq!(names(folder.path()), ["scene.tif"]);
}
