//! Choices of words, some of them reserved for measuring.

use super::Phrasings;
use crate::synthetic::Dice;

/// Draws words and keeps count of the reserved ones.
pub(super) struct Voice<'d> {
    pub(super) dice: &'d mut Dice,
    phrasings: Phrasings,
    /// True when things that one could argue about may be left out of the loss.
    pub(super) leave_out: bool,
    /// True once a reserved word was used.
    pub(super) reserved: bool,
}

impl<'d> Voice<'d> {
    pub(super) fn new(dice: &'d mut Dice, phrasings: Phrasings, leave_out: bool) -> Self {
        Self { dice, phrasings, leave_out, reserved: false }
    }

    /// True when a word may be used.
    pub(super) fn allows(&self, reserved: bool) -> bool {
        !reserved || self.phrasings != Phrasings::Training
    }

    /// How much oftener reserved words are drawn than their weight says.
    pub(super) fn favour(&self, reserved: bool) -> f64 {
        match (reserved, self.phrasings) {
            (true, Phrasings::HeldOut) if !self.reserved => 20.0,
            (true, Phrasings::HeldOut) => 4.0,
            (true, Phrasings::Training) => 0.0,
            _ => 1.0,
        }
    }

    /// One of the texts; a `~` marks a reserved one.
    pub(super) fn pick(&mut self, texts: &[&'static str]) -> &'static str {
        let weights: Vec<f64> = texts.iter().map(|text| self.favour(text.starts_with('~'))).collect();
        let text = texts[self.dice.weighted(&weights)];
        match text.strip_prefix('~') {
            Some(rest) => {
                self.reserved = true;
                rest
            }
            None => text,
        }
    }

    /// True when the phrase may be handed out.
    pub(super) fn fits(&self) -> bool {
        self.phrasings != Phrasings::HeldOut || self.reserved
    }
}
