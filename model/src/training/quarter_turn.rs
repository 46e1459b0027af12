//! Square pictures turned and mirrored on their own grid.

use crate::synthetic::Dice;

/// How a square picture is laid down.
pub(super) struct QuarterTurn {
    turns: u8,
    mirrored: bool,
}

impl QuarterTurn {
    /// Any of the eight ways, each as often as the others.
    pub(super) fn random(dice: &mut Dice) -> Self {
        Self { turns: dice.below(4) as u8, mirrored: dice.chance(0.5) }
    }

    /// Lays values down in place.
    ///
    /// # Shapes
    /// `values`: `[row, col, channel]` of a square
    pub(super) fn lay(&self, values: &mut [u8], side_px: usize, channels: usize) {
        let from = values.to_vec();
        let last = side_px - 1;
        for (at, pixel) in values.chunks_exact_mut(channels).enumerate() {
            let (row, col) = (at / side_px, at % side_px);
            let col = if self.mirrored { last - col } else { col };
            let (row, col) = match self.turns {
                0 => (row, col),
                1 => (col, last - row),
                2 => (last - row, last - col),
                _ => (last - col, row),
            };
            pixel.copy_from_slice(&from[(row * side_px + col) * channels..][..channels]);
        }
    }
}
