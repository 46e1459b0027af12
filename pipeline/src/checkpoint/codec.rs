//! Answers as bytes and back, to the last bit.

use std::sync::Arc;

use model::TilePrediction;

use crate::mosaic::canvas::BlendedPlanes;
use crate::stage::{Answer, AnsweredTile};
use crate::tiling::TileSpec;

/// Kinds of answers, by their first byte.
const EMPTY: u8 = 0;
const COMPUTED: u8 = 1;
const REUSED: u8 = 2;
const FAILED: u8 = 3;

/// The answer to a tile as bytes.
#[must_use]
pub fn encode_tile(answered: &AnsweredTile) -> Vec<u8> {
    let mut bytes = Vec::new();
    match &answered.answer {
        Answer::Empty => bytes.push(EMPTY),
        Answer::Failed(reason) => {
            bytes.push(FAILED);
            bytes.extend_from_slice(reason.as_bytes());
        }
        Answer::Computed => bytes.push(COMPUTED),
        Answer::Reused => bytes.push(REUSED),
    }
    if answered.predictions.is_empty() {
        return bytes;
    }
    put_count(&mut bytes, answered.valid.len());
    bytes.extend_from_slice(&answered.valid);
    put_count(&mut bytes, answered.predictions.len());
    for TilePrediction { probability, uncertainty, raw_uncertainty, presence } in answered.predictions.iter() {
        bytes.extend_from_slice(&presence.unwrap_or(f32::NAN).to_le_bytes());
        put_planes(&mut bytes, probability, uncertainty, raw_uncertainty.as_deref());
    }
    bytes
}

/// The answer to a tile from its bytes.
///
/// # Errors
/// What is wrong with bytes that are no answer.
pub fn decode_tile(tile: TileSpec, bytes: &[u8]) -> Result<AnsweredTile, String> {
    let mut input = Input(bytes);
    let answer = match input.take(1)?[0] {
        EMPTY => Answer::Empty,
        COMPUTED => Answer::Computed,
        REUSED => Answer::Reused,
        FAILED => Answer::Failed(String::from_utf8_lossy(input.take(input.0.len())?).into_owned()),
        other => return Err(format!("an answer of the unknown kind {other}")),
    };
    let (mut valid, mut predictions) = (Vec::new(), Vec::new());
    if matches!(answer, Answer::Computed | Answer::Reused) {
        let area = input.count()?;
        if area != tile.window.area_px() {
            return Err(format!("{area} flags for a window of {}", tile.window));
        }
        valid = input.take(area)?.to_vec();
        for _ in 0..input.count()? {
            let presence = Some(f32::from_le_bytes(input.array()?)).filter(|presence| !presence.is_nan());
            let (probability, uncertainty, raw_uncertainty) = input.planes()?;
            predictions.push(TilePrediction { probability, uncertainty, raw_uncertainty, presence });
        }
    }
    input.end()?;
    Ok(AnsweredTile { tile, valid, answer, predictions: Arc::new(predictions) })
}

/// Answers about a whole scene as bytes.
#[must_use]
pub fn encode_scene(planes: &[BlendedPlanes]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_count(&mut bytes, planes.len());
    for BlendedPlanes { probability, implied, raw_implied } in planes {
        put_planes(&mut bytes, probability, implied, raw_implied.as_deref());
    }
    bytes
}

/// Answers about a whole scene from their bytes.
///
/// # Errors
/// What is wrong with bytes that are no such answers.
pub fn decode_scene(bytes: &[u8]) -> Result<Vec<BlendedPlanes>, String> {
    let mut input = Input(bytes);
    let mut planes = Vec::new();
    for _ in 0..input.count()? {
        let (probability, implied, raw_implied) = input.planes()?;
        planes.push(BlendedPlanes { probability, implied, raw_implied });
    }
    input.end()?;
    Ok(planes)
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&(count as u64).to_le_bytes());
}

/// Two planes, and a third where there is one.
fn put_planes(bytes: &mut Vec<u8>, first: &[f32], second: &[f32], third: Option<&[f32]>) {
    bytes.push(2 + u8::from(third.is_some()));
    put_count(bytes, first.len());
    for plane in [Some(first), Some(second), third].into_iter().flatten() {
        // First bytes first, then second bytes, and so on: neighbours have alike exponents, and that packs better.
        for byte in 0..4 {
            bytes.extend(plane.iter().map(|value| value.to_le_bytes()[byte]));
        }
    }
}

type Planes = (Vec<f32>, Vec<f32>, Option<Vec<f32>>);

/// Bytes yet to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("an answer that breaks off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "an answer that breaks off".to_owned())
    }

    fn count(&mut self) -> Result<usize, String> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| "a count out of range".to_owned())
    }

    fn planes(&mut self) -> Result<Planes, String> {
        let count = self.take(1)?[0];
        if !(2..=3).contains(&count) {
            return Err(format!("{count} planes in one answer"));
        }
        let area = self.count()?;
        let mut plane = || -> Result<Vec<f32>, String> {
            let bytes = self.take(area.checked_mul(4).ok_or("a plane out of range")?)?;
            let value = |i: usize| [bytes[i], bytes[area + i], bytes[2 * area + i], bytes[3 * area + i]];
            Ok((0..area).map(|i| f32::from_le_bytes(value(i))).collect())
        };
        let (first, second) = (plane()?, plane()?);
        let third = if count == 3 { Some(plane()?) } else { None };
        Ok((first, second, third))
    }

    fn end(&self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(format!("{} bytes after the end of an answer", self.0.len())) }
    }
}

#[cfg(test)]
mod tests {
    use geo_io::PixelWindow;
    use proptest::prelude::*;

    use super::*;

    fn tile() -> TileSpec {
        let window = PixelWindow { col_off: 3, row_off: 4, width: 3, height: 2 };
        TileSpec { index: 7, grid_row: 1, grid_col: 2, window }
    }

    fn prediction(raw: bool, presence: Option<f32>) -> TilePrediction {
        let plane = |shift: f32| (0..16).map(|i| (i as f32 * 0.061 + shift).fract()).collect::<Vec<f32>>();
        let raw_uncertainty = raw.then(|| plane(0.3));
        TilePrediction { probability: plane(0.1), uncertainty: plane(0.2), raw_uncertainty, presence }
    }

    #[test]
    fn every_kind_of_answer_comes_back_to_the_last_bit() {
        let predictions = vec![prediction(true, Some(0.25)), prediction(false, None)];
        let kinds = [
            (Answer::Empty, Vec::new(), Vec::new()),
            (Answer::Failed("cannot read 3x2 px: cut off".into()), Vec::new(), Vec::new()),
            (Answer::Computed, vec![1, 0, 1, 1, 1, 0], predictions.clone()),
            (Answer::Reused, vec![1; 6], predictions),
        ];
        for (answer, valid, predictions) in kinds {
            let answered = AnsweredTile { tile: tile(), valid, answer, predictions: Arc::new(predictions) };
            let back = decode_tile(tile(), &encode_tile(&answered)).unwrap();
            assert_eq!(format!("{back:?}"), format!("{answered:?}"));
        }
    }

    #[test]
    fn answers_about_the_scene_come_back_to_the_last_bit() {
        let planes = BlendedPlanes { probability: vec![0.1, 0.7], implied: vec![0.3, 1e-30], raw_implied: None };
        let raw = BlendedPlanes { raw_implied: Some(vec![0.5, 0.25]), ..planes.clone() };
        let all = vec![planes, raw];
        assert_eq!(format!("{:?}", decode_scene(&encode_scene(&all)).unwrap()), format!("{all:?}"));
    }

    #[test]
    fn an_answer_cut_anywhere_is_refused() {
        let predictions = Arc::new(vec![prediction(true, Some(0.5))]);
        let answered = AnsweredTile { tile: tile(), valid: vec![1; 6], answer: Answer::Computed, predictions };
        let bytes = encode_tile(&answered);
        for len in 0..bytes.len() {
            assert!(decode_tile(tile(), &bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_tile(tile(), &bytes);
            let _ = decode_scene(&bytes);
        }
    }
}
