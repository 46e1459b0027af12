//! Percentiles of a whole scene from a sample of its pixels, the same sample every time.

use gdal::Dataset;

use crate::error::GdalFailure;
use crate::gdal_env::guarded;
use crate::grid::PixelSize;
use crate::pixels::{PixelReader, Values};
use crate::scaling::{BandRange, ScaleChoice, ScalingInfo};
use crate::window::PixelWindow;

/// Scenes of at most so many pixels are looked at whole.
const WHOLE_PX: u64 = 1 << 20;
/// Larger ones without overviews are looked at through a grid of so many windows each way,
const WINDOWS: u32 = 8;
/// each with this side.
const WINDOW_PX: u32 = 128;
/// Longer side of the shrunken scene that overviews give.
const SHRUNK_PX: u32 = 1024;
/// Fewer pixels with data than this say nothing: look at everything.
const ENOUGH_PX: usize = 4096;

/// Decides once how the values of a scene become 0 to 255.
///
/// # Errors
/// The window that could not be read, and why.
pub(crate) fn decide(
    dataset: &Dataset,
    reader: &PixelReader,
    size: PixelSize,
    choice: ScaleChoice,
) -> Result<ScalingInfo, (PixelWindow, GdalFailure)> {
    let all = |min, max| [BandRange { min, max }; 3];
    let (low, high) = match choice {
        ScaleChoice::Auto if reader.is_8_bit() => return Ok(ScalingInfo::None),
        ScaleChoice::MinMax { min, max } => {
            return Ok(ScalingInfo::Linear { chosen: "given".to_owned(), ranges: all(min, max) });
        }
        ScaleChoice::Reflectance(full) => {
            return Ok(ScalingInfo::Linear { chosen: "reflectance".to_owned(), ranges: all(0.0, full) });
        }
        ScaleChoice::Auto => (2.0, 98.0),
        ScaleChoice::Percentile { low, high } => (low, high),
    };
    let (values, source) = sample(dataset, reader, size)?;
    let ranges: Vec<BandRange> = values.planes.iter().map(|plane| range_of(plane, &values.valid, low, high)).collect();
    let ranges = [ranges[0], ranges[ranges.len() / 2], ranges[ranges.len() - 1]];
    Ok(ScalingInfo::Linear { chosen: format!("percentiles {low} to {high} of {source}"), ranges })
}

/// Values of pixels spread over the scene, and where they came from in words.
fn sample(
    dataset: &Dataset,
    reader: &PixelReader,
    size: PixelSize,
) -> Result<(Values, &'static str), (PixelWindow, GdalFailure)> {
    let whole = PixelWindow::whole(size);
    let read = |window: PixelWindow, out: (usize, usize)| {
        reader.read_values(dataset, window, out).map_err(|failure| (window, failure))
    };
    if size.area_px() <= WHOLE_PX {
        return Ok((read(whole, (size.width as usize, size.height as usize))?, "all pixels"));
    }
    let band = reader.colour().bands()[0];
    let overviews = guarded(|| dataset.rasterband(band)?.overview_count()).map_err(|failure| (whole, failure))?;
    if overviews > 0 {
        let values = read(whole, shrunk(size))?;
        if count_valid(&values) >= ENOUGH_PX {
            return Ok((values, "the overviews"));
        }
    } else {
        let mut values = Values { planes: vec![Vec::new(); reader.colour().bands().len()], valid: Vec::new() };
        for window in spread(size) {
            append(&mut values, read(window, (window.width as usize, window.height as usize))?);
        }
        if count_valid(&values) >= ENOUGH_PX {
            return Ok((values, "64 windows spread over the scene"));
        }
    }
    Ok((thinned(&read, reader, size)?, "every pixel of a coarse grid"))
}

/// Every n-th pixel of every n-th row, read row by row, so that even a small patch of data is met.
fn thinned(
    read: &impl Fn(PixelWindow, (usize, usize)) -> Result<Values, (PixelWindow, GdalFailure)>,
    reader: &PixelReader,
    size: PixelSize,
) -> Result<Values, (PixelWindow, GdalFailure)> {
    let step = size.width.max(size.height).div_ceil(SHRUNK_PX).max(1);
    let mut values = Values { planes: vec![Vec::new(); reader.colour().bands().len()], valid: Vec::new() };
    for row_off in (0..size.height).step_by(step as usize) {
        let window = PixelWindow { col_off: 0, row_off, width: size.width, height: 1 };
        let row = read(window, (size.width as usize, 1))?;
        let take = |plane: &[f64]| plane.iter().step_by(step as usize).copied().collect();
        let valid = row.valid.iter().step_by(step as usize).copied().collect();
        append(&mut values, Values { planes: row.planes.iter().map(|plane| take(plane)).collect(), valid });
    }
    Ok(values)
}

fn shrunk(size: PixelSize) -> (usize, usize) {
    let longest = u64::from(size.width.max(size.height));
    let side = |length: u32| (u64::from(length) * u64::from(SHRUNK_PX) / longest).max(1) as usize;
    (side(size.width), side(size.height))
}

/// Windows on a regular grid that reaches all four sides.
fn spread(size: PixelSize) -> impl Iterator<Item = PixelWindow> {
    let side = |length: u32| length.min(WINDOW_PX);
    let at = move |length: u32, index: u32| {
        (u64::from(length - side(length)) * u64::from(index) / u64::from(WINDOWS - 1)) as u32
    };
    (0..WINDOWS * WINDOWS).map(move |index| PixelWindow {
        col_off: at(size.width, index % WINDOWS),
        row_off: at(size.height, index / WINDOWS),
        width: side(size.width),
        height: side(size.height),
    })
}

fn append(values: &mut Values, more: Values) {
    for (plane, more) in values.planes.iter_mut().zip(more.planes) {
        plane.extend(more);
    }
    values.valid.extend(more.valid);
}

fn count_valid(values: &Values) -> usize {
    values.valid.iter().filter(|valid| **valid != 0).count()
}

/// The values at two percentiles. A band of one value gets a range around it, so that it becomes middle grey.
fn range_of(plane: &[f64], valid: &[u8], low: f64, high: f64) -> BandRange {
    let mut values: Vec<f64> =
        plane.iter().zip(valid).filter(|(_, valid)| **valid != 0).map(|(value, _)| *value).collect();
    if values.is_empty() {
        return BandRange { min: 0.0, max: 1.0 };
    }
    let last = (values.len() - 1) as f64;
    let mut at = |percent: f64| {
        let index = (percent / 100.0 * last).round() as usize;
        *values.select_nth_unstable_by(index, f64::total_cmp).1
    };
    let (min, max) = (at(low), at(high));
    if max > min {
        return BandRange { min, max };
    }
    let half = (min.abs() * 1e-3).max(1.0);
    BandRange { min: min - half, max: min + half }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_leave_out_nodata_and_the_tails() {
        // 0 to 100 and a wild nodata value: the 2nd percentile of 101 values is the value 2, the 98th 98.
        let mut plane: Vec<f64> = (0..=100).map(f64::from).collect();
        let mut valid = vec![1; 101];
        plane.push(1e9);
        valid.push(0);
        assert_eq!(range_of(&plane, &valid, 2.0, 98.0), BandRange { min: 2.0, max: 98.0 });
    }

    #[test]
    fn a_band_of_one_value_becomes_middle_grey_and_an_empty_one_has_a_range() {
        assert_eq!(range_of(&[10_000.0; 5], &[1; 5], 2.0, 98.0), BandRange { min: 9_990.0, max: 10_010.0 });
        assert_eq!(range_of(&[5.0], &[0], 2.0, 98.0), BandRange { min: 0.0, max: 1.0 });
    }

    #[test]
    fn windows_reach_all_sides_of_large_and_thin_scenes() {
        for size in [PixelSize { width: 5000, height: 3000 }, PixelSize { width: 2_000_000, height: 1 }] {
            let windows: Vec<PixelWindow> = spread(size).collect();
            assert_eq!(windows.len(), 64);
            assert!(windows.iter().all(|window| window.fits(size)));
            assert!(windows.iter().any(|window| window.col_off + window.width == size.width));
            assert!(windows.iter().any(|window| window.row_off + window.height == size.height));
        }
    }
}
