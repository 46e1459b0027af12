//! Contact sheets: pictures with the target outlined and the phrase beneath, for the eye to check.

use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};
use model::dataset::{LabelledExpression, LabelledTile};

use crate::picture::letters;

/// Side of a picture on the sheet.
const SIDE_PX: u32 = 300;
/// Gap around each picture and its text.
const GAP_PX: u32 = 6;
/// Lines of text beneath a picture.
const LINES: u32 = 4;
/// Letters on a line.
const LINE_LETTERS: usize = (SIDE_PX / 6) as usize;

const TARGET: Rgb<u8> = Rgb([255, 0, 255]);
const HALO: Rgb<u8> = Rgb([0, 0, 0]);
const TEXT: Rgb<u8> = Rgb([240, 240, 240]);
const ABSENT: Rgb<u8> = Rgb([255, 190, 90]);
const PAPER: Rgb<u8> = Rgb([30, 30, 34]);

/// A picture with its phrase.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    picture: RgbImage,
    text: String,
    colour: Rgb<u8>,
}

impl Card {
    /// The picture of a tile with the targets of a phrase outlined.
    #[must_use]
    pub(crate) fn new(tile: &LabelledTile, expression: &LabelledExpression) -> Option<Self> {
        let picture = RgbImage::from_raw(tile.cols as u32, tile.rows as u32, tile.rgb.clone())?;
        let scale = f64::from(SIDE_PX) / tile.rows.max(tile.cols) as f64;
        let side = |px: usize| ((px as f64 * scale).round() as u32).max(1);
        let (width, height) = (side(tile.cols), side(tile.rows));
        let mut picture = resize(&picture, width, height, FilterType::Triangle);

        let mut inside = vec![0_u8; tile.rows * tile.cols];
        for &index in &expression.target {
            tile.objects[index].mask.mark(tile.cols, &mut inside);
        }
        let at = |x: i64, y: i64| {
            let source = |at: i64, of: usize| (((at as f64 + 0.5) / scale) as usize).min(of - 1);
            let known = x >= 0 && y >= 0 && x < i64::from(width) && y < i64::from(height);
            known && inside[source(y, tile.rows) * tile.cols + source(x, tile.cols)] != 0
        };
        let near = |x: u32, y: u32, reach: i64| {
            let (x, y) = (i64::from(x), i64::from(y));
            (-reach..=reach).any(|dy| (-reach..=reach).any(|dx| at(x + dx, y + dy)))
        };
        for y in 0..height {
            for x in 0..width {
                if at(i64::from(x), i64::from(y)) {
                    continue;
                }
                if near(x, y, 1) {
                    picture.put_pixel(x, y, TARGET);
                } else if near(x, y, 2) {
                    picture.put_pixel(x, y, HALO);
                }
            }
        }
        let mark = if expression.complete { "" } else { "..." };
        Some(Self {
            picture,
            text: format!("{}: {}{mark}", expression.kind, expression.phrase),
            colour: if expression.target.is_empty() { ABSENT } else { TEXT },
        })
    }
}

/// The cards in rows of `columns`.
#[must_use]
pub(crate) fn sheet(cards: &[Card], columns: usize) -> RgbImage {
    let columns = columns.max(1);
    let (cell_width, cell_height) = (SIDE_PX + GAP_PX, SIDE_PX + LINES * letters::line_height(1) + 2 * GAP_PX);
    let rows = cards.len().div_ceil(columns) as u32;
    let mut sheet = RgbImage::from_pixel(columns as u32 * cell_width + GAP_PX, rows * cell_height + GAP_PX, PAPER);
    for (index, card) in cards.iter().enumerate() {
        let left = (index % columns) as u32 * cell_width + GAP_PX;
        let top = (index / columns) as u32 * cell_height + GAP_PX;
        image::imageops::replace(&mut sheet, &card.picture, i64::from(left), i64::from(top));
        for (number, line) in (0..LINES).zip(lines(&card.text)) {
            let top = top + card.picture.height() + 3 + number * letters::line_height(1);
            letters::write(&mut sheet, left, top, 1, card.colour, &line);
        }
    }
    sheet
}

/// A text in lines, broken between words.
fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].len() + 1 + word.len() > LINE_LETTERS {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let text = format!("{} {}", "a".repeat(30), "b".repeat(30));
        assert_eq!(lines(&text), ["a".repeat(30), "b".repeat(30)]);
        assert_eq!(lines("the ship on the left"), ["the ship on the left"]);
    }

    #[test]
    fn the_target_is_outlined_and_its_inside_left_as_it_is() {
        let mask =
            model::dataset::LocalMask { row_off: 100, col_off: 100, rows: 100, cols: 100, bits: vec![1; 10_000] };
        let object = model::dataset::LabelledObject {
            id: 1,
            category: "ship".to_owned(),
            form: model::dataset::LabelForm::Instance,
            trust: model::dataset::OutlineTrust::Outline,
            whole: true,
            mask,
        };
        let tile = LabelledTile {
            rows: 300,
            cols: 300,
            rgb: vec![9; 300 * 300 * 3],
            objects: vec![object],
            exhaustive: std::iter::once("ship".to_owned()).collect(),
            false_colour: false,
            pixel_size_m: None,
            placeless: false,
        };
        let expression = LabelledExpression {
            phrase: "the ship".to_owned(),
            kind: "category",
            category: "ship".to_owned(),
            target: vec![0],
            complete: true,
            unsure: Vec::new(),
        };
        let card = Card::new(&tile, &expression).unwrap();
        // Columns 100 to 199 are inside; 99 is the outline, 98 its dark halo.
        assert_eq!(card.picture.get_pixel(99, 150), &TARGET);
        assert_eq!(card.picture.get_pixel(98, 150), &HALO);
        assert_eq!(card.picture.get_pixel(150, 150), &Rgb([9; 3]));
    }
}
