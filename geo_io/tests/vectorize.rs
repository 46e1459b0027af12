//! The vectorizer against GDAL's polygonize, against arithmetic, and against itself in other strips.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use gdal::vector::{Geometry, LayerAccess, LayerOptions};
use gdal::{DriverManager, raster::Buffer};
use geo_io::{Component, PixelCorner, SceneStrip, StripVectorizer, VectorizeOptions};
use proptest::prelude::*;

/// A polygon with its rings in one canonical form.
type Polygon = (Vec<(i32, i32)>, Vec<Vec<(i32, i32)>>);

fn strip_of(mask: &[u8], width: usize, row_off: usize, rows: usize) -> SceneStrip {
    let mask = mask[row_off * width..(row_off + rows) * width].to_vec();
    let value = |index: usize| ((row_off * width + index) % 97) as f32 / 96.0;
    SceneStrip {
        row_off: row_off as u32,
        rows: rows as u32,
        width: width as u32,
        probability: (0..mask.len()).map(value).collect(),
        uncertainty: (0..mask.len()).map(|index| 1.0 - value(index)).collect(),
        mask,
        ..Default::default()
    }
}

fn vectorize(mask: &[u8], width: usize, strip_rows: usize, min_area_px: u64) -> Vec<Component> {
    let height = mask.len() / width;
    let mut vectorizer =
        StripVectorizer::new(width as u32, height as u32, VectorizeOptions { min_area_px, ..Default::default() });
    let mut components = Vec::new();
    for row_off in (0..height).step_by(strip_rows) {
        components.extend(vectorizer.push(&strip_of(mask, width, row_off, strip_rows.min(height - row_off))));
    }
    components.extend(vectorizer.finish());
    components
}

fn doubled_area(ring: &[PixelCorner]) -> i64 {
    let cross = |edge: &[PixelCorner]| {
        i64::from(edge[0].col) * i64::from(edge[1].row) - i64::from(edge[1].col) * i64::from(edge[0].row)
    };
    ring.windows(2).map(cross).sum()
}

/// Starts a closed ring at its least corner and runs it in the direction of a positive area, without the repeated end.
fn canonical(ring: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut ring = ring[..ring.len() - 1].to_vec();
    let area: i64 = (0..ring.len())
        .map(|index| {
            let (a, b) = (ring[index], ring[(index + 1) % ring.len()]);
            i64::from(a.0) * i64::from(b.1) - i64::from(b.0) * i64::from(a.1)
        })
        .sum();
    if area < 0 {
        ring.reverse();
    }
    let least = (0..ring.len()).min_by_key(|index| ring[*index]).unwrap();
    ring.rotate_left(least);
    ring
}

fn ours(components: &[Component]) -> Vec<Polygon> {
    let pairs =
        |ring: &[PixelCorner]| canonical(&ring.iter().map(|corner| (corner.col, corner.row)).collect::<Vec<_>>());
    let mut polygons: Vec<Polygon> = components
        .iter()
        .map(|component| {
            let mut holes: Vec<_> = component.parts[0].holes.iter().map(|hole| pairs(hole)).collect();
            holes.sort();
            (pairs(&component.parts[0].shell), holes)
        })
        .collect();
    polygons.sort();
    polygons
}

#[expect(unsafe_code, reason = "the safe layer has no polygonize")]
fn gdals(mask: &[u8], width: usize) -> Vec<Polygon> {
    let height = mask.len() / width;
    let raster = DriverManager::get_driver_by_name("MEM").unwrap().create("", width, height, 1).unwrap();
    let mut band = raster.rasterband(1).unwrap();
    let ones: Vec<u8> = mask.iter().map(|value| u8::from(*value == 1)).collect();
    band.write((0, 0), (width, height), &mut Buffer::new((width, height), ones)).unwrap();
    let mut vectors = DriverManager::get_driver_by_name("Memory").unwrap().create_vector_only("").unwrap();
    let mut layer = vectors.create_layer(LayerOptions { name: "polygons", ..Default::default() }).unwrap();
    let no_options = std::ptr::null_mut();
    // SAFETY: band and layer are alive, and the band is its own mask.
    let outcome = unsafe {
        let band = band.c_rasterband();
        gdal_sys::GDALPolygonize(band, band, layer.c_layer(), -1, no_options, None, std::ptr::null_mut())
    };
    assert_eq!(outcome, gdal_sys::CPLErr::CE_None);
    let ring = |ring: &Geometry| {
        let mut points = Vec::new();
        ring.get_points(&mut points);
        canonical(&points.iter().map(|point| (point.0 as i32, point.1 as i32)).collect::<Vec<_>>())
    };
    let mut polygons: Vec<Polygon> = layer
        .features()
        .map(|feature| {
            let geometry = feature.geometry().unwrap();
            let mut holes: Vec<_> =
                (1..geometry.geometry_count()).map(|index| ring(&geometry.get_geometry(index))).collect();
            holes.sort();
            (ring(&geometry.get_geometry(0)), holes)
        })
        .collect();
    polygons.sort();
    polygons
}

/// Everything that must hold for any mask.
fn check(mask: &[u8], width: usize) {
    let height = mask.len() / width;
    let whole = vectorize(mask, width, height, 0);
    for rows in [1, 2, 7] {
        assert_eq!(whole, vectorize(mask, width, rows, 0), "strips of {rows} rows");
    }
    assert_eq!(ours(&whole), gdals(mask, width), "width {width}, mask {mask:?}");
    let ones = mask.iter().filter(|value| **value == 1).count() as u64;
    assert_eq!(whole.iter().map(|component| component.n_px).sum::<u64>(), ones);
    for component in &whole {
        let holes: i64 = component.parts[0].holes.iter().map(|hole| doubled_area(hole)).sum();
        assert!(component.parts[0].holes.iter().all(|hole| doubled_area(hole) < 0), "holes run the other way");
        assert_eq!(doubled_area(&component.parts[0].shell) + holes, 2 * component.n_px as i64, "area equals pixels");
        let bbox = component.bbox;
        let (right, bottom) = (bbox.col_off + bbox.width, bbox.row_off + bbox.height);
        let cols: Vec<i32> = component.parts[0].shell.iter().map(|corner| corner.col).collect();
        let rows: Vec<i32> = component.parts[0].shell.iter().map(|corner| corner.row).collect();
        let spans = |values: &[i32]| (*values.iter().min().unwrap() as u32, *values.iter().max().unwrap() as u32);
        assert_eq!((spans(&cols), spans(&rows)), ((bbox.col_off, right), (bbox.row_off, bottom)));
        let at_edge = bbox.col_off == 0 || bbox.row_off == 0 || right == width as u32 || bottom == height as u32;
        assert_eq!(component.touches_edge, at_edge);
    }
    let order: Vec<(u32, u32)> = whole
        .iter()
        .map(|component| (component.bbox.row_off + component.bbox.height, component.bbox.col_off))
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}

fn drawn(rows: &[&str]) -> (Vec<u8>, usize) {
    let value = |letter: u8| match letter {
        b'#' => 1,
        b'?' => 255,
        _ => 0,
    };
    (rows.iter().flat_map(|row| row.bytes().map(value)).collect(), rows[0].len())
}

/// The same pseudo-random numbers everywhere.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

#[test]
fn noise_of_every_density_agrees_with_gdal() {
    let mut noise = Noise(1);
    for round in 0..3_000_u64 {
        let density = 1 + round % 99;
        let (width, height) = (1 + noise.next() as usize % 16, 1 + noise.next() as usize % 16);
        let mask: Vec<u8> = (0..width * height)
            .map(|_| match noise.next() % 100 {
                value if value < density => 1,
                99 => 255,
                _ => 0,
            })
            .collect();
        check(&mask, width);
    }
}

#[test]
fn smooth_blobs_agree_with_gdal() {
    let (width, height) = (400, 300);
    let wave =
        |x: f64, y: f64| (x / 17.0).sin() + (y / 11.0).cos() + (x * y / 4000.0).sin() + ((x - y) / 5.0).sin() * 0.6;
    let mask: Vec<u8> =
        (0..width * height).map(|index| u8::from(wave((index % width) as f64, (index / width) as f64) > 0.4)).collect();
    check(&mask, width);
}

#[test]
fn shapes_that_merge_late_close_late_or_nest_agree_with_gdal() {
    let drawings: &[&[&str]] = &[
        &["#"],
        &["#####", "#####", "#####"],
        &["#...#", "#...#", "#####"],
        &["#####", "#...#", "#...#"],
        &["#.#.#", "#.#.#", "#####"],
        &["#.#.#", ".#.#.", "#.#.#"],
        &[
            "#########",
            "#.......#",
            "#.#####.#",
            "#.#...#.#",
            "#.#.#.#.#",
            "#.#...#.#",
            "#.#####.#",
            "#.......#",
            "#########",
        ],
        &["#######", "......#", "#####.#", "#...#.#", "#.###.#", "#.....#", "#######"],
        // A hole that touches the outside at a corner, and two holes that touch each other at one.
        &[".####", "#.###", "#####"],
        &["#####", "#.###", "##.##", "#####"],
        &["####?", "#?#??", "#####", "??#.#"],
        &["##..", "##..", "..##", "..##"],
        &["#..#", "....", "....", "#..#"],
    ];
    for drawing in drawings {
        let (mask, width) = drawn(drawing);
        check(&mask, width);
    }
}

#[test]
fn a_ring_with_an_island_is_two_components_with_their_own_numbers() {
    let (mask, width) = drawn(&["#####", "#...#", "#.#.#", "#...#", "#####"]);
    let components = vectorize(&mask, width, 2, 0);
    assert_eq!(components.len(), 2);
    // The island ends first. Its only pixel is number 12: probability 12 / 96, uncertainty 1 - 12 / 96.
    let island = &components[0];
    assert_eq!((island.n_px, island.first_px, island.touches_edge), (1, (2, 2), false));
    assert_eq!((island.stats.prob_mean, island.stats.unc_mean, island.stats.unc_max), (0.125, 0.875, 0.875));
    let ring = &components[1];
    assert_eq!((ring.n_px, ring.parts[0].holes.len(), ring.touches_edge), (16, 1, true));
    // The frame's numbers are symmetric about 12, so their mean is 12 / 96; the largest uncertainty is at number 0.
    assert!((ring.stats.prob_mean - 0.125).abs() < 1e-7);
    assert_eq!(ring.stats.unc_max, 1.0);
}

#[test]
fn small_components_are_dropped_and_others_stay() {
    let (mask, width) = drawn(&["##.#", "##..", "...#", "..##"]);
    let sizes = |min_area_px| {
        vectorize(&mask, width, 1, min_area_px).iter().map(|component| component.n_px).collect::<Vec<_>>()
    };
    assert_eq!(sizes(0), [1, 4, 3]);
    assert_eq!(sizes(3), [4, 3]);
    assert_eq!(sizes(5), [0_u64; 0]);
}

#[test]
fn nothing_is_emitted_for_an_empty_scene() {
    assert!(vectorize(&[0; 12], 4, 2, 0).is_empty());
    assert!(vectorize(&[255; 12], 4, 3, 0).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mask_agrees_with_gdal(width in 1_usize..24, rows in prop::collection::vec(prop::collection::vec(0_u8..3, 24), 1..24)) {
        let value = |cell: &u8| if *cell == 2 { 255 } else { *cell };
        let mask: Vec<u8> = rows.iter().flat_map(|row| row[..width].iter().map(value)).collect();
        check(&mask, width);
    }
}
