//! The numerical work behind a calibration: one convex problem each for temperature and errors, a sweep for the gate.

use super::calibration::UncertaintyCoefficients;

/// Smallest and largest temperature that is returned.
const TEMPERATURE_RANGE: (f64, f64) = (0.02, 50.0);
/// Newton stops when the largest slope of the mean likelihood is below this.
const SLOPE_TOLERANCE: f64 = 1e-10;
/// More steps than any of these problems has needed by far.
const MAX_STEPS: usize = 200;
/// Ridge on standardised coefficients: keeps a separable or collinear problem finite, changes others in the sixth digit.
const RIDGE: f64 = 1e-7;

/// The largest part of the IoU that a gate may cost: without a bound, finding nothing would beat a weak model.
const MAX_IOU_LOSS: f64 = 0.1;

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
    pub(crate) wrong: bool,
}

/// A record as the gate sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PresenceSample {
    pub(crate) presence: f64,
    /// IoU with the gate open; `None` for a record without a target.
    pub(crate) iou: Option<f64>,
    /// Whether the mask is silent with the gate open.
    pub(crate) silent: bool,
}

/// The threshold that a sweep found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gate {
    pub(crate) threshold: f64,
    pub(crate) balance_open: f64,
    pub(crate) balance: f64,
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
    mean_nll(pixels.iter().map(|pixel| (c.rus * pixel.rus_logit + c.margin * pixel.margin + c.bias, pixel.wrong)))
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
///
/// Logistic regression by damped Newton steps on standardised features. A feature that never changes gets no weight.
pub(crate) fn error_model(pixels: &[ErrorPixel]) -> Option<UncertaintyCoefficients> {
    let rus = Standard::of(pixels.iter().map(|pixel| pixel.rus_logit));
    let margin = Standard::of(pixels.iter().map(|pixel| pixel.margin));
    let rows: Vec<([f64; 3], bool)> = pixels
        .iter()
        .map(|pixel| ([rus.apply(pixel.rus_logit), margin.apply(pixel.margin), 1.0], pixel.wrong))
        .collect();

    let mut weights = [0.0; 3];
    let mut value = penalised(&rows, weights);
    for _ in 0..MAX_STEPS {
        let (slope, curvature) = derivatives(&rows, weights);
        if slope.iter().all(|part| part.abs() < SLOPE_TOLERANCE) {
            let [a, b, c] = weights;
            return Some(UncertaintyCoefficients {
                rus: a * rus.scale,
                margin: b * margin.scale,
                bias: c - a * rus.scale * rus.mean - b * margin.scale * margin.mean,
            });
        }
        let step = solve(curvature, slope)?;
        let mut length = 1.0;
        loop {
            let tried: [f64; 3] = std::array::from_fn(|k| weights[k] - length * step[k]);
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
fn penalised(rows: &[([f64; 3], bool)], weights: [f64; 3]) -> f64 {
    let ridge = 0.5 * RIDGE * weights.iter().map(|weight| weight * weight).sum::<f64>();
    mean_nll(rows.iter().map(|(x, wrong)| (dot(weights, *x), *wrong))) + ridge
}

/// Slope and curvature of [`penalised`].
fn derivatives(rows: &[([f64; 3], bool)], weights: [f64; 3]) -> ([f64; 3], [[f64; 3]; 3]) {
    let n = rows.len().max(1) as f64;
    let mut slope = weights.map(|weight| RIDGE * weight);
    let mut curvature = [[0.0; 3]; 3];
    for (k, row) in curvature.iter_mut().enumerate() {
        row[k] = RIDGE;
    }
    for (x, wrong) in rows {
        let p = sigmoid(dot(weights, *x));
        let residual = (p - f64::from(u8::from(*wrong))) / n;
        let spread = p * (1.0 - p) / n;
        for i in 0..3 {
            slope[i] += residual * x[i];
            for j in 0..3 {
                curvature[i][j] += spread * x[i] * x[j];
            }
        }
    }
    (slope, curvature)
}

/// Solves a symmetric positive system of three by Cholesky; `None` when it is not positive.
fn solve(matrix: [[f64; 3]; 3], right: [f64; 3]) -> Option<[f64; 3]> {
    let mut lower = [[0.0_f64; 3]; 3];
    for i in 0..3 {
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
    let mut y = [0.0; 3];
    for i in 0..3 {
        y[i] = (right[i] - (0..i).map(|k| lower[i][k] * y[k]).sum::<f64>()) / lower[i][i];
    }
    let mut x = [0.0; 3];
    for i in (0..3).rev() {
        x[i] = (y[i] - (i + 1..3).map(|k| lower[k][i] * x[k]).sum::<f64>()) / lower[i][i];
    }
    Some(x)
}

/// The threshold that maximises the mean of two rates: IoU of records with a target, a closed gate counting 0,
/// and the share of silent records among those without, a closed gate counting as silence.
///
/// Candidates lie midway between neighbouring presence values, and at 0; of equal ones the lowest wins, which keeps most.
/// Those that cost more than [`MAX_IOU_LOSS`] of the IoU are left out.
/// `None` unless there are records of both kinds.
pub(crate) fn presence_threshold(samples: &[PresenceSample]) -> Option<Gate> {
    let targets = samples.iter().filter(|sample| sample.iou.is_some()).count() as f64;
    let nulls = samples.len() as f64 - targets;
    if targets == 0.0 || nulls == 0.0 {
        return None;
    }
    // With every gate open; closing them one by one takes from the first and adds to the second.
    let miou_open = samples.iter().filter_map(|sample| sample.iou).sum::<f64>() / targets;
    let loud = samples.iter().filter(|sample| sample.iou.is_none() && !sample.silent).count() as f64;
    let (mut miou, mut silence) = (miou_open, 1.0 - loud / nulls);
    let balance_open = 0.5 * (miou + silence);

    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.presence.total_cmp(&b.presence));
    let mut best = Gate { threshold: 0.0, balance_open, balance: balance_open };
    for pair in sorted.windows(2) {
        match pair[0].iou {
            Some(iou) => miou -= iou / targets,
            None => silence += if pair[0].silent { 0.0 } else { 1.0 / nulls },
        }
        let balance = 0.5 * (miou + silence);
        let affordable = miou >= (1.0 - MAX_IOU_LOSS) * miou_open - 1e-12;
        if pair[1].presence > pair[0].presence && affordable && balance > best.balance + 1e-12 {
            best = Gate { threshold: 0.5 * (pair[0].presence + pair[1].presence), balance_open, balance };
        }
    }
    Some(best)
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
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
