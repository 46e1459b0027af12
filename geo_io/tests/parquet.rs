//! GeoParquet as any reader of Parquet finds it.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod drawn;

use std::fs::File;
use std::path::Path;

use drawn::{GRIDS, UTM_33, detections, scene};
use gdal::spatial_ref::{AxisMappingStrategy, SpatialRef};
use gdal::vector::Geometry;
use geo_io::{Detection, SceneInfo, VectorOptions, VectorWriter};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Row, RowAccessor};
use serde_json::{Value, json};

fn write(out: &Path, info: &SceneInfo, detections: &[Detection], options: &VectorOptions) {
    let mut writer = VectorWriter::create(out, info, options).unwrap();
    detections.iter().for_each(|detection| writer.write(detection).unwrap());
    writer.finish().unwrap().commit().unwrap();
}

/// What a file says of its geometries, and its rows.
fn read(path: &Path) -> (Value, Vec<Row>) {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let geo = pairs.iter().find(|pair| pair.key == "geo").unwrap().value.as_deref().unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    (serde_json::from_str(geo).unwrap(), rows)
}

fn place(row: &Row, name: &str) -> usize {
    row.get_column_iter().position(|(column, _)| column == name).unwrap()
}

#[test]
fn a_row_holds_attributes_geometry_and_box_and_the_file_its_crs_on_any_grid() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let options = VectorOptions { overwrite: true, ..Default::default() };
    for (crs, affine, _) in GRIDS {
        let info = scene(folder.path(), crs, affine);
        let detections = detections(&info, "a \"roof\", 屋顶");
        write(&path, &info, &detections, &options);
        let (geo, rows) = read(&path);
        assert_eq!((&geo["version"], &geo["primary_column"]), (&json!("1.1.0"), &json!("geometry")));
        let column = &geo["columns"]["geometry"];
        assert_eq!((&column["encoding"], &column["geometry_types"]), (&json!("WKB"), &json!(["Polygon"])), "{crs}");
        assert_eq!(column["covering"]["bbox"]["ymax"], json!(["bbox", "ymax"]));
        let plain = |mut crs: SpatialRef| {
            crs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
            crs
        };
        let found = plain(SpatialRef::from_definition(&column["crs"].to_string()).unwrap());
        assert!(found == plain(SpatialRef::from_definition(crs).unwrap()), "{crs}: {}", column["crs"]);
        assert_eq!(rows.len(), detections.len());
        for (row, detection) in rows.iter().zip(&detections) {
            let at = |name: &str| place(row, name);
            assert_eq!(row.get_string(at("id")).unwrap(), &detection.id);
            assert_eq!(row.get_string(at("prompt")).unwrap(), &detection.prompt);
            assert_eq!(row.get_string(at("scene")).unwrap(), "scene.tif");
            assert_eq!(row.get_double(at("prob_mean")).unwrap(), 0.75);
            assert!((row.get_double(at("area_m2")).unwrap() - detection.area_m2.unwrap()).abs() < 1e-3);
            assert_eq!(row.get_long(at("n_px")).unwrap(), detection.n_px as i64);
            assert_eq!(row.get_bool(at("touches_edge")).unwrap(), detection.touches_edge);
            // Neither presence nor tiles are known here.
            assert!(row.get_double(at("presence")).is_err() && row.get_long(at("n_tiles")).is_err());
            let geometry = Geometry::from_wkb(row.get_bytes(at("geometry")).unwrap().data()).unwrap();
            assert!(geometry.is_valid());
            let mut points = Vec::new();
            geometry.get_geometry(0).get_points(&mut points);
            let shell: Vec<_> = detection.geometry[0].shell.iter().map(|point| (point.x, point.y, 0.0)).collect();
            assert_eq!(points, shell, "{crs}");
            assert_eq!(geometry.geometry_count(), 1 + detection.geometry[0].holes.len());
            let reach = geometry.envelope();
            let sides = row.get_group(at("bbox")).unwrap();
            let side = |number| sides.get_double(number).unwrap();
            assert_eq!([side(0), side(1), side(2), side(3)], [reach.MinX, reach.MinY, reach.MaxX, reach.MaxY]);
        }
    }
}

#[test]
fn an_empty_file_and_one_without_crs_are_files_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut info = scene(folder.path(), UTM_33, [500_000.0, 1.0, 0.0, 5_000_000.0, 0.0, -1.0]);
    let empty = folder.path().join("empty.parquet");
    write(&empty, &info, &[], &VectorOptions::default());
    let (geo, rows) = read(&empty);
    assert_eq!((rows.len(), &geo["columns"]["geometry"]["geometry_types"]), (0, &json!([])));
    info.crs = None;
    let nowhere = folder.path().join("nowhere.geoparquet");
    write(&nowhere, &info, &detections(&info, "roof"), &VectorOptions::default());
    let (geo, rows) = read(&nowhere);
    assert_eq!((rows.len(), &geo["columns"]["geometry"]["crs"]), (3, &Value::Null));
}

#[test]
fn more_detections_than_a_group_holds_all_come_back_and_equal_ones_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path(), UTM_33, [500_000.0, 1.0, 0.0, 5_000_000.0, 0.0, -1.0]);
    let three = detections(&info, "roof");
    let many: Vec<Detection> = three.iter().cycle().take(40_000).cloned().collect();
    let files = ["a.parquet", "b.parquet"].map(|name| folder.path().join(name));
    files.iter().for_each(|file| write(file, &info, &many, &VectorOptions::default()));
    let (_, rows) = read(&files[0]);
    assert_eq!(rows.len(), 40_000);
    let ids = rows.iter().map(|row| row.get_string(0).unwrap());
    assert!(ids.zip(&many).all(|(id, detection)| *id == detection.id));
    assert!(std::fs::read(&files[0]).unwrap() == std::fs::read(&files[1]).unwrap());
}

#[test]
fn detections_of_several_parts_are_multipolygons() {
    let folder = tempfile::tempdir().unwrap();
    let info = scene(folder.path(), UTM_33, [500_000.0, 1.0, 0.0, 5_000_000.0, 0.0, -1.0]);
    let path = folder.path().join("out.parquet");
    write(&path, &info, &detections(&info, "roof"), &VectorOptions { several_parts: true, ..Default::default() });
    let (geo, rows) = read(&path);
    assert_eq!(geo["columns"]["geometry"]["geometry_types"], json!(["MultiPolygon"]));
    let shape = |row: &Row| Geometry::from_wkb(row.get_bytes(place(row, "geometry")).unwrap().data()).unwrap();
    assert!(rows.iter().all(|row| shape(row).geometry_name() == "MULTIPOLYGON"));
}
