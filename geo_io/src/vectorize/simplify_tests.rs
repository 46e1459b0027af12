//! Tests of `simplify.rs`.

use super::*;

fn ring(pairs: &[(i32, i32)]) -> Vec<PixelCorner> {
    pairs.iter().chain(&pairs[..1]).map(|(col, row)| PixelCorner { col: *col, row: *row }).collect()
}

fn alone(shell: Vec<PixelCorner>, tolerance_px: f64) -> Vec<(f64, f64)> {
    let outline = Outline { shell, holes: Vec::new() };
    let rings = simplified(&[outline], &[], tolerance_px).remove(0).remove(0);
    rings.iter().map(|point| (point.col as f64 / 2.0, point.row as f64 / 2.0)).collect()
}

#[test]
fn a_rectangle_and_a_pixel_keep_their_corners() {
    for pairs in [[(0, 0), (9, 0), (9, 4), (0, 4)], [(0, 0), (1, 0), (1, 1), (0, 1)]] {
        let mut points = alone(ring(&pairs), 2.0);
        points.sort_by(|a, b| a.partial_cmp(b).unwrap());
        points.dedup();
        let mut expected: Vec<(f64, f64)> = pairs.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).collect();
        expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(points, expected);
    }
}

#[test]
fn stairs_become_a_slope_through_the_middles_of_their_steps() {
    // A right triangle in steps of one pixel, 8 wide and high. Its slope goes through (x + 0.5, x) and (x, x - 0.5).
    let mut pairs = vec![(0, 8), (0, 0), (1, 0)];
    for step in 1..8 {
        pairs.extend([(step, step), (step + 1, step)]);
    }
    pairs.push((8, 8));
    let points = alone(ring(&pairs), 0.75);
    assert!(points.len() <= 7, "{points:?}");
    let area: f64 = points.windows(2).map(|edge| edge[0].0 * edge[1].1 - edge[1].0 * edge[0].1).sum::<f64>() / 2.0;
    // 1 + 2 + ... + 8 = 36 pixels; the slope loses as much as it adds but for the two ends.
    assert!((area - 36.0).abs() < 1.0, "{area}");
}

#[test]
fn a_neck_of_one_pixel_stays_open() {
    // Two squares of 6 joined by a bridge of one row: cutting 3 px off would close it.
    let pairs = [(0, 0), (6, 0), (6, 3), (12, 3), (12, 0), (18, 0), (18, 6), (12, 6), (12, 4), (6, 4), (6, 6), (0, 6)];
    let points = alone(ring(&pairs), 3.0);
    let polygon: Vec<HalfPixel> =
        points.iter().map(|(x, y)| HalfPixel { col: (2.0 * x) as i64, row: (2.0 * y) as i64 }).collect();
    assert!(area(&polygon[..polygon.len() - 1]) > 0);
}
