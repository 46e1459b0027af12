//! A very large raster takes minutes to read back after it was written, and somebody may not want to wait for it.

use std::cell::Cell;

use geo_io::{
    Affine, PainterOptions, PixelSize, RasterOptions, RasterWriter, Scene, SceneOptions, ScenePainter, SceneStrip,
};

#[test]
fn a_raster_that_is_given_up_while_it_is_read_back_is_no_output_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    let affine = Affine([500_000.0, 0.5, 0.0, 5_300_000.0, 0.0, -0.5]);
    let size = PixelSize { width: 700, height: 600 };
    let mut painter = ScenePainter::create(&path, size, affine, "EPSG:32633", &PainterOptions::default()).unwrap();
    painter.write_rows(0, 600, &vec![50; 700 * 600 * 3], None).unwrap();
    painter.finish().unwrap().commit().unwrap();
    let info = Scene::open(path.as_os_str(), &SceneOptions::default()).unwrap().info().clone();
    std::fs::remove_file(path).unwrap();
    let strip = SceneStrip {
        rows: 600,
        width: 700,
        probability: vec![0.75; 700 * 600],
        uncertainty: vec![0.25; 700 * 600],
        mask: vec![1; 700 * 600],
        ..SceneStrip::default()
    };
    let written = |stop: &dyn Fn() -> bool| {
        let mut writer =
            RasterWriter::create(&info, &folder.path().join("out.tif"), &RasterOptions::default()).unwrap();
        writer.write_rows(&strip).unwrap();
        writer.finish_unless(stop).map(drop)
    };
    // Asked once for each row of blocks; 600 rows are at least two of them, in each of two files.
    let asked = Cell::new(0);
    let count = || {
        asked.set(asked.get() + 1);
        false
    };
    assert!(written(&count).is_ok());
    assert!(asked.get() >= 4, "{}", asked.get());
    assert!(written(&|| true).unwrap_err().to_string().contains("out.tif"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
