//! Contact sheets of what a model got most wrong: the picture with truth and answer, closer, and in words.

use std::cmp::Ordering;

use image::{Rgb, RgbImage};
use model::evaluation::SeenRecord;

use crate::picture::letters::{line_height, write};

const PAPER: Rgb<u8> = Rgb([24, 26, 30]);
const INK: Rgb<u8> = Rgb([235, 235, 235]);
const FAINT: Rgb<u8> = Rgb([150, 152, 158]);
const TRUTH: Rgb<u8> = Rgb([0, 229, 255]);
const ANSWER: Rgb<u8> = Rgb([255, 64, 200]);
const BOTH: Rgb<u8> = Rgb([255, 255, 255]);

/// Side of the two pictures of a record.
const SIDE_PX: u32 = 256;
const GAP_PX: u32 = 12;
/// Records side by side.
const COLUMNS: u32 = 4;
/// Letters in a line of a caption.
const LINE_LETTERS: usize = 43;
/// Lines of a phrase.
const PHRASE_LINES: usize = 2;
/// The closest look: so many pixels of the picture along a side.
const CLOSEST_PX: usize = 64;

/// The worst records seen so far, each as a small picture.
#[derive(Debug)]
pub struct WorstRecords {
    most: usize,
    threshold: f32,
    seen: usize,
    /// Worst first.
    cells: Vec<(Badness, RgbImage)>,
}

/// How bad an answer is; whatever the order in which records come, the same ones are the worst.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Badness {
    /// 1 for silence where silence is right.
    iou: f64,
    /// Share of the picture that truth or answer mark at least: large mistakes before small ones.
    share: f64,
    order: (usize, usize),
}

impl Badness {
    fn compare(&self, other: &Self) -> Ordering {
        let by_share = other.share.total_cmp(&self.share);
        self.iou.total_cmp(&other.iou).then(by_share).then(self.order.cmp(&other.order))
    }
}

impl WorstRecords {
    /// Room for the worst `most` of the records to come; `threshold` makes the answer's mask.
    #[must_use]
    pub fn new(most: usize, threshold: f32) -> Self {
        Self { most, threshold, seen: 0, cells: Vec::new() }
    }

    /// Keeps a record if it is among the worst so far.
    pub fn see(&mut self, record: &SeenRecord<'_>) {
        self.seen += 1;
        let score = record.score;
        let iou = match (score.silent, score.iou) {
            (Some(silent), _) => f64::from(u8::from(silent)),
            (None, Some(iou)) => iou,
            (None, None) => return,
        };
        let share = score.marked.max(score.truth_share.unwrap_or(0.0));
        let badness = Badness { iou, share, order: record.order };
        let at = self.cells.partition_point(|(other, _)| other.compare(&badness) == Ordering::Less);
        if at < self.most {
            self.cells.insert(at, (badness, cell(record, self.threshold)));
            self.cells.truncate(self.most);
        }
    }

    /// All that were kept on one sheet, worst first.
    #[must_use]
    pub fn draw(&self) -> RgbImage {
        let (width, height) = cell_size();
        let columns = COLUMNS.min(self.cells.len().max(1) as u32);
        let rows = (self.cells.len() as u32).div_ceil(columns).max(1);
        let head = GAP_PX + 2 * line_height(2);
        let size = (GAP_PX + columns * (width + GAP_PX), head + rows * (height + GAP_PX));
        let mut sheet = RgbImage::from_pixel(size.0, size.1, PAPER);
        let title = format!("worst {} of {} records:", self.cells.len(), self.seen);
        let words = [(title.as_str(), INK), (" truth", TRUTH), (" answer", ANSWER), (" both", BOTH)];
        let mut left = GAP_PX;
        for (words, colour) in words {
            write(&mut sheet, left, GAP_PX, 2, colour, words);
            left += crate::picture::letters::text_width(words, 2);
        }
        for (at, (_, cell)) in (0..).zip(&self.cells) {
            let (x, y) = (GAP_PX + at % columns * (width + GAP_PX), head + at / columns * (height + GAP_PX));
            paste(&mut sheet, cell, x, y);
        }
        sheet
    }
}

fn cell_size() -> (u32, u32) {
    (2 * SIDE_PX + 4, SIDE_PX + 6 + (1 + PHRASE_LINES as u32) * line_height(2) + line_height(1))
}

/// A part of a picture: rows and columns from, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    row: usize,
    col: usize,
    rows: usize,
    cols: usize,
}

/// One record: whole, closer, and in words.
fn cell(record: &SeenRecord<'_>, threshold: f32) -> RgbImage {
    let (rows, cols) = (record.picture.rows, record.picture.cols);
    let answer: Vec<bool> = record.prediction.probability.iter().map(|&p| p > threshold).collect();
    let truth: Vec<bool> =
        record.truth.map_or_else(|| vec![false; rows * cols], |mask| mask.bits().iter().map(|&bit| bit != 0).collect());
    let whole = Part { row: 0, col: 0, rows, cols };
    let close = closer(&truth, &answer, whole);

    let (width, height) = cell_size();
    let mut cell = RgbImage::from_pixel(width, height, PAPER);
    for (left, part) in [(0, whole), (SIDE_PX + 4, close)] {
        paste(&mut cell, &drawn(record, part, &truth, &answer), left, 0);
    }
    let score = record.score;
    let result = match score.iou {
        Some(iou) => format!("IoU {iou:.2}"),
        None if score.silent == Some(true) => "silent".to_owned(),
        None => format!("not there, marked {:.1}%", 100.0 * score.marked),
    };
    let kinds = [score.kind.as_deref(), score.category.as_deref()];
    let kinds: Vec<&str> = kinds.into_iter().flatten().collect();
    let mut top = SIDE_PX + 6;
    let mut line = |words: &str, dot: u32, colour| {
        write(&mut cell, 0, top, dot, colour, words);
        top += line_height(dot);
    };
    line(&format!("{result}  {}", kinds.join(" / ")), 2, FAINT);
    let wrapped = wrapped(&score.phrase);
    for at in 0..PHRASE_LINES {
        line(wrapped.get(at).map_or("", String::as_str), 2, INK);
    }
    line(&format!("{}  {}", score.id, score.image), 1, FAINT);
    cell
}

/// The phrase in lines that fit; what does not fit is cut off.
fn wrapped(phrase: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in phrase.split_whitespace() {
        let last = lines.len() - 1;
        let fits = lines[last].chars().count() + word.chars().count() < LINE_LETTERS;
        if lines[last].is_empty() || fits {
            let gap = if lines[last].is_empty() { "" } else { " " };
            lines[last] = format!("{}{gap}{word}", lines[last]);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.into_iter().map(|line| line.chars().take(LINE_LETTERS).collect()).collect()
}

/// A square around all that is marked, with some room, inside the picture as far as it goes.
fn closer(truth: &[bool], answer: &[bool], whole: Part) -> Part {
    let marked = (0..whole.rows * whole.cols).filter(|&at| truth[at] || answer[at]);
    let bounds = marked.map(|at| (at / whole.cols, at % whole.cols)).fold(None, |bounds, (row, col)| {
        let (top, left, bottom, right) = bounds.unwrap_or((row, col, row, col));
        Some((top.min(row), left.min(col), bottom.max(row), right.max(col)))
    });
    let Some((top, left, bottom, right)) = bounds else { return whole };
    let extent = (bottom - top).max(right - left) + 1;
    let side = (extent + extent / 3).max(CLOSEST_PX);
    let from = |low: usize, high: usize, all: usize| {
        let length = side.min(all);
        ((low + high + 1).saturating_sub(length) / 2).min(all - length)
    };
    Part {
        row: from(top, bottom, whole.rows),
        col: from(left, right, whole.cols),
        rows: side.min(whole.rows),
        cols: side.min(whole.cols),
    }
}

/// A part of the picture in a square, with the outlines of truth and answer.
fn drawn(record: &SeenRecord<'_>, part: Part, truth: &[bool], answer: &[bool]) -> RgbImage {
    let scale = SIDE_PX as f64 / part.rows.max(part.cols) as f64;
    let (height, width) = [part.rows, part.cols].map(|length| ((length as f64 * scale) as usize).max(1)).into();
    let cut = model::dataset::RgbImage { rows: part.rows, cols: part.cols, rgb: cut_out(record.picture, part) };
    let small = model::dataset::resize::resized_bilinear(&cut, height, width);
    let [truth, answer] = [truth, answer].map(|mask| outline(mask, record.picture.cols, part, (height, width)));
    let mut picture = RgbImage::from_pixel(SIDE_PX, SIDE_PX, PAPER);
    for (at, rgb) in small.rgb.chunks_exact(3).enumerate() {
        let colour = match (truth[at], answer[at]) {
            (true, true) => BOTH,
            (true, false) => TRUTH,
            (false, true) => ANSWER,
            (false, false) => Rgb([rgb[0], rgb[1], rgb[2]]),
        };
        picture.put_pixel((at % width) as u32, (at / width) as u32, colour);
    }
    picture
}

fn cut_out(picture: &model::dataset::RgbImage, part: Part) -> Vec<u8> {
    let rows = part.row..part.row + part.rows;
    rows.flat_map(|row| &picture.rgb[3 * (row * picture.cols + part.col)..][..3 * part.cols]).copied().collect()
}

/// The border of a mask on another grid: marked pixels with a neighbour that is not. Small things do not vanish: a
/// pixel is marked when any below it is.
fn outline(mask: &[bool], stride: usize, part: Part, (height, width): (usize, usize)) -> Vec<bool> {
    let span = |at: usize, to: usize, from: usize| {
        let first = at * from / to;
        first..((at + 1) * from).div_ceil(to).max(first + 1)
    };
    let mut small = Vec::with_capacity(height * width);
    for y in 0..height {
        for x in 0..width {
            // Where a pixel is enlarged, it is the one under the middle; where many shrink to one, any of them counts.
            let rows = if height > part.rows {
                let r = y * part.rows / height;
                r..r + 1
            } else {
                span(y, height, part.rows)
            };
            let cols = if width > part.cols {
                let c = x * part.cols / width;
                c..c + 1
            } else {
                span(x, width, part.cols)
            };
            small
                .push(rows.clone().any(|row| cols.clone().any(|col| mask[(part.row + row) * stride + part.col + col])));
        }
    }
    let marked = |y: usize, x: usize| y < height && x < width && small[y * width + x];
    let edge = |y: usize, x: usize| {
        let around = [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)];
        small[y * width + x] && around.into_iter().any(|(y, x)| !marked(y, x))
    };
    (0..height * width).map(|at| edge(at / width, at % width)).collect()
}

fn paste(sheet: &mut RgbImage, picture: &RgbImage, left: u32, top: u32) {
    for (x, y, pixel) in picture.enumerate_pixels() {
        sheet.put_pixel(left + x, top + y, *pixel);
    }
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
