//! Random choices that come out the same on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A stream of random choices that depends on nothing but its seed numbers.
///
/// Every choice is made from 32 raw bits with plain arithmetic, so that an upgrade of a
/// random-number crate cannot change the scenes.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// A stream for these numbers; other numbers give an unrelated stream.
    #[must_use]
    pub fn new(numbers: &[u64]) -> Self {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for &number in numbers {
            state = scramble(state ^ number).wrapping_add(0x9E37_79B9_7F4A_7C15);
        }
        let mut seed = [0_u8; 32];
        for chunk in seed.chunks_mut(8) {
            state = scramble(state.wrapping_add(0x9E37_79B9_7F4A_7C15));
            chunk.copy_from_slice(&state.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// A number in `[low, high)`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number in `0..count`; 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// One of the items.
    ///
    /// # Panics
    /// When there is no item.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// The index of one of the weights, drawn in proportion to them.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// 64 fresh bits, to seed something else.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// Spreads the bits of a number (the finaliser of SplitMix64).
fn scramble(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
