//! Drawings as SVG text: just what plots need.

use std::fmt::Write as _;

/// Where a text is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stroke {
    pub(crate) colour: &'static str,
    pub(crate) width: f64,
    pub(crate) dashed: bool,
}

/// A point in pixels from the upper left corner.
pub(crate) type Point = (f64, f64);

/// A drawing on white paper.
#[derive(Debug)]
pub(crate) struct Svg {
    text: String,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
        );
        Self { text }
    }

    pub(crate) fn rect(&mut self, (x, y): Point, (width, height): Point, fill: &str) {
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{fill}\"/>"
        );
    }

    pub(crate) fn circle(&mut self, (x, y): Point, radius: f64, fill: &str) {
        let _ = writeln!(
            self.text,
            "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius:.2}\" fill=\"{fill}\" fill-opacity=\"0.85\"/>"
        );
    }

    pub(crate) fn line(&mut self, points: &[Point], stroke: Stroke) {
        let Stroke { colour, width, dashed } = stroke;
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
        let dash = if dashed { " stroke-dasharray=\"6 4\"" } else { "" };
        let _ = writeln!(
            self.text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" \
             stroke-linejoin=\"round\"{dash}/>",
            path.join(" ")
        );
    }

    pub(crate) fn text(&mut self, (x, y): Point, size: f64, anchor: Anchor, colour: &str, words: &str) {
        self.words(&format!("x=\"{x:.2}\" y=\"{y:.2}\""), size, anchor, colour, words);
    }

    /// A text that runs upwards, held at its middle.
    pub(crate) fn text_upwards(&mut self, (x, y): Point, size: f64, colour: &str, words: &str) {
        let place = format!("transform=\"translate({x:.2} {y:.2}) rotate(-90)\"");
        self.words(&place, size, Anchor::Middle, colour, words);
    }

    fn words(&mut self, place: &str, size: f64, anchor: Anchor, colour: &str, words: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(
            self.text,
            "<text {place} font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>"
        );
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// A rectangle of the drawing with a scale on both axes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axes {
    /// Upper left corner.
    pub(crate) corner: Point,
    /// Width and height.
    pub(crate) size: Point,
    /// Height of the legend between the title and the axes.
    pub(crate) head: f64,
    /// Largest value of each axis; both begin at 0.
    pub(crate) most: Point,
}

impl Axes {
    /// Where a pair of values lies.
    pub(crate) fn at(&self, x: f64, y: f64) -> Point {
        let (left, top) = self.corner;
        (left + x / self.most.0 * self.size.0, top + self.size.1 - y / self.most.1 * self.size.1)
    }

    /// Draws grid, frame, numbers and names.
    pub(crate) fn draw(&self, svg: &mut Svg, title: &str, (x_name, y_name): (&str, &str)) {
        const GRID: Stroke = Stroke { colour: "#e4e4e4", width: 1.0, dashed: false };
        const FRAME: Stroke = Stroke { colour: "#555555", width: 1.0, dashed: false };
        let ((left, top), (width, height)) = (self.corner, self.size);
        let bottom = top + height;
        for tick in ticks(self.most.0) {
            let (x, _) = self.at(tick.value, 0.0);
            svg.line(&[(x, top), (x, bottom)], GRID);
            svg.text((x, bottom + 18.0), 12.0, Anchor::Middle, INK, &tick.label);
        }
        for tick in ticks(self.most.1) {
            let (_, y) = self.at(0.0, tick.value);
            svg.line(&[(left, y), (left + width, y)], GRID);
            svg.text((left - 7.0, y + 4.0), 12.0, Anchor::End, INK, &tick.label);
        }
        svg.line(&[(left, top), (left, bottom), (left + width, bottom)], FRAME);
        svg.text((left, top - self.head - 14.0), 15.0, Anchor::Start, INK, title);
        svg.text((left + 0.5 * width, bottom + 38.0), 12.0, Anchor::Middle, FAINT, x_name);
        svg.text_upwards((left - 52.0, top + 0.5 * height), 12.0, FAINT, y_name);
    }
}

/// The colour of words.
pub(crate) const INK: &str = "#222222";
/// The colour of words that may be overlooked.
pub(crate) const FAINT: &str = "#555555";

struct Tick {
    value: f64,
    label: String,
}

/// Round numbers from 0 to `most`, about five of them.
fn ticks(most: f64) -> Vec<Tick> {
    let rough = most / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(rough);
    let digits = (-step.log10().floor()).max(0.0) as usize;
    (0..)
        .map(|count| f64::from(count) * step)
        .take_while(|value| *value <= most * 1.0001)
        .map(|value| Tick { value, label: format!("{value:.digits$}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers() {
        let labels = |most| ticks(most).into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        assert_eq!(labels(1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(0.037), ["0.00", "0.01", "0.02", "0.03"]);
        assert_eq!(labels(240.0), ["0", "50", "100", "150", "200"]);
        assert_eq!(labels(3.0), ["0", "1", "2", "3"]);
    }

    #[test]
    fn words_cannot_break_the_drawing() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text((0.0, 0.0), 10.0, Anchor::Start, INK, "a < b & c");
        let text = svg.finish();
        assert!(text.contains(">a &lt; b &amp; c</text>") && text.ends_with("</svg>\n"), "{text}");
    }

    #[test]
    fn values_rise_from_the_lower_left_corner() {
        let axes = Axes { corner: (10.0, 20.0), size: (100.0, 50.0), head: 0.0, most: (1.0, 2.0) };
        assert_eq!(axes.at(0.0, 0.0), (10.0, 70.0));
        assert_eq!(axes.at(1.0, 1.0), (110.0, 45.0));
    }
}
