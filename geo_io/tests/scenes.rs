//! Small scenes of every odd kind, made here, and what becomes of them.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use gdal::raster::{
    Buffer, ColorEntry, ColorInterpretation, ColorTable, GdalType, PaletteInterpretation, RasterCreationOptions,
};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DriverManager, Gcp};
use geo_io::{BandRange, ErrorKind, GeoIoError, PixelWindow, RgbWindow, ScaleChoice, ScalingInfo, Scene, SceneOptions};

const GRID: [f64; 6] = [500_000.0, 0.5, 0.0, 5_000_000.0, 0.0, -0.5];

/// A GeoTIFF of one plane for each band, on a grid in UTM 33.
fn raster<T: GdalType + Copy>(path: &Path, size: (usize, usize), planes: &[Vec<T>], adjust: impl FnOnce(&mut Dataset)) {
    geo_io::init_gdal();
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let options = RasterCreationOptions::from_iter(["PHOTOMETRIC=MINISBLACK", "PROFILE=GDALGeoTIFF"]);
    let mut dataset =
        driver.create_with_band_type_with_options::<T, _>(path, size.0, size.1, planes.len(), &options).unwrap();
    dataset.set_geo_transform(&GRID).unwrap();
    dataset.set_spatial_ref(&SpatialRef::from_epsg(32633).unwrap()).unwrap();
    adjust(&mut dataset);
    for (index, plane) in planes.iter().enumerate() {
        let mut band = dataset.rasterband(index + 1).unwrap();
        band.write((0, 0), size, &mut Buffer::new(size, plane.clone())).unwrap();
    }
    dataset.close().unwrap();
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    (folder, path)
}

fn open(path: &Path) -> Result<Scene, GeoIoError> {
    Scene::open(path.as_os_str(), &SceneOptions::default())
}

fn whole(scene: &Scene) -> RgbWindow {
    scene.read_rgb(PixelWindow::whole(scene.info().size)).unwrap()
}

/// Kind and full text of a refusal, which must be one line.
fn refusal(result: Result<Scene, GeoIoError>) -> (ErrorKind, String) {
    let error = result.err().unwrap();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    assert!(!text.contains('\n'), "{text}");
    (error.kind(), text)
}

#[test]
fn missing_empty_foreign_and_folder_names_are_told_apart() {
    let (folder, path) = folder();
    assert_eq!(refusal(open(&path)).0, ErrorKind::MissingScene);
    assert_eq!(refusal(open(Path::new("/vsizip/nowhere.zip/a.tif"))).0, ErrorKind::MissingScene);
    fs::write(&path, "").unwrap();
    let (kind, text) = refusal(open(&path));
    assert!(kind == ErrorKind::UnreadableScene && text.contains("empty"), "{text}");
    fs::write(&path, "just a text").unwrap();
    let (kind, text) = refusal(open(&path));
    assert!(kind == ErrorKind::UnreadableScene && text.contains("not recognized"), "{text}");
    let (kind, text) = refusal(open(folder.path()));
    assert!(kind == ErrorKind::UnreadableScene && text.contains("folder"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf_8_opens() {
    use std::os::unix::ffi::OsStrExt;
    let (folder, path) = folder();
    raster(&path, (2, 1), &[vec![1_u8, 2]], |_| {});
    let odd = folder.path().join(OsStr::from_bytes(b"sc\xffne.tif"));
    fs::rename(&path, &odd).unwrap();
    assert_eq!(whole(&open(&odd).unwrap()).rgb[..2], [1.0, 2.0]);
}

#[test]
fn a_truncated_file_fails_at_the_window_that_is_gone_and_not_before() {
    let (_folder, path) = folder();
    let noise: Vec<u8> = (0..400_u32 * 400).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    raster(&path, (400, 400), &[noise], |_| {});
    let bytes = fs::read(&path).unwrap();
    // GDAL writes the directory of so small a file first, then the rows in order.
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let scene = open(&path).unwrap();
    let top = PixelWindow { col_off: 0, row_off: 0, width: 400, height: 10 };
    assert!(scene.read_rgb(top).is_ok());
    let bottom = PixelWindow { row_off: 390, ..top };
    let error = scene.read_rgb(bottom).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnreadableScene);
    assert!(error.to_string().contains("400x10 px at column 0, row 390"), "{error}");
}

#[test]
fn a_window_that_leaves_the_scene_is_a_mistake_of_the_program() {
    let (_folder, path) = folder();
    raster(&path, (3, 2), &[vec![7_u8; 6]], |_| {});
    let window = PixelWindow { col_off: 2, row_off: 0, width: 2, height: 1 };
    assert_eq!(open(&path).unwrap().read_rgb(window).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn one_band_is_grey_one_pixel_is_enough_and_both_are_said() {
    let (_folder, path) = folder();
    raster(&path, (1, 1), &[vec![7_u8]], |_| {});
    let scene = open(&path).unwrap();
    assert_eq!(scene.info().notes, ["one band: used as grey"]);
    assert_eq!(scene.info().scaling, ScalingInfo::None);
    assert!((scene.info().pixel_size_m.unwrap() - 0.5).abs() < 1e-3);
    let read = whole(&scene);
    assert_eq!((read.rgb, read.valid), (vec![7.0; 3], vec![1]));
}

#[test]
fn no_crs_is_refused_assumed_or_allowed() {
    let (_folder, path) = folder();
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let turned = [10.0, 0.5, 0.1, 20.0, 0.1, -0.5];
    driver.create(&path, 2, 2, 3).unwrap().set_geo_transform(&turned).unwrap();
    let (kind, text) = refusal(open(&path));
    assert!(
        kind == ErrorKind::UnusableScene && text.contains("--assume-crs") && text.contains("--allow-no-crs"),
        "{text}"
    );
    let assumed = SceneOptions { assume_crs: Some("EPSG:32633".to_owned()), ..Default::default() };
    let scene = Scene::open(path.as_os_str(), &assumed).unwrap();
    assert_eq!(scene.info().crs.as_ref().unwrap().authority(), Some(("EPSG", 32633)));
    let wrong = SceneOptions { assume_crs: Some("EPSG:nothing".to_owned()), ..Default::default() };
    assert_eq!(refusal(Scene::open(path.as_os_str(), &wrong)).0, ErrorKind::Usage);
    let allowed = SceneOptions { allow_no_crs: true, ..Default::default() };
    let scene = Scene::open(path.as_os_str(), &allowed).unwrap();
    assert_eq!((scene.info().crs.clone(), scene.info().affine.0, scene.info().has_grid), (None, turned, true));
}

#[test]
fn control_points_alone_are_refused_with_the_way_to_warp() {
    let (_folder, path) = folder();
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let point = |pixel: f64, line: f64| Gcp {
        id: String::new(),
        info: String::new(),
        pixel,
        line,
        x: 10.0 + pixel,
        y: 50.0 - line,
        z: 0.0,
    };
    let points = vec![point(0.0, 0.0), point(2.0, 0.0), point(0.0, 2.0), point(2.0, 2.0)];
    driver.create(&path, 2, 2, 3).unwrap().set_gcps(points, &SpatialRef::from_epsg(4326).unwrap()).unwrap();
    let (kind, text) = refusal(open(&path));
    assert!(kind == ErrorKind::UnusableScene && text.contains("gdalwarp"), "{text}");
    let allowed = SceneOptions { allow_no_crs: true, ..Default::default() };
    assert!(!Scene::open(path.as_os_str(), &allowed).unwrap().info().has_grid);
}

#[test]
fn two_bands_are_refused_unless_the_second_is_alpha() {
    let (_folder, path) = folder();
    raster(&path, (2, 1), &[vec![9_u8, 9], vec![255, 0]], |_| {});
    assert_eq!(refusal(open(&path)).0, ErrorKind::UnusableScene);
    raster(&path, (2, 1), &[vec![9_u8, 9], vec![255, 0]], |dataset| {
        dataset.rasterband(2).unwrap().set_color_interpretation(ColorInterpretation::AlphaBand).unwrap();
    });
    let read = whole(&open(&path).unwrap());
    assert_eq!((read.rgb, read.valid), (vec![9.0, 0.0, 9.0, 0.0, 9.0, 0.0], vec![1, 0]));
}

#[test]
fn a_band_out_of_range_is_the_users_mistake_and_a_choice_is_kept() {
    let (_folder, path) = folder();
    raster(&path, (1, 1), &[vec![1_u8], vec![2], vec![3], vec![4], vec![5]], |_| {});
    let with =
        |bands: Vec<usize>| Scene::open(path.as_os_str(), &SceneOptions { bands: Some(bands), ..Default::default() });
    assert_eq!(refusal(with(vec![1, 2, 6])).0, ErrorKind::Usage);
    assert_eq!(whole(&with(vec![5, 3, 2]).unwrap()).rgb, [5.0, 3.0, 2.0]);
}

#[test]
fn a_palette_is_seen_through_its_colours() {
    let (_folder, path) = folder();
    raster(&path, (3, 1), &[vec![0_u8, 2, 1]], |dataset| {
        let mut table = ColorTable::new(PaletteInterpretation::Rgba);
        for (index, (r, g, b)) in [(10, 20, 30), (40, 50, 60), (70, 80, 90)].into_iter().enumerate() {
            table.set_color_entry(index as u16, &ColorEntry::rgba(r, g, b, 255));
        }
        dataset.rasterband(1).unwrap().set_color_table(&table);
    });
    let scene = open(&path).unwrap();
    assert!(scene.info().notes[0].starts_with("palette"), "{:?}", scene.info().notes);
    assert_eq!(whole(&scene).rgb, [10.0, 70.0, 40.0, 20.0, 80.0, 50.0, 30.0, 90.0, 60.0]);
}

#[test]
fn sixteen_bits_are_scaled_by_the_whole_scene_and_not_by_the_window() {
    let (_folder, path) = folder();
    // 0 to 1000 in red; the 2nd and 98th percentiles of 1001 values are 20 and 980. Others are ten times that.
    let plane = |factor: u16| (0..1001).map(|value| value * factor).collect::<Vec<u16>>();
    raster(&path, (1001, 1), &[plane(1), plane(10), plane(10)], |_| {});
    let scene = open(&path).unwrap();
    let ScalingInfo::Linear { ranges, .. } = &scene.info().scaling else { panic!("16 bits are scaled") };
    assert_eq!(ranges[..2], [BandRange { min: 20.0, max: 980.0 }, BandRange { min: 200.0, max: 9800.0 }]);
    let all = whole(&scene).rgb;
    assert_eq!((all[20], all[500], all[980], all[1000]), (0.0, 127.5, 255.0, 255.0));
    let part =
        scene.reopen().unwrap().read_rgb(PixelWindow { col_off: 400, row_off: 0, width: 10, height: 1 }).unwrap();
    assert_eq!(part.rgb[..10], all[400..410]);
    let given = SceneOptions { scale: ScaleChoice::MinMax { min: 0.0, max: 500.0 }, ..Default::default() };
    assert_eq!(whole(&Scene::open(path.as_os_str(), &given).unwrap()).rgb[250], 127.5);
}

#[test]
fn nan_is_nodata_and_does_not_move_the_scale() {
    let (_folder, path) = folder();
    let plane: Vec<f32> = (0..101).map(|value| if value == 7 { f32::NAN } else { value as f32 }).collect();
    let full: Vec<f32> = (0..101).map(|value| value as f32).collect();
    raster(&path, (101, 1), &[full.clone(), plane, full], |_| {});
    let read = whole(&open(&path).unwrap());
    assert_eq!(read.valid.iter().filter(|valid| **valid == 0).count(), 1);
    assert_eq!((read.valid[7], read.rgb[7], read.rgb[101 + 7]), (0, 0.0, 0.0));
    assert!(read.rgb.iter().all(|value| value.is_finite()));
}

#[test]
fn a_nodata_value_that_the_user_names_takes_the_place_of_the_scenes() {
    let (_folder, path) = folder();
    let zero = |dataset: &mut Dataset| dataset.rasterband(1).unwrap().set_no_data_value(Some(0.0)).unwrap();
    let named = |nodata: f64| {
        let options = SceneOptions { nodata: Some(nodata), ..Default::default() };
        whole(&Scene::open(path.as_os_str(), &options).unwrap()).valid
    };
    raster(&path, (3, 1), &[vec![0_u8, 9, 9], vec![0, 9, 5], vec![0, 9, 9]], zero);
    assert_eq!((named(9.0), named(7.0)), (vec![1, 0, 1], vec![1, 1, 1]));
    raster(&path, (3, 1), &[vec![0.0_f32, -1.0, 9.0], vec![f32::NAN, 2.0, 5.0], vec![0.0, 3.0, 9.0]], |_| {});
    assert_eq!(named(-1.0), [0, 0, 1]);
}

#[test]
fn integer_nodata_needs_all_bands_and_an_empty_scene_works() {
    let (_folder, path) = folder();
    let nodata = |dataset: &mut Dataset| {
        for index in 1..=3 {
            dataset.rasterband(index).unwrap().set_no_data_value(Some(0.0)).unwrap();
        }
    };
    raster(&path, (2, 1), &[vec![0_u8, 0], vec![0, 5], vec![0, 0]], nodata);
    assert_eq!(whole(&open(&path).unwrap()).valid, [0, 1]);
    raster(&path, (2, 1), &[vec![0_u16; 2], vec![0; 2], vec![0; 2]], nodata);
    assert_eq!(whole(&open(&path).unwrap()).valid, [0, 0]);
}

#[test]
fn stored_scale_and_offset_are_part_of_the_value() {
    let (_folder, path) = folder();
    raster(&path, (2, 1), &[vec![0_u16, 100]], |dataset| {
        let mut band = dataset.rasterband(1).unwrap();
        band.set_scale(0.5).unwrap();
        band.set_offset(10.0).unwrap();
    });
    let given = SceneOptions { scale: ScaleChoice::MinMax { min: 10.0, max: 110.0 }, ..Default::default() };
    // 100 means 100 * 0.5 + 10 = 60, halfway from 10 to 110.
    assert_eq!(whole(&Scene::open(path.as_os_str(), &given).unwrap()).rgb[..2], [0.0, 127.5]);
}

#[test]
fn a_mask_band_is_validity() {
    let (_folder, path) = folder();
    geo_io::init_gdal();
    gdal::config::set_thread_local_config_option("GDAL_TIFF_INTERNAL_MASK", "YES").unwrap();
    raster(&path, (2, 1), &[vec![9_u8, 9], vec![9, 9], vec![9, 9]], |dataset| {
        let mut band = dataset.rasterband(1).unwrap();
        band.create_mask_band(true).unwrap();
        let mut mask = band.open_mask_band().unwrap();
        mask.write((0, 0), (2, 1), &mut Buffer::new((2, 1), vec![0_u8, 255])).unwrap();
    });
    assert_eq!(whole(&open(&path).unwrap()).valid, [0, 1]);
}

#[test]
fn a_container_names_its_parts() {
    let (folder, path) = folder();
    raster(&path, (300, 300), &vec![vec![9_u8; 90_000]; 3], |_| {});
    let container = folder.path().join("two.gpkg");
    let (source, driver) = (Dataset::open(&path).unwrap(), DriverManager::get_driver_by_name("GPKG").unwrap());
    for options in [vec!["RASTER_TABLE=first"], vec!["RASTER_TABLE=second", "APPEND_SUBDATASET=YES"]] {
        let options = RasterCreationOptions::from_iter(options);
        source.create_copy(&driver, &container, &options).unwrap().close().unwrap();
    }
    let (kind, text) = refusal(open(&container));
    assert_eq!(kind, ErrorKind::UnusableScene);
    assert!(text.contains("container") && text.contains(":first") && text.contains(":second"), "{text}");
    let part = format!("GPKG:{}:first", container.display());
    assert!(Scene::open(OsStr::new(&part), &SceneOptions::default()).is_ok());
}

#[test]
fn scale_choices_are_read_from_text() {
    let read = |text: &str| text.parse::<ScaleChoice>().ok();
    assert_eq!(read("auto"), Some(ScaleChoice::Auto));
    assert_eq!(read("0,2000"), Some(ScaleChoice::MinMax { min: 0.0, max: 2000.0 }));
    assert_eq!(read("p2,p98"), Some(ScaleChoice::Percentile { low: 2.0, high: 98.0 }));
    assert_eq!(read("reflectance:10000"), Some(ScaleChoice::Reflectance(10_000.0)));
    for wrong in ["", "5", "5,5", "9,1", "p2,98", "p5,p101", "reflectance:0", "nan,1", "1,inf"] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

#[test]
fn a_crs_that_lies_in_a_side_file_counts_and_reading_writes_none() {
    let (folder, path) = folder();
    raster(&path, (4, 3), &[vec![7_u8; 12], vec![8; 12], vec![9; 12]], |_| {});
    let picture = folder.path().join("scene.png");
    let png = DriverManager::get_driver_by_name("PNG").unwrap();
    Dataset::open(&path).unwrap().create_copy(&png, &picture, &RasterCreationOptions::new()).unwrap().close().unwrap();
    let files = || fs::read_dir(folder.path()).unwrap().count();
    let before = files();
    assert!(folder.path().join("scene.png.aux.xml").exists());

    let scene = open(&picture).unwrap();
    assert_eq!(scene.info().affine.0, GRID);
    whole(&scene);
    drop(scene);
    assert_eq!(files(), before);
}

#[test]
fn readers_of_a_striped_scene_read_at_once_what_one_reads_alone() {
    let (_folder, path) = folder();
    let (width, height) = (2_100_u32, 96_u32);
    let plane: Vec<u8> = (0..width * height).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    raster(&path, (width as usize, height as usize), &[plane], |_| {});
    let first = open(&path).unwrap();
    assert_eq!(first.info().block.0, width, "the scene lies in strips");
    let window = |index: u32| PixelWindow { col_off: index * 50, row_off: index % 5 * 10, width: 64, height: 50 };
    let alone: Vec<RgbWindow> = (0..40).map(|index| first.read_rgb(window(index)).unwrap()).collect();
    let scenes: Vec<Scene> = (0..3).map(|_| first.reopen().unwrap()).collect();
    std::thread::scope(|scope| {
        for (reader, scene) in scenes.into_iter().enumerate() {
            let alone = &alone;
            scope.spawn(move || {
                for (index, alone) in alone.iter().enumerate().skip(reader).step_by(3) {
                    assert_eq!(&scene.read_rgb(window(index as u32)).unwrap(), alone);
                }
            });
        }
    });
}
