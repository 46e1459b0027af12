//! The numerical work behind a calibration: one convex problem each for temperature and errors, a sweep for the gate.

use super::calibration::{ClosedCoefficients, SILENT_SHARE, UncertaintyCoefficients};

/// Smallest and largest temperature that is returned.
const TEMPERATURE_RANGE: (f64, f64) = (0.02, 50.0);
/// Newton stops when the largest slope of the mean likelihood is below this.
const SLOPE_TOLERANCE: f64 = 1e-10;
/// More steps than any of these problems has needed by far.
const MAX_STEPS: usize = 200;
/// Ridge on standardised coefficients: keeps a separable or collinear problem finite, changes others in the sixth digit.
const RIDGE: f64 = 1e-7;

/// The share of records without a target that a gate should keep silent.
const SILENCE_AIM: f64 = 0.95;
/// The largest part of the IoU that a gate may cost: without a bound, it would close on everything that a weak model finds.
const MAX_IOU_LOSS: f64 = 0.25;

/// A pixel of the mask and its truth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaskPixel {
    pub(crate) logit: f64,
    pub(crate) truth: bool,
}

/// A pixel, what the model says about its own error there, and whether it erred.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorPixel {
    pub(crate) rus_logit: f64,
    pub(crate) margin: f64,
    pub(crate) marked: bool,
    pub(crate) wrong: bool,
}

impl ErrorPixel {
    fn features(&self) -> [f64; 4] {
        [self.rus_logit, self.margin, f64::from(u8::from(self.marked)), 1.0]
    }
}

/// A pixel of a tile whose gate is closed, and its truth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedPixel {
    pub(crate) mask: f64,
    /// The presence logit of its tile.
    pub(crate) presence: f64,
    pub(crate) truth: bool,
}

/// A record as the gate sees it.
#[derive(Clone, Debug)]
pub(crate) struct GateRecord {
    pub(crate) has_target: bool,
    /// Pixels of the target and pixels at all, over all tiles; where tiles overlap, in each of them.
    pub(crate) truth_px: u64,
    pub(crate) area_px: u64,
    pub(crate) tiles: Vec<GateTile>,
}

/// What one tile of a record brings when its gate is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GateTile {
    pub(crate) presence: f64,
    /// Pixels that are marked, and those of them that belong to the target.
    pub(crate) marked_px: u64,
    pub(crate) both_px: u64,
}

/// The threshold that a sweep found, with the silence and the IoU without and with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gate {
    pub(crate) threshold: f64,
    pub(crate) silence: [f64; 2],
    pub(crate) iou: [f64; 2],
}

/// Mean of `ln(1 + exp(z))` minus `z` where the label holds.
fn mean_nll(terms: impl ExactSizeIterator<Item = (f64, bool)>) -> f64 {
    let n = terms.len().max(1) as f64;
    terms.map(|(z, label)| softplus(z) - if label { z } else { 0.0 }).sum::<f64>() / n
}

/// Negative log likelihood of the truth per pixel at a temperature.
pub(crate) fn mask_nll(pixels: &[MaskPixel], temperature: f64) -> f64 {
    mean_nll(pixels.iter().map(|pixel| (pixel.logit / temperature, pixel.truth)))
}

/// Negative log likelihood of the errors per pixel.
pub(crate) fn error_nll(pixels: &[ErrorPixel], c: UncertaintyCoefficients) -> f64 {
    let weights = [c.rus, c.margin, c.marked, c.bias];
    mean_nll(pixels.iter().map(|pixel| (dot(weights, pixel.features()), pixel.wrong)))
}

/// The temperature at which the truth is most likely.
///
/// In `1 / temperature` the likelihood is convex, so its slope has one zero, which bisection cannot miss.
pub(crate) fn temperature(pixels: &[MaskPixel]) -> f64 {
    let slope = |inverse: f64| -> f64 {
        pixels
            .iter()
            .map(|pixel| (sigmoid(inverse * pixel.logit) - f64::from(u8::from(pixel.truth))) * pixel.logit)
            .sum()
    };
    let (mut low, mut high) = (1.0 / TEMPERATURE_RANGE.1, 1.0 / TEMPERATURE_RANGE.0);
    if slope(low) >= 0.0 {
        return TEMPERATURE_RANGE.1;
    }
    if slope(high) <= 0.0 {
        return TEMPERATURE_RANGE.0;
    }
    while high - low > 1e-10 * high {
        let middle = 0.5 * (low + high);
        if slope(middle) > 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    2.0 / (low + high)
}

/// The coefficients at which the errors are most likely, or `None` without convergence.
pub(crate) fn error_model(pixels: &[ErrorPixel]) -> Option<UncertaintyCoefficients> {
    let rows: Vec<([f64; 4], bool)> = pixels.iter().map(|pixel| (pixel.features(), pixel.wrong)).collect();
    let [rus, margin, marked, bias] = logistic(rows)?;
    Some(UncertaintyCoefficients { rus, margin, marked, bias })
}

/// The coefficients at which the truth behind closed gates is most likely; `None` where there is no pixel of the target,
/// or nothing else, or no convergence.
pub(crate) fn closed_model(pixels: &[ClosedPixel]) -> Option<ClosedCoefficients> {
    let targets = pixels.iter().filter(|pixel| pixel.truth).count();
    if targets == 0 || targets == pixels.len() {
        return None;
    }
    let [mask, presence, bias] =
        logistic(pixels.iter().map(|pixel| ([pixel.mask, pixel.presence, 1.0], pixel.truth)).collect())?;
    Some(ClosedCoefficients { mask, presence, bias })
}

/// Logistic regression by damped Newton steps on standardised features; the last feature of every row is 1.
///
/// A feature that never changes gets no weight. `None` without convergence.
fn logistic<const N: usize>(mut rows: Vec<([f64; N], bool)>) -> Option<[f64; N]> {
    let standards: Vec<Standard> = (0..N - 1).map(|k| Standard::of(rows.iter().map(|(x, _)| x[k]))).collect();
    for (x, _) in &mut rows {
        for (value, standard) in x.iter_mut().zip(&standards) {
            *value = standard.apply(*value);
        }
    }
    let mut weights = [0.0; N];
    let mut value = penalised(&rows, weights);
    for _ in 0..MAX_STEPS {
        let (slope, curvature) = derivatives(&rows, weights);
        if slope.iter().all(|part| part.abs() < SLOPE_TOLERANCE) {
            for (k, standard) in standards.iter().enumerate() {
                weights[k] *= standard.scale;
                weights[N - 1] -= weights[k] * standard.mean;
            }
            return Some(weights);
        }
        let step = solve(curvature, slope)?;
        let mut length = 1.0;
        loop {
            let tried: [f64; N] = std::array::from_fn(|k| weights[k] - length * step[k]);
            let tried_value = penalised(&rows, tried);
            // Near the minimum the gain drowns in rounding: an equal value is as good as a lower one.
            if tried_value <= value + 1e-14 * value.abs() {
                (weights, value) = (tried, tried_value);
                break;
            }
            length *= 0.5;
            if length < 1e-10 {
                return None;
            }
        }
    }
    None
}

/// Shift and scale that give a feature mean 0 and deviation 1.
struct Standard {
    mean: f64,
    scale: f64,
}

impl Standard {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count().max(1) as f64;
        let mean = values.clone().sum::<f64>() / n;
        let deviation = (values.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        let scale = if deviation > 1e-9 * mean.abs().max(1.0) { 1.0 / deviation } else { 0.0 };
        Self { mean, scale }
    }

    fn apply(&self, value: f64) -> f64 {
        (value - self.mean) * self.scale
    }
}

/// What Newton minimises: the mean likelihood and the ridge.
fn penalised<const N: usize>(rows: &[([f64; N], bool)], weights: [f64; N]) -> f64 {
    let ridge = 0.5 * RIDGE * weights.iter().map(|weight| weight * weight).sum::<f64>();
    mean_nll(rows.iter().map(|(x, wrong)| (dot(weights, *x), *wrong))) + ridge
}

/// Slope and curvature of [`penalised`].
fn derivatives<const N: usize>(rows: &[([f64; N], bool)], weights: [f64; N]) -> ([f64; N], [[f64; N]; N]) {
    let n = rows.len().max(1) as f64;
    let mut slope = weights.map(|weight| RIDGE * weight);
    let mut curvature = [[0.0; N]; N];
    for (k, row) in curvature.iter_mut().enumerate() {
        row[k] = RIDGE;
    }
    for (x, wrong) in rows {
        let p = sigmoid(dot(weights, *x));
        let residual = (p - f64::from(u8::from(*wrong))) / n;
        let spread = p * (1.0 - p) / n;
        for i in 0..N {
            slope[i] += residual * x[i];
            for j in 0..N {
                curvature[i][j] += spread * x[i] * x[j];
            }
        }
    }
    (slope, curvature)
}

/// Solves a symmetric positive system by Cholesky; `None` when it is not positive.
fn solve<const N: usize>(matrix: [[f64; N]; N], right: [f64; N]) -> Option<[f64; N]> {
    let mut lower = [[0.0_f64; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let rest = matrix[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
            if i != j {
                lower[i][j] = rest / lower[j][j];
            } else if rest > 0.0 {
                lower[i][i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    let mut y = [0.0; N];
    for i in 0..N {
        y[i] = (right[i] - (0..i).map(|k| lower[i][k] * y[k]).sum::<f64>()) / lower[i][i];
    }
    let mut x = [0.0; N];
    for i in (0..N).rev() {
        x[i] = (y[i] - (i + 1..N).map(|k| lower[k][i] * x[k]).sum::<f64>()) / lower[i][i];
    }
    Some(x)
}

/// The lowest threshold at which [`SILENCE_AIM`] of the records without a target are silent.
///
/// Where that costs more than [`MAX_IOU_LOSS`] of the IoU of the others, the threshold of the most silence below that
/// price. A closed tile marks nothing. Candidates are 0 and what lies midway between neighbouring presence values.
/// `None` unless there are records of both kinds.
pub(crate) fn presence_threshold(records: &[GateRecord]) -> Option<Gate> {
    let targets = records.iter().filter(|record| record.has_target).count() as f64;
    let nulls = records.len() as f64 - targets;
    if targets == 0.0 || nulls == 0.0 {
        return None;
    }
    let mut open: Vec<GateTile> = records.iter().map(GateRecord::opened).collect();
    let sum = |open: &[GateTile], has_target: bool, score: fn(&GateRecord, &GateTile) -> f64| -> f64 {
        let scores = records.iter().zip(open).filter(|(record, _)| record.has_target == has_target);
        scores.map(|(record, open)| score(record, open)).sum()
    };
    // Closing tiles one by one, the sums change by one record each time.
    let (mut iou, mut silent) = (sum(&open, true, GateRecord::iou), sum(&open, false, GateRecord::silent));
    let (iou_open, silence_open) = (iou / targets, silent / nulls);
    let mut best = Gate { threshold: 0.0, silence: [silence_open; 2], iou: [iou_open; 2] };

    let mut tiles: Vec<(usize, GateTile)> = records
        .iter()
        .enumerate()
        .flat_map(|(index, record)| record.tiles.iter().map(move |tile| (index, *tile)))
        .collect();
    tiles.sort_by(|a, b| a.1.presence.total_cmp(&b.1.presence));
    for pair in tiles.windows(2) {
        if best.silence[1] >= SILENCE_AIM {
            break;
        }
        let (index, tile) = pair[0];
        let (record, now) = (&records[index], &mut open[index]);
        let before = [record.iou(now), record.silent(now)];
        now.marked_px -= tile.marked_px;
        now.both_px -= tile.both_px;
        if record.has_target {
            iou += record.iou(now) - before[0];
        } else {
            silent += record.silent(now) - before[1];
        }
        let (kept, silence) = (iou / targets, silent / nulls);
        let affordable = kept >= (1.0 - MAX_IOU_LOSS) * iou_open - 1e-12;
        if pair[1].1.presence > tile.presence && affordable && silence > best.silence[1] + 1e-12 {
            best = Gate {
                threshold: 0.5 * (tile.presence + pair[1].1.presence),
                silence: [silence_open, silence],
                iou: [iou_open, kept],
            };
        }
    }
    Some(best)
}

impl GateRecord {
    /// The sum of its tiles, all gates open.
    fn opened(&self) -> GateTile {
        let sum = |part: fn(&GateTile) -> u64| self.tiles.iter().map(part).sum();
        GateTile { presence: 1.0, marked_px: sum(|tile| tile.marked_px), both_px: sum(|tile| tile.both_px) }
    }

    /// IoU of what the open tiles mark.
    fn iou(&self, open: &GateTile) -> f64 {
        let union = open.marked_px + self.truth_px - open.both_px;
        if union == 0 { 0.0 } else { open.both_px as f64 / union as f64 }
    }

    /// 1 when what the open tiles mark counts as silence.
    fn silent(&self, open: &GateTile) -> f64 {
        f64::from(u8::from((open.marked_px as f64) < SILENT_SHARE * self.area_px as f64))
    }
}

fn dot<const N: usize>(a: [f64; N], b: [f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}
