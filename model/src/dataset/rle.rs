//! Masks as COCO writes them: run lengths down the columns, compressed into a string.

use serde::{Deserialize, Serialize};

use super::mask::Mask;

/// The largest mask that is decoded, in pixels (16,384 x 16,384).
pub const MAX_MASK_PX: u64 = 1 << 28;

/// Groups of five bits that a run length of 32 bits, as a difference with a sign, can need.
const MAX_GROUPS: u32 = 7;

/// A mask in COCO's compressed run-length encoding.
///
/// The runs count pixels down the first column, then the second, and so on; background comes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rle {
    /// Rows and columns of the mask.
    pub size: [u32; 2],
    /// The run lengths, compressed.
    pub counts: String,
}

/// Why a run-length encoding describes no mask.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RleError {
    /// A side of zero pixels, or more pixels than [`MAX_MASK_PX`].
    #[error("a mask of {rows} rows and {cols} columns cannot be used (1 to {MAX_MASK_PX} pixels)")]
    Size {
        /// Rows as given.
        rows: u32,
        /// Columns as given.
        cols: u32,
    },
    /// A byte that the compression never writes.
    #[error("byte {position} of the counts is not one of '0' to 'o'")]
    Byte {
        /// Position in the string, from 0.
        position: usize,
    },
    /// A string that ends inside a number.
    #[error("the counts end inside a number")]
    CutShort,
    /// A number that is no run length.
    #[error("run {index} of the counts is negative or larger than the mask")]
    Run {
        /// Which run, from 0.
        index: usize,
    },
    /// Runs that do not add up to the size.
    #[error("the runs add up to {got} pixels, the size says {expected}")]
    Total {
        /// Pixels by the size.
        expected: u64,
        /// Pixels by the runs.
        got: u64,
    },
}

impl Rle {
    /// The encoding of a mask, byte for byte as pycocotools writes it.
    ///
    /// # Errors
    /// [`RleError::Size`] for an empty mask or one too large to be read back.
    pub fn encode(mask: &Mask) -> Result<Self, RleError> {
        let (rows, cols) = (mask.rows(), mask.cols());
        let side = |px: usize| u32::try_from(px).unwrap_or(u32::MAX);
        let size = [side(rows), side(cols)];
        checked_px(size)?;

        let mut counts = String::new();
        let mut previous = [0_i64; 2];
        let mut index = 0;
        let mut run_px = 0_i64;
        let mut value = 0_u8;
        for col in 0..cols {
            for row in 0..rows {
                let bit = mask.bits()[row * cols + col];
                if bit != value {
                    push_run(&mut counts, index, run_px, &mut previous);
                    index += 1;
                    run_px = 0;
                    value = bit;
                }
                run_px += 1;
            }
        }
        push_run(&mut counts, index, run_px, &mut previous);
        Ok(Self { size, counts })
    }

    /// The mask that this encodes.
    ///
    /// Memory is taken only after the runs have been found to add up to the size.
    ///
    /// # Errors
    /// Whatever [`RleError`] names.
    pub fn decode(&self) -> Result<Mask, RleError> {
        self.foreground_px()?;
        let (rows, cols) = (self.size[0] as usize, self.size[1] as usize);
        let mut bits = vec![0_u8; rows * cols];
        let mut start = 0_usize;
        for (index, run) in Runs::new(&self.counts).enumerate() {
            let end = start + run? as usize;
            if index % 2 == 1 {
                for at in start..end {
                    bits[(at % rows) * cols + at / rows] = 1;
                }
            }
            start = end;
        }
        Mask::new(rows, cols, bits).ok_or(RleError::Size { rows: self.size[0], cols: self.size[1] })
    }

    /// Where the marked pixels are, as `start..end` counted down the columns.
    ///
    /// # Errors
    /// Whatever [`RleError`] names.
    pub fn marked_runs(&self) -> Result<Vec<std::ops::Range<usize>>, RleError> {
        self.foreground_px()?;
        let mut marked = Vec::new();
        let mut start = 0_usize;
        for (index, run) in Runs::new(&self.counts).enumerate() {
            let end = start + run? as usize;
            if index % 2 == 1 && end > start {
                marked.push(start..end);
            }
            start = end;
        }
        Ok(marked)
    }

    /// Number of marked pixels, counted without building the mask.
    ///
    /// # Errors
    /// Whatever [`RleError`] names; a value returned means that [`Rle::decode`] succeeds.
    pub fn foreground_px(&self) -> Result<u64, RleError> {
        let expected = checked_px(self.size)?;
        let (mut total, mut foreground) = (0_u64, 0_u64);
        for (index, run) in Runs::new(&self.counts).enumerate() {
            let run = u64::from(run?);
            total += run;
            if total > expected {
                return Err(RleError::Run { index });
            }
            if index % 2 == 1 {
                foreground += run;
            }
        }
        if total != expected {
            return Err(RleError::Total { expected, got: total });
        }
        Ok(foreground)
    }
}

/// The compressed form of run lengths that are written as plain numbers.
pub(super) fn from_runs(size: [u32; 2], runs: &[u32]) -> Rle {
    let mut counts = String::new();
    let mut previous = [0_i64; 2];
    for (index, run) in runs.iter().enumerate() {
        push_run(&mut counts, index, i64::from(*run), &mut previous);
    }
    Rle { size, counts }
}

/// Pixels of a mask whose size can be used.
fn checked_px(size: [u32; 2]) -> Result<u64, RleError> {
    let px = u64::from(size[0]) * u64::from(size[1]);
    if px == 0 || px > MAX_MASK_PX {
        return Err(RleError::Size { rows: size[0], cols: size[1] });
    }
    Ok(px)
}

/// Writes one run: from the fourth on, its difference to the run before the last, five bits to a character.
fn push_run(counts: &mut String, index: usize, run_px: i64, previous: &mut [i64; 2]) {
    let mut rest = if index > 2 { run_px - previous[index % 2] } else { run_px };
    previous[index % 2] = run_px;
    loop {
        let low = (rest & 0x1f) as u8;
        rest >>= 5;
        // The highest of the five bits is the sign: stop only where it says what the rest says.
        let more = if low & 0x10 != 0 { rest != -1 } else { rest != 0 };
        counts.push(char::from(48 + low + if more { 0x20 } else { 0 }));
        if !more {
            return;
        }
    }
}

/// The run lengths of a compressed string, one after the other.
struct Runs<'a> {
    bytes: &'a [u8],
    position: usize,
    index: usize,
    previous: [i64; 2],
}

impl<'a> Runs<'a> {
    fn new(counts: &'a str) -> Self {
        Self { bytes: counts.as_bytes(), position: 0, index: 0, previous: [0; 2] }
    }

    /// The next number of the string, with its sign.
    fn number(&mut self) -> Result<i64, RleError> {
        let mut value = 0_i64;
        for group in 0..MAX_GROUPS {
            let byte = *self.bytes.get(self.position).ok_or(RleError::CutShort)?;
            if !(48..112).contains(&byte) {
                return Err(RleError::Byte { position: self.position });
            }
            self.position += 1;
            let code = i64::from(byte - 48);
            value |= (code & 0x1f) << (5 * group);
            if code & 0x20 == 0 {
                if code & 0x10 != 0 {
                    value |= -1_i64 << (5 * (group + 1));
                }
                return Ok(value);
            }
        }
        Err(RleError::Run { index: self.index })
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<u32, RleError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position >= self.bytes.len() {
            return None;
        }
        let run = self.number().and_then(|number| {
            let slot = self.index % 2;
            let run = if self.index > 2 { number + self.previous[slot] } else { number };
            self.previous[slot] = run;
            u32::try_from(run).map_err(|_| RleError::Run { index: self.index })
        });
        self.index += 1;
        if run.is_err() {
            self.position = self.bytes.len();
        }
        Some(run)
    }
}

#[cfg(test)]
#[path = "rle_tests.rs"]
mod tests;
