//! `training.svg` of a run: loss, validation mIoU and learning rate over the steps, one below the other.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::error::ModelError;

const WIDTH: f64 = 900.0;
const PANEL_HEIGHT: f64 = 190.0;
/// Space for the numbers left of a panel, at its right, and above it for its title.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 34.0;

/// One panel: a title and points in the order of steps.
struct Panel {
    title: &'static str,
    color: &'static str,
    points: Vec<(f64, f64)>,
    /// Whether each point is marked, because there are few.
    dots: bool,
    /// Whether the axis begins at 0.
    from_zero: bool,
}

/// Draws the log of a run and replaces its plot.
///
/// # Errors
/// A disk that cannot be written.
pub(crate) fn replace(run: &Path, log: &[Value]) -> Result<(), ModelError> {
    let io = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| ModelError::Io { action, path, source }
    };
    let path = run.join("training.svg");
    // Somebody may be looking at it.
    let fresh = run.join("training.svg.new");
    std::fs::write(&fresh, svg(log)).map_err(io("write", &fresh))?;
    std::fs::rename(&fresh, &path).map_err(io("rename", &fresh))
}

/// The plot as SVG.
fn svg(log: &[Value]) -> String {
    let series = |value: fn(&Value) -> &Value| -> Vec<(f64, f64)> {
        log.iter().filter_map(|line| Some((line["step"].as_f64()?, value(line).as_f64()?))).collect()
    };
    let panels = [
        Panel {
            title: "loss (smoothed)",
            color: "#2166ac",
            points: series(|line| &line["loss"]),
            dots: false,
            from_zero: false,
        },
        Panel {
            title: "validation mIoU",
            color: "#1b7837",
            points: series(|line| &line["validation"]["miou"]),
            dots: true,
            from_zero: true,
        },
        Panel {
            title: "learning rate",
            color: "#b35806",
            points: series(|line| &line["rate"]),
            dots: false,
            from_zero: true,
        },
    ];
    let last = panels.iter().flat_map(|panel| &panel.points).map(|point| point.0).fold(1.0, f64::max);
    let steps = Axis::covering(0.0, last);
    let row = TOP + PANEL_HEIGHT + BOTTOM;
    let height = row * panels.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        push_panel(&mut svg, panel, &steps, row * index as f64 + TOP);
    }
    svg.push_str("</svg>\n");
    svg
}

fn push_panel(svg: &mut String, panel: &Panel, steps: &Axis, top: f64) {
    let values = panel.points.iter().map(|point| point.1);
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let axis = match (low.is_finite(), panel.from_zero) {
        (false, _) => Axis::covering(0.0, 1.0),
        (true, true) => Axis::covering(0.0, high),
        (true, false) => Axis::covering(low, high),
    };
    let right = WIDTH - RIGHT;
    let x = |step: f64| LEFT + steps.share(step) * (right - LEFT);
    let y = |value: f64| top + (1.0 - axis.share(value)) * PANEL_HEIGHT;
    let bottom = top + PANEL_HEIGHT;
    let latest = panel.points.last().map(|point| format!(": {}", short(point.1))).unwrap_or_default();
    // Writing into a text cannot fail.
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.1}\" font-size=\"15\" font-weight=\"bold\" fill=\"{}\">{}{latest}</text>",
        top - 12.0,
        panel.color,
        panel.title
    );
    for tick in axis.ticks() {
        let at = y(tick);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/><text x=\"{:.1}\" \
             y=\"{:.1}\" text-anchor=\"end\" fill=\"#444444\">{}</text>",
            LEFT - 8.0,
            at + 4.5,
            short(tick)
        );
    }
    for tick in steps.ticks() {
        let at = x(tick);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{top}\" x2=\"{at:.1}\" y2=\"{bottom}\" stroke=\"#eeeeee\"/><text x=\"{at:.1}\" \
             y=\"{:.1}\" text-anchor=\"middle\" fill=\"#444444\">{}</text>",
            bottom + 18.0,
            short(tick)
        );
    }
    let _ = writeln!(
        svg,
        "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{:.1}\" height=\"{PANEL_HEIGHT}\" fill=\"none\" stroke=\"#888888\"/>",
        right - LEFT
    );
    if panel.points.is_empty() {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#888888\">nothing yet</text>",
            (LEFT + right) / 2.0,
            top + PANEL_HEIGHT / 2.0
        );
        return;
    }
    let line: Vec<String> =
        panel.points.iter().map(|&(step, value)| format!("{:.1},{:.1}", x(step), y(value))).collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\" stroke-linejoin=\"round\"/>",
        line.join(" "),
        panel.color
    );
    if panel.dots {
        for &(step, value) in &panel.points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.2\" fill=\"{}\"><title>step {step}: {value:.4}</title></circle>",
                x(step),
                y(value),
                panel.color
            );
        }
    }
}

/// A range of values between round numbers.
struct Axis {
    low: f64,
    high: f64,
    tick: f64,
}

impl Axis {
    /// The axis that holds both values, with ticks at 1, 2 or 5 times a power of ten.
    fn covering(low: f64, high: f64) -> Self {
        let spread = if high > low { high - low } else { high.abs().max(1e-9) };
        let rough = spread / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let tick = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|tick| *tick >= rough);
        let tick = tick.unwrap_or(10.0 * power);
        let low = (low / tick + 1e-9).floor() * tick;
        let high = ((high / tick - 1e-9).ceil() * tick).max(low + tick);
        Self { low, high, tick }
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> + '_ {
        let count = ((self.high - self.low) / self.tick).round() as usize;
        (0..=count).map(|index| self.low + index as f64 * self.tick)
    }
}

/// A number without needless digits.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 {
        return format!("{value:.1e}");
    }
    let digits = if value.abs() >= 100.0 { 0 } else { 3 };
    let text = format!("{value:.digits$}");
    if digits == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        // A spread of 0.37 in about five ticks: 0.1 each.
        let axis = Axis::covering(0.31, 0.68);
        let ticks: Vec<String> = axis.ticks().map(short).collect();
        assert_eq!(ticks, ["0.3", "0.4", "0.5", "0.6", "0.7"]);
        assert_eq!(Axis::covering(0.0, 0.0).ticks().count(), 2);
    }

    #[test]
    fn each_series_is_drawn_from_its_lines() {
        let log = [
            json!({"step": 20, "loss": 1.5, "rate": 1e-4}),
            json!({"step": 40, "loss": 1.0, "rate": 5e-5}),
            json!({"step": 40, "validation": {"miou": 0.25}}),
            json!({"step": 40, "calibration": {}}),
        ];
        let svg = svg(&log);
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(svg.contains("validation mIoU: 0.25") && svg.contains("learning rate: 5.0e-5"));
    }

    #[test]
    fn a_run_without_a_validation_has_a_plot_too() {
        assert_eq!(svg(&[]).matches("nothing yet").count(), 3);
    }
}
