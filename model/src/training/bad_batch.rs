//! `bad_batch/` of a run: what the model was asked when its loss ceased to be a number.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::feed::Batch;
use crate::error::ModelError;

/// Writes pictures and masks as PNG and the phrases as JSON; returns the folder.
///
/// `parts` are the parts of the batch in their order, `losses` what each of them cost.
///
/// # Errors
/// A disk that cannot be written.
pub(crate) fn save(run: &Path, step: usize, parts: &[Batch], losses: &[f64]) -> Result<PathBuf, ModelError> {
    let folder = run.join("bad_batch");
    if folder.is_dir() {
        std::fs::remove_dir_all(&folder).map_err(|source| io("remove", &folder, source))?;
    }
    std::fs::create_dir_all(&folder).map_err(|source| io("create", &folder, source))?;
    let mut samples = Vec::new();
    let mut image = 0;
    for (part, batch) in parts.iter().enumerate() {
        let area = batch.side_px * batch.side_px;
        let phrases = batch.phrases.len() / batch.images.max(1);
        for (own, pixels) in batch.pixels.chunks_exact(3 * area).enumerate() {
            let picture = format!("image-{image}.png");
            write(&folder.join(&picture), pixels, batch.side_px, image::ColorType::Rgb8)?;
            for phrase in own * phrases..(own + 1) * phrases {
                let mask = format!("mask-{image}-{}.png", phrase - own * phrases);
                let bits: Vec<u8> = batch.masks[phrase * area..][..area].iter().map(|&bit| 255 * bit.min(1)).collect();
                write(&folder.join(&mask), &bits, batch.side_px, image::ColorType::L8)?;
                let loss = losses.get(part).map(|loss| loss.to_string());
                samples.push(json!({
                    "image": picture, "mask": mask, "phrase": batch.phrases[phrase], "part": part, "loss_of_part": loss,
                }));
            }
            image += 1;
        }
    }
    let file = folder.join("batch.json");
    let text = format!("{:#}\n", json!({"step": step, "samples": samples}));
    std::fs::write(&file, text).map_err(|source| io("write", &file, source))?;
    Ok(folder)
}

fn write(path: &Path, values: &[u8], side_px: usize, color: image::ColorType) -> Result<(), ModelError> {
    let side = side_px as u32;
    image::save_buffer(path, values, side, side, color).map_err(|cause| io("write", path, std::io::Error::other(cause)))
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> ModelError {
    ModelError::Io { action, path: path.to_owned(), source }
}
