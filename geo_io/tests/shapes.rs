//! Outlines as others must be able to use them: valid in the terms of OGC, apart from each other, near the mask.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use gdal::vector::{Geometry, OGRwkbGeometryType};
use geo_io::{
    Affine, Component, Connectivity, Detection, DetectionPolygon, GeoContext, MapPoint, PixelSize, ScalingInfo,
    SceneCrs, SceneInfo, SceneStrip, Shaping, StripVectorizer, VectorizeOptions,
};

fn components(mask: &[u8], width: usize, strip_rows: usize, options: VectorizeOptions) -> Vec<Component> {
    let height = mask.len() / width;
    let mut vectorizer = StripVectorizer::new(width as u32, height as u32, options);
    let mut found = Vec::new();
    for row_off in (0..height).step_by(strip_rows) {
        let rows = strip_rows.min(height - row_off);
        let plane = vec![0.25; rows * width];
        found.extend(vectorizer.push(&SceneStrip {
            row_off: row_off as u32,
            rows: rows as u32,
            width: width as u32,
            probability: plane.clone(),
            uncertainty: plane,
            mask: mask[row_off * width..(row_off + rows) * width].to_vec(),
            ..Default::default()
        }));
    }
    found.extend(vectorizer.finish());
    found
}

/// A scene of squares of one metre without a CRS, so that map coordinates are pixels with rows upwards.
fn context() -> GeoContext {
    // Keeps GDAL from printing what it thinks of areas of points.
    geo_io::init_gdal();
    let info = SceneInfo {
        name: String::new(),
        origin: (0, 0),
        validity: geo_io::ValiditySource::Everywhere,
        size: PixelSize { width: 1000, height: 1000 },
        affine: Affine([0.0, 1.0, 0.0, 0.0, 0.0, -1.0]),
        has_grid: true,
        crs: None::<SceneCrs>,
        bands: vec![1],
        data_type: String::new(),
        scaling: ScalingInfo::None,
        pixel_size_m: None,
        notes: Vec::new(),
        block: (1, 1),
        datetime: None,
    };
    GeoContext::new(&info).unwrap()
}

fn geometry(component: &Component, simplify_px: Option<f64>) -> Geometry {
    shaped(component, Shaping { simplify_px, ..Shaping::default() })
}

fn shaped(component: &Component, shaping: Shaping) -> Geometry {
    let detection = Detection::shaped(component, &context(), "x", shaping).unwrap();
    let polygon = |part: &DetectionPolygon| {
        let mut polygon = Geometry::empty(OGRwkbGeometryType::wkbPolygon).unwrap();
        for points in std::iter::once(&part.shell).chain(&part.holes) {
            let mut ring = Geometry::empty(OGRwkbGeometryType::wkbLinearRing).unwrap();
            points.iter().for_each(|MapPoint { x, y }| ring.add_point_2d((*x, *y)));
            polygon.add_geometry(ring).unwrap();
        }
        polygon
    };
    let mut all = Geometry::empty(OGRwkbGeometryType::wkbMultiPolygon).unwrap();
    detection.geometry.iter().for_each(|part| all.add_geometry(polygon(part)).unwrap());
    all
}

/// The same pseudo-random numbers everywhere.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn mask(&mut self, width: usize, height: usize, percent: u64) -> Vec<u8> {
        (0..width * height).map(|_| u8::from(self.next() % 100 < percent)).collect()
    }
}

/// Masks of noise, and of noise that was smoothed to blobs.
fn masks(rounds: u64) -> impl Iterator<Item = (Vec<u8>, usize)> {
    let mut noise = Noise(7);
    (0..rounds).map(move |round| {
        let (width, height) = (2 + noise.next() as usize % 28, 2 + noise.next() as usize % 28);
        let raw = noise.mask(width, height, 5 + round * 13 % 90);
        if round % 2 == 0 {
            return (raw, width);
        }
        let around = |index: usize| {
            let (row, col) = (index / width, index % width);
            let near =
                |row: usize, col: usize| raw.get(row * width + col).copied().filter(|_| col < width).unwrap_or(0);
            let cells =
                (row.saturating_sub(1)..=row + 1).flat_map(|r| (col.saturating_sub(1)..=col + 1).map(move |c| (r, c)));
            u8::from(cells.map(|(r, c)| near(r, c)).sum::<u8>() > 4)
        };
        ((0..raw.len()).map(around).collect(), width)
    })
}

#[test]
fn pieces_that_touch_by_a_corner_are_one_valid_multipolygon_when_asked_for() {
    let mut several = 0;
    for (mask, width) in masks(1_000) {
        let options = VectorizeOptions { connectivity: Connectivity::Eight, ..Default::default() };
        let whole = components(&mask, width, mask.len(), options);
        assert_eq!(whole, components(&mask, width, 1, options));
        for component in &whole {
            several += usize::from(component.parts.len() > 1);
            let geometry = geometry(component, None);
            assert!(geometry.is_valid(), "{mask:?} {width}");
            assert_eq!(geometry.area(), component.n_px as f64);
        }
        assert_eq!(whole.len(), pieces_by_flooding(&mask, width), "{mask:?} {width}");
        let ones: u64 = mask.iter().map(|value| u64::from(*value)).sum();
        assert_eq!(whole.iter().map(|component| component.n_px).sum::<u64>(), ones);
    }
    assert!(several > 1_000, "{several} components of several parts were tried");
}

/// Number of 8-connected pieces, the slow way.
fn pieces_by_flooding(mask: &[u8], width: usize) -> usize {
    let mut left = mask.to_vec();
    let mut pieces = 0;
    while let Some(start) = left.iter().position(|value| *value == 1) {
        pieces += 1;
        let mut open = vec![start];
        left[start] = 0;
        while let Some(index) = open.pop() {
            let (row, col) = (index / width, index % width);
            for r in row.saturating_sub(1)..=row + 1 {
                for c in col.saturating_sub(1)..=(col + 1).min(width - 1) {
                    if left.get(r * width + c) == Some(&1) {
                        left[r * width + c] = 0;
                        open.push(r * width + c);
                    }
                }
            }
        }
    }
    pieces
}

#[test]
fn simplified_outlines_are_valid_and_near_the_mask_and_do_not_overlap() {
    let mut fewer = (0, 0);
    for (round, (mask, width)) in masks(700).enumerate() {
        let tolerance = [0.5, 0.75, 1.0, 2.0, 5.0][round % 5];
        for connectivity in [Connectivity::Four, Connectivity::Eight] {
            let options = VectorizeOptions { connectivity, with_saddles: true, ..Default::default() };
            let found = components(&mask, width, 3, options);
            let shapes: Vec<Geometry> = found.iter().map(|component| geometry(component, Some(tolerance))).collect();
            for (component, shape) in found.iter().zip(&shapes) {
                let exact = geometry(component, None);
                let say =
                    || format!("{tolerance} px, {connectivity:?}, width {width}: {mask:?} {}", shape.wkt().unwrap());
                assert!(shape.is_valid(), "{}", say());
                let added = shape.difference(&exact.buffer(0.501, 8).unwrap()).unwrap();
                assert!(added.area() < 1e-6, "too much is added: {}", say());
                let lost = exact.difference(&shape.buffer(tolerance * 1.02 + 0.02, 8).unwrap()).unwrap();
                assert!(lost.area() < 1e-6, "too much is cut off: {}", say());
                let count = |shape: &Geometry| shape.wkt().unwrap().matches(',').count();
                fewer = (fewer.0 + count(shape), fewer.1 + count(&exact));
            }
            for (index, one) in shapes.iter().enumerate() {
                for other in &shapes[index + 1..] {
                    let shared = one.intersection(other).map_or(0.0, |shared| shared.area());
                    assert!(shared < 1e-9, "{tolerance} px, {connectivity:?}, width {width}: {mask:?}");
                }
            }
        }
    }
    assert!(fewer.0 < fewer.1, "{fewer:?} corners");
}

#[test]
fn round_outlines_are_valid_and_do_not_overlap() {
    let mut rounder = 0;
    for (round, (mask, width)) in masks(700).enumerate() {
        let shaping = Shaping { simplify_px: [None, Some(1.0), Some(3.0)][round % 3], smooth: true, regularize: false };
        for connectivity in [Connectivity::Four, Connectivity::Eight] {
            let options = VectorizeOptions { connectivity, with_saddles: true, ..Default::default() };
            let found = components(&mask, width, 3, options);
            let shapes: Vec<Geometry> = found.iter().map(|component| shaped(component, shaping)).collect();
            for (component, shape) in found.iter().zip(&shapes) {
                let say = || format!("{shaping:?}, {connectivity:?}, width {width}: {mask:?} {}", shape.wkt().unwrap());
                assert!(shape.is_valid(), "{}", say());
                let plain = Shaping { simplify_px: Some(shaping.simplify_px.unwrap_or(0.5)), ..Default::default() };
                rounder += usize::from(shape.wkt().unwrap() != self::shaped(component, plain).wkt().unwrap());
                let added = shape.difference(&geometry(component, None).buffer(0.501, 8).unwrap()).unwrap();
                assert!(added.area() < 1e-6, "too much is added: {}", say());
            }
            for (index, one) in shapes.iter().enumerate() {
                for other in &shapes[index + 1..] {
                    let shared = one.intersection(other).map_or(0.0, |shared| shared.area());
                    assert!(shared < 1e-9, "{shaping:?}, {connectivity:?}, width {width}: {mask:?}");
                }
            }
        }
    }
    assert!(rounder > 2_000, "{rounder} outlines were rounded");
}

/// The only component of pixels whose middles fulfil a condition, of a square mask.
fn drawn(side: usize, is_inside: impl Fn(f64, f64) -> bool) -> Component {
    let middle = |index: usize| (index as f64 + 0.5, 0.5);
    let mask: Vec<u8> =
        (0..side * side).map(|index| u8::from(is_inside(middle(index % side).0, middle(index / side).0))).collect();
    let options = VectorizeOptions { with_saddles: true, ..Default::default() };
    components(&mask, side, side, options).pop().unwrap()
}

/// Coordinates along and across a direction, from the middle of a mask of 80 pixels.
fn turned(degrees: f64) -> impl Fn(f64, f64) -> (f64, f64) {
    let (sin, cos) = degrees.to_radians().sin_cos();
    move |x, y| ((x - 40.0) * cos + (y - 40.0) * sin, (y - 40.0) * cos - (x - 40.0) * sin)
}

const SQUARED: Shaping = Shaping { simplify_px: None, regularize: true, smooth: false };

/// The corners of each ring of the only part.
fn corners(shape: &Geometry) -> Vec<usize> {
    let part = shape.get_geometry(0);
    (0..part.geometry_count()).map(|ring| part.get_geometry(ring).point_count() - 1).collect()
}

#[test]
fn buildings_at_any_angle_become_rectangles_and_ls_of_their_own_size() {
    for degrees in [0.0, 7.0, 20.0, 33.0, 45.0, 71.0, 90.0] {
        let turned = turned(degrees);
        // Walls that are half a pixel off here and there, and corners that are cut, as masks of models are.
        let wobble = |along: f64| 0.5 * (along / 3.0).sin();
        let house = drawn(80, |x, y| {
            let (a, b) = turned(x, y);
            let inside = a.abs() < 20.0 + wobble(b) && b.abs() < 12.0 + wobble(a);
            inside && a.abs() + b.abs() < 30.0
        });
        let shape = shaped(&house, SQUARED);
        assert!(shape.is_valid());
        assert_eq!(corners(&shape), [4], "{degrees}: {}", shape.wkt().unwrap());
        assert!((shape.area() - 960.0).abs() < 960.0 * 0.04, "{degrees}: {}", shape.area());
        let l = drawn(80, |x, y| {
            let (a, b) = turned(x, y);
            a.abs() < 22.0 && b.abs() < 22.0 && !(a > 0.0 && b > 0.0)
        });
        let shape = shaped(&l, SQUARED);
        assert_eq!(corners(&shape), [6], "{degrees}: {}", shape.wkt().unwrap());
        let expected = 44.0 * 44.0 - 22.0 * 22.0;
        assert!((shape.area() - expected).abs() < expected * 0.03, "{degrees}: {}", shape.area());
    }
}

#[test]
fn a_courtyard_is_squared_with_its_building() {
    let turned = turned(25.0);
    let ring = drawn(80, |x, y| {
        let (a, b) = turned(x, y);
        a.abs() < 25.0 && b.abs() < 20.0 && !(a.abs() < 12.0 && b.abs() < 8.0)
    });
    let shape = shaped(&ring, SQUARED);
    assert_eq!(corners(&shape), [4, 4], "{}", shape.wkt().unwrap());
    let expected = 50.0 * 40.0 - 24.0 * 16.0;
    assert!((shape.area() - expected).abs() < expected * 0.03, "{}", shape.area());
}

#[test]
fn what_has_no_walls_at_right_angles_or_is_cut_off_is_left_as_it_was() {
    let disc = drawn(80, |x, y| (x - 40.0).hypot(y - 40.0) < 17.0);
    let triangle = drawn(80, |x, y| y > 15.0 && y < 60.0 && (x - 40.0).abs() < (y - 15.0) * 0.6);
    let river = drawn(80, |x, y| (y - 40.0 - 12.0 * (x / 9.0).sin()).abs() < 4.0 && x > 2.0 && x < 78.0);
    let at_the_edge = drawn(80, |x, y| x < 20.0 && y > 10.0 && y < 30.0);
    let tank = drawn(80, |x, y| (x - 40.0).hypot(y - 40.0) < 6.0);
    for component in [disc, tank, triangle, river, at_the_edge] {
        let shape = shaped(&component, SQUARED);
        assert_eq!(shape.wkt().unwrap(), geometry(&component, None).wkt().unwrap());
        let round = shaped(&component, Shaping { smooth: true, ..SQUARED });
        assert!(round.wkt().unwrap() != shape.wkt().unwrap(), "what is not squared is smoothed");
    }
}

#[test]
fn squared_outlines_of_noise_are_valid_and_near_it() {
    let (mut changed, mut noise) = (0, Noise(11));
    for _ in 0..60 {
        // Blocks of six pixels, of which one in thirty is wrong.
        let (width, blocks) = (60, noise.mask(10, 10, 45));
        let block = |index: usize| blocks[index / width / 6 * 10 + index % width / 6];
        let mask: Vec<u8> = (0..width * width).map(|index| block(index) ^ u8::from(noise.next() % 30 == 0)).collect();
        let options = VectorizeOptions { with_saddles: true, fill_holes_px: 4, ..Default::default() };
        for component in components(&mask, width, 3, options) {
            let (shape, exact) = (shaped(&component, SQUARED), geometry(&component, None));
            assert!(shape.is_valid(), "{mask:?} {width}");
            let shared = shape.intersection(&exact).unwrap().area();
            assert!(shared >= 0.85 * (shape.area() + exact.area() - shared), "{mask:?} {width}");
            let beyond = shape.difference(&exact.buffer(3.01, 8).unwrap()).unwrap();
            assert!(beyond.area() < 1e-6, "{mask:?} {width}");
            changed += usize::from(shape.wkt().unwrap() != exact.wkt().unwrap());
        }
    }
    assert!(changed > 10, "{changed} outlines were squared");
}

#[test]
fn small_holes_are_filled_with_the_islands_in_them_and_large_ones_stay() {
    let rows = [
        "#########",
        "#...##..#",
        "#.#.##..#",
        "#...#####",
        "#########",
        "#.......#",
        "#.#####.#",
        "#.......#",
        "#########",
    ];
    let mask: Vec<u8> = rows.iter().flat_map(|row| row.bytes().map(|letter| u8::from(letter == b'#'))).collect();
    let sizes = |fill_holes_px, strip_rows| -> Vec<(u64, usize)> {
        let options = VectorizeOptions { fill_holes_px, ..Default::default() };
        let found = components(&mask, 9, strip_rows, options);
        found.iter().map(|component| (component.n_px, component.parts[0].holes.len())).collect()
    };
    // The frame has 47 pixels and holes of 9 (with an island of 1 in it), 4 and 21 (with one of 5).
    for rows in [1, 2, 9] {
        assert_eq!(sizes(0, rows), [(1, 0), (5, 0), (47, 3)]);
        assert_eq!(sizes(8, rows), [(1, 0), (5, 0), (47, 2)]);
        assert_eq!(sizes(9, rows), [(5, 0), (47, 1)]);
        assert_eq!(sizes(21, rows), [(47, 0)]);
    }
}

#[test]
fn what_waits_for_holes_to_close_leaves_in_the_order_it_ended() {
    for (mask, width) in masks(300) {
        let plain = components(&mask, width, 4, VectorizeOptions::default());
        for fill_holes_px in [1, 5, 1_000] {
            let options = VectorizeOptions { fill_holes_px, ..Default::default() };
            let filled = components(&mask, width, 4, options);
            assert_eq!(filled, components(&mask, width, 1, options));
            let order = |found: &[Component]| -> Vec<(u32, u32)> { found.iter().map(|one| one.first_px).collect() };
            let kept: Vec<_> = order(&plain).into_iter().filter(|first| order(&filled).contains(first)).collect();
            assert_eq!(order(&filled), kept);
            for component in &filled {
                let shape = geometry(component, None);
                assert!(shape.is_valid());
                assert!(filled.iter().all(|other| other == component
                    || geometry(other, None).intersection(&shape).map_or(0.0, |shared| shared.area()) == 0.0));
            }
        }
    }
}
