//! The report as a picture: what the numbers are made of.

use super::reliability::ReliabilityPoint;
use super::report::{EvalReport, Interval};
use super::svg::{Anchor, Axes, FAINT, INK, Point, Stroke, Svg};

/// Colours that the colour-blind can tell apart.
const BLUE: &str = "#0072b2";
const ORANGE: &str = "#e69f00";
const GREEN: &str = "#009e73";
const GREY: &str = "#888888";

/// Size of a panel's axes.
const PANEL: Point = (460.0, 300.0);
/// Upper left corners of the panels' axes.
const LEFT: f64 = 90.0;
const RIGHT: f64 = 690.0;
const UPPER: f64 = 206.0;
const LOWER: f64 = 676.0;
/// Height of a line of a legend, and of the longest legend.
const LINE: f64 = 19.0;
const HEAD: f64 = 4.0 * LINE;

const GUIDE: Stroke = Stroke { colour: GREY, width: 1.2, dashed: true };

impl EvalReport {
    /// The report as an SVG drawing: reliability of probability and uncertainty, risk against coverage for the
    /// uncertainty beside its baselines, and how the IoU is spread.
    #[must_use]
    pub fn plot(&self) -> String {
        let mut svg = Svg::new(1200.0, 1034.0);
        let model = self.model.as_deref().map(shortened).unwrap_or_default();
        let title = format!("{model} {} records about {} pictures", self.overall.n, self.n_images);
        svg.text((40.0, 40.0), 20.0, Anchor::Start, INK, title.trim());
        for (line, y) in self.protocol.to_string().lines().zip([62.0, 80.0]) {
            svg.text((40.0, y), 13.0, Anchor::Start, FAINT, line);
        }
        self.probability(&mut svg);
        self.chance_of_error(&mut svg);
        self.risk(&mut svg);
        self.ious(&mut svg);
        svg.finish()
    }

    fn probability(&self, svg: &mut Svg) {
        let axes = Axes { corner: (LEFT, UPPER), size: PANEL, head: HEAD, most: (1.0, 1.0) };
        let names = ("probability", "share of pixels in the target");
        axes.draw(svg, "Does the probability mean what it says?", names);
        svg.line(&[axes.at(0.0, 0.0), axes.at(1.0, 1.0)], GUIDE);
        reliability(svg, &axes, &self.curves.reliability_p, BLUE);
        let label = format!("p: ECE {}", with_interval(self.overall.ece_p, self.ci95.ece_p));
        legend(svg, &axes, &[(BLUE, false, label), (GREY, true, "perfect".to_owned())]);
    }

    fn chance_of_error(&self, svg: &mut Svg) {
        let curves = &self.curves;
        let all = [&curves.reliability_entropy, &curves.reliability_rus, &curves.reliability_u];
        let largest = |value: fn(&ReliabilityPoint) -> f64| {
            all.iter().flat_map(|points| points.iter().map(value)).fold(0.1, f64::max)
        };
        let most = (1.05 * largest(|point| point.foretold)).min(1.0);
        let most = (most, (1.1 * largest(|point| point.happened)).min(1.0));
        let axes = Axes { corner: (RIGHT, UPPER), size: PANEL, head: HEAD, most };
        axes.draw(
            svg,
            "Does the uncertainty mean what it says?",
            ("foretold chance of error", "share of wrong labels"),
        );
        let end = most.0.min(most.1);
        svg.line(&[axes.at(0.0, 0.0), axes.at(end, end)], GUIDE);
        let (scores, ci95) = (&self.overall, &self.ci95);
        let mut rows = Vec::new();
        for (name, colour, points, ece, interval) in [
            ("u", BLUE, &curves.reliability_u, scores.ece_u, ci95.ece_u),
            ("RUS", ORANGE, &curves.reliability_rus, scores.ece_rus, ci95.ece_rus),
            ("entropy", GREEN, &curves.reliability_entropy, scores.ece_entropy, ci95.ece_entropy),
        ] {
            if !points.is_empty() {
                reliability(svg, &axes, points, colour);
                rows.push((colour, false, format!("{name}: ECE {}", with_interval(ece, interval))));
            }
        }
        legend(svg, &axes, &rows);
    }

    fn risk(&self, svg: &mut Svg) {
        let curves = &self.curves;
        let lines = [
            ("ideal", GREY, &curves.risk_ideal, self.overall.aurc_ideal),
            ("entropy", GREEN, &curves.risk_entropy, self.overall.aurc_entropy),
            ("RUS", ORANGE, &curves.risk_rus, self.overall.aurc_rus),
            ("u", BLUE, &curves.risk_u, self.overall.aurc_u),
        ];
        let largest = lines.iter().flat_map(|(_, _, risks, _)| risks.iter().skip(10).copied()).fold(1e-4, f64::max);
        let axes = Axes { corner: (LEFT, LOWER), size: PANEL, head: HEAD, most: (1.0, 1.08 * largest) };
        let names = ("share of pixels kept, the least uncertain first", "share of wrong labels among them");
        axes.draw(svg, "What is left when the uncertain is set aside?", names);
        let mut rows = Vec::new();
        for (name, colour, risks, area) in lines {
            if risks.is_empty() {
                continue;
            }
            // Nothing is kept at the first coverage, which says nothing.
            let (points, dashed) = (curves.coverage.iter().zip(risks).skip(1), name == "ideal");
            let inside = points.map(|(&kept, &risk)| axes.at(kept, risk.min(axes.most.1)));
            svg.line(&inside.collect::<Vec<_>>(), Stroke { colour, width: 2.0, dashed });
            rows.push((colour, dashed, format!("{name}: AURC {}", number(area))));
        }
        rows.reverse();
        legend(svg, &axes, &rows);
    }

    fn ious(&self, svg: &mut Svg) {
        let bars = &self.curves.iou_histogram;
        let most = bars.iter().copied().max().unwrap_or(0).max(1) as f64;
        let axes = Axes { corner: (RIGHT, LOWER), size: PANEL, head: HEAD, most: (1.0, 1.05 * most) };
        axes.draw(svg, "How good are the masks?", ("IoU of a record with a target", "records"));
        let width = 1.0 / bars.len().max(1) as f64;
        for (at, &count) in bars.iter().enumerate() {
            let (left, top) = axes.at(at as f64 * width, count as f64);
            let (right, bottom) = axes.at((at + 1) as f64 * width, 0.0);
            svg.rect((left + 1.0, top), (right - left - 2.0, bottom - top), BLUE);
        }
        if let Some(miou) = self.overall.miou {
            let line = [axes.at(miou, 0.0), axes.at(miou, axes.most.1)];
            svg.line(&line, Stroke { colour: INK, width: 1.5, dashed: true });
        }
        let scores = &self.overall;
        let half = scores.pr.get("0.5").copied().flatten();
        let label = format!("mIoU {}", with_interval(scores.miou, scores.miou_ci95));
        let rows =
            [(INK, true, label), (BLUE, false, format!("oIoU {}, Pr@0.5 {}", number(scores.oiou), number(half)))];
        legend(svg, &axes, &rows);
    }
}

/// A line through the bins, with a dot for each that grows with its pixels.
fn reliability(svg: &mut Svg, axes: &Axes, points: &[ReliabilityPoint], colour: &'static str) {
    let places: Vec<Point> = points.iter().map(|point| axes.at(point.foretold, point.happened)).collect();
    svg.line(&places, Stroke { colour, width: 1.5, dashed: false });
    for (point, place) in points.iter().zip(places) {
        svg.circle(place, 1.5 + 0.75 * (point.px.max(1) as f64).log10(), colour);
    }
}

/// Names of lines between title and axes: colour, whether dashed, words.
fn legend(svg: &mut Svg, axes: &Axes, rows: &[(&'static str, bool, String)]) {
    let (left, top) = (axes.corner.0, axes.corner.1 - axes.head);
    for (row, (colour, dashed, words)) in rows.iter().enumerate() {
        let y = top + LINE * (row as f64 + 0.4);
        svg.line(&[(left, y), (left + 26.0, y)], Stroke { colour, width: 2.5, dashed: *dashed });
        svg.text((left + 34.0, y + 4.0), 12.0, Anchor::Start, INK, words);
    }
}

fn number(value: Option<f64>) -> String {
    value
        .map_or_else(|| "-".to_owned(), |value| if value < 0.1 { format!("{value:.4}") } else { format!("{value:.3}") })
}

fn with_interval(value: Option<f64>, interval: Interval) -> String {
    let ends =
        interval.map_or_else(String::new, |[low, high]| format!(" ({} to {})", number(Some(low)), number(Some(high))));
    format!("{}{ends}", number(value))
}

/// The model's name and the head of its hash.
fn shortened(model: &str) -> String {
    match model.rsplit_once(' ') {
        Some((name, hash)) => format!("{name} {}:", hash.chars().take(12).collect::<String>()),
        None => format!("{model}:"),
    }
}
