//! Masks from runs and polygons.

use std::ops::Range;

use crate::dataset::labelled::LocalMask;

/// The mask of runs that count down the columns of a picture of `rows` rows.
pub(super) fn from_runs(rows: usize, runs: &[Range<usize>]) -> Option<LocalMask> {
    let (first, last) = (runs.first()?, runs.last()?);
    let (left, right) = (first.start / rows, (last.end - 1) / rows);
    let (mut top, mut bottom) = (rows, 0);
    // A run that goes on into the next column touches both ends of a column.
    for run in runs {
        if run.start / rows != (run.end - 1) / rows {
            (top, bottom) = (0, rows - 1);
        } else {
            top = top.min(run.start % rows);
            bottom = bottom.max((run.end - 1) % rows);
        }
    }
    let (height, width) = (bottom - top + 1, right - left + 1);
    let mut bits = vec![0; height * width];
    for at in runs.iter().flat_map(Clone::clone) {
        bits[(at % rows - top) * width + at / rows - left] = 1;
    }
    let mask = LocalMask { row_off: top, col_off: left, rows: height, cols: width, bits };
    Some(mask)
}

/// The mask of all pixels whose centre lies in one of the polygons, each given as x, y, x, y, ...
///
/// What lies outside the picture is cut off.
pub(super) fn from_polygons(rows: usize, cols: usize, polygons: &[Vec<f64>]) -> Result<Option<LocalMask>, String> {
    let mut picture = vec![0_u8; rows * cols];
    for polygon in polygons {
        if polygon.len() < 6 || polygon.len() % 2 != 0 || polygon.iter().any(|value| !value.is_finite()) {
            return Err(format!("a polygon of {} numbers is none: three points or more are needed", polygon.len()));
        }
        fill(rows, cols, polygon, &mut picture);
    }
    Ok(LocalMask::from_picture(rows, cols, &picture))
}

/// Marks the pixels whose centre lies in the polygon, by the even-odd rule.
fn fill(rows: usize, cols: usize, polygon: &[f64], picture: &mut [u8]) {
    let points: Vec<(f64, f64)> = polygon.chunks_exact(2).map(|p| (p[0], p[1])).collect();
    let top = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min).floor().max(0.0) as usize;
    let bottom = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max).ceil().clamp(0.0, rows as f64) as usize;
    let mut crossings: Vec<f64> = Vec::new();
    for row in top..bottom {
        let y = row as f64 + 0.5;
        crossings.clear();
        for (index, &(x0, y0)) in points.iter().enumerate() {
            let (x1, y1) = points[(index + 1) % points.len()];
            if (y0 <= y) != (y1 <= y) {
                crossings.push(x0 + (y - y0) / (y1 - y0) * (x1 - x0));
            }
        }
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            // Centres lie at whole numbers plus a half.
            let from = (pair[0] - 0.5).ceil().clamp(0.0, cols as f64) as usize;
            let to = (pair[1] - 0.5).ceil().clamp(0.0, cols as f64) as usize;
            picture[row * cols + from..row * cols + to.max(from)].fill(1);
        }
    }
}
