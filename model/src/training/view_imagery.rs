//! Which part of a picture a training sample shows, and how large.

use crate::dataset::LabelledTile;
use crate::dataset::augment::{Cut, View, cut};
use crate::synthetic::Dice;

/// Share of training views that show the whole picture.
const WHOLE_SHARE: f64 = 0.45;
/// Share of whole views that do not fill the tile.
const SMALL_SHARE: f64 = 0.25;
/// Least part of the tile's side that they fill.
const LEAST_FILLED: f64 = 0.6;
/// Largest enlargement of a picture.
const MAX_SCALE: f64 = 2.0;
/// How much closer than the whole picture a view may look.
const MAX_ZOOM: f64 = 4.0;

/// The whole picture or a closer look at a part of it, turned and mirrored at random.
pub(super) fn random_view(picture: &LabelledTile, side_px: usize, dice: &mut Dice) -> Cut {
    if !dice.chance(WHOLE_SHARE) {
        return cut(picture, &closer_view(picture, side_px, dice));
    }
    let small = dice.chance(SMALL_SHARE);
    let filled = if small { dice.range(LEAST_FILLED, 1.0) } else { 1.0 };
    let whole = View::whole(picture.rows, picture.cols, (filled * side_px as f64).round() as usize);
    let mut shown = cut(picture, &turned(whole, dice));
    // The model takes the tile for the picture: where the picture ends within it, "the left half" is another half.
    shown.tile.placeless |= small;
    shown
}

/// A part of the picture that fills the tile as far as the picture reaches, turned and mirrored at random.
pub(super) fn closer_view(picture: &LabelledTile, side_px: usize, dice: &mut Dice) -> View {
    let side = side_px as f64;
    let fit = side / picture.rows.max(picture.cols) as f64;
    let closest = (fit * MAX_ZOOM).min(MAX_SCALE).max(fit);
    let scale = fit * (closest / fit).powf(dice.unit());
    let reach = |px: usize| px.min((side / scale) as usize).max(1);
    let (rows, cols) = (reach(picture.rows), reach(picture.cols));
    // Mostly near an object: empty ground is learnt quickly.
    let centre = if !picture.objects.is_empty() && dice.chance(0.75) {
        let mask = &dice.pick(&picture.objects).mask;
        (mask.row_off + mask.rows / 2, mask.col_off + mask.cols / 2)
    } else {
        (dice.below(picture.rows), dice.below(picture.cols))
    };
    let shift = |at: usize, length: usize, of: usize, dice: &mut Dice| {
        let first = at as f64 - dice.range(0.15, 0.85) * length as f64;
        (first.max(0.0) as usize).min(of - length)
    };
    let row_off = shift(centre.0, rows, picture.rows, dice);
    let col_off = shift(centre.1, cols, picture.cols, dice);
    turned(View { row_off, col_off, rows, cols, scale, quarter_turns: 0, mirrored: false }, dice)
}

fn turned(view: View, dice: &mut Dice) -> View {
    View { quarter_turns: dice.below(4) as u8, mirrored: dice.chance(0.5), ..view }
}
