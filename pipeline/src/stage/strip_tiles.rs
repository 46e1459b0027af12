//! The tiles that the model has answered, kept while rows of the scene that lie in them are still to come.

use geo_io::{PixelWindow, SceneStrip, StripTile};
use model::TilePrediction;

use crate::tiling::TileSpec;

/// Answered tiles, per prompt that is answered by tiles.
pub(crate) struct StripTiles {
    /// Where the strips of these prompts are among those of all.
    numbers: Vec<usize>,
    tiles: Vec<Vec<StripTile>>,
    /// How many were answered so far.
    count: u32,
}

impl StripTiles {
    /// For some prompts answered by tiles, among others that are answered about the whole scene.
    pub(crate) fn new(prompts: usize, by_scene: &[usize]) -> Self {
        let all = 0..prompts + by_scene.len();
        let numbers = all.filter(|number| !by_scene.contains(number)).collect();
        Self { numbers, tiles: vec![Vec::new(); prompts], count: 0 }
    }

    /// Notes what the model said of a tile; strips are rows of a `part` of the scene.
    pub(crate) fn add(&mut self, tile: &TileSpec, part: PixelWindow, predictions: &[TilePrediction]) {
        let window = tile.window;
        let (row, col) = (window.row_off.saturating_sub(part.row_off), window.col_off.saturating_sub(part.col_off));
        let end_row = (window.row_off + window.height).saturating_sub(part.row_off);
        let end_col = (window.col_off + window.width).saturating_sub(part.col_off);
        for (tiles, prediction) in self.tiles.iter_mut().zip(predictions) {
            tiles.push(StripTile {
                number: self.count,
                rows: row..end_row,
                cols: col..end_col,
                presence: prediction.presence,
            });
        }
        self.count += 1;
    }

    /// Gives strips the tiles they lie in, and forgets those that no later strip lies in.
    pub(crate) fn hand_over(&mut self, strips: &mut [SceneStrip]) {
        for (number, tiles) in self.numbers.iter().zip(&mut self.tiles) {
            let strip = &mut strips[*number];
            let end = strip.row_off + strip.rows;
            strip.tiles = tiles.iter().filter(|tile| tile.rows.end > strip.row_off).cloned().collect();
            tiles.retain(|tile| tile.rows.end > end);
        }
    }
}
