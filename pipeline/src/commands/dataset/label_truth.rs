//! What labels say about a tile: which pixels a phrase means, and of which that is known.

use geo_io::{Label, PixelWindow, Reach};
use model::ModelError;
use model::dataset::{LocalMask, Mask, Rle};

use super::label_tiles::LabelTile;
use crate::error::PipelineError;
use crate::view::rescaled::View;

/// A phrase's pixels in a tile.
#[derive(Clone, Debug)]
pub(super) struct Truth {
    /// Its number.
    pub(super) phrase: usize,
    /// `None` where it means nothing in the tile.
    pub(super) mask: Option<Rle>,
    /// `None` where all is known.
    pub(super) known: Option<Rle>,
}

/// What is known of all phrases in a tile.
#[derive(Clone, Debug, Default)]
pub(super) struct Truths {
    pub(super) of_phrases: Vec<Truth>,
    /// The labels that cover a pixel, as indices.
    pub(super) seen: Vec<usize>,
}

/// Draws the labels of a tile on the grid of the model.
///
/// What lies around an outline is known not to be meant, and so is a polygon without a phrase; of the rest of the tile
/// nothing is known unless the labels are `complete`. Ground without data is never known.
///
/// # Shapes
/// `valid` is of the tile's window; masks are squares of the view's first side.
///
/// # Errors
/// A polygon that GDAL cannot draw.
pub(super) fn truths(
    tile: &LabelTile,
    labels: &[Label],
    phrases: &[String],
    valid: &[u8],
    view: &View,
    complete: bool,
) -> Result<Truths, PipelineError> {
    let side = view.model_px[0];
    let on_model = |bits: &[u8]| squared(bits, tile.window, view);
    let valid = on_model(valid)?;
    let mut drawn = Vec::new();
    for &label in &tile.labels {
        let bits = on_model(&labels[label].shape.inside(tile.window, Reach::Middles)?)?;
        if bits.contains(&1) {
            drawn.push((label, bits));
        }
    }
    let mut truths = Truths { seen: drawn.iter().map(|(label, _)| *label).collect(), ..Truths::default() };
    for (number, phrase) in phrases.iter().enumerate() {
        let mut mask = vec![0; side * side];
        let mut known = if complete { valid.clone() } else { vec![0; side * side] };
        for (label, bits) in &drawn {
            let own = labels[*label].text.as_ref() == Some(phrase);
            if own {
                unite(&mut mask, bits);
                surround(bits, side, &mut known);
            }
            if own || labels[*label].text.is_none() {
                unite(&mut known, bits);
            }
        }
        if !complete {
            // Something of another name may well bear this name too.
            for (_, bits) in drawn.iter().filter(|(label, _)| other(&labels[*label], phrase)) {
                known.iter_mut().zip(bits).zip(&mask).for_each(|((known, &bit), &own)| *known &= (1 - bit) | own);
            }
        }
        known.iter_mut().zip(&valid).for_each(|(known, valid)| *known &= valid);
        mask.iter_mut().zip(&known).for_each(|(mask, known)| *mask &= known);
        let is_there = mask.contains(&1);
        if is_there || (complete && known.contains(&1)) {
            truths.of_phrases.push(Truth {
                phrase: number,
                mask: if is_there { Some(encoded(side, mask)?) } else { None },
                known: if known.contains(&0) { Some(encoded(side, known)?) } else { None },
            });
        }
    }
    Ok(truths)
}

/// Whether a label has a phrase, and another one.
fn other(label: &Label, phrase: &str) -> bool {
    label.text.as_deref().is_some_and(|text| text != phrase)
}

/// A plane of a window on the square grid of the model; nothing lies where the scene ends.
fn squared(bits: &[u8], window: PixelWindow, view: &View) -> Result<Vec<u8>, PipelineError> {
    let (side, width) = (view.side_px, window.width as usize);
    let mut square = vec![0; side * side];
    for (row, line) in bits.chunks_exact(width).enumerate() {
        for (to, bit) in square[row * side..][..width].iter_mut().zip(line) {
            *to = u8::from(*bit != 0);
        }
    }
    let mask = Mask::new(side, side, square).ok_or_else(wrong_size)?;
    Ok(mask.resized_nearest(view.model_px[0], view.model_px[0]).bits().to_vec())
}

fn unite(into: &mut [u8], bits: &[u8]) {
    into.iter_mut().zip(bits).for_each(|(into, bit)| *into |= bit);
}

/// Marks what lies around a label.
fn surround(bits: &[u8], side: usize, known: &mut [u8]) {
    let Some(mask) = LocalMask::from_picture(side, side, bits) else { return };
    let (rows, cols) = mask.surroundings(side, side);
    for row in rows {
        known[row * side..][cols.clone()].fill(1);
    }
}

fn encoded(side: usize, bits: Vec<u8>) -> Result<Rle, PipelineError> {
    let mask = Mask::new(side, side, bits).ok_or_else(wrong_size)?;
    Rle::encode(&mask).map_err(|cause| ModelError::Device(cause.to_string()).into())
}

fn wrong_size() -> PipelineError {
    ModelError::Device("a mask of another size than its tile".to_owned()).into()
}
