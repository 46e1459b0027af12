//! The network behind a segmenter: tiles to features, prompts to answers, answers to probabilities.

use std::path::Path;

use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor, TensorData};

use crate::config::ModelConfig;
use crate::crobim_u::{CrobimU, Decoded, ImageEncoding, Interacted};
use crate::error::ModelError;
use crate::evaluation::calibration::{Calibration, sigmoid};
use crate::ops::ModelBackend;
use crate::segmenter::{LogitSource, ModelInfo, Segmenter, SegmenterOptions};
use crate::store::{StoredModel, read_model};
use crate::text::{PromptTokenizer, TokenBatch};
use crate::tile::{TileImage, TileLogits, TilePrediction, TilePredictor};
use crate::vocabulary::Vocabulary;

/// Known categories that are named to one who asks for something else.
const NEAREST: usize = 3;

/// A model on one backend, with the prompts it is being asked.
pub(super) struct Network<B: ModelBackend> {
    model: CrobimU<B>,
    config: ModelConfig,
    calibration: Calibration,
    tokenizer: PromptTokenizer,
    options: SegmenterOptions,
    device: B::Device,
    info: ModelInfo,
    prompts: Vec<EncodedPrompt<B>>,
    vocabulary: Vocabulary,
}

/// One prompt's text features, computed once per run.
struct EncodedPrompt<B: Backend> {
    /// `[1, word, channel]`
    tokens: Tensor<B, 3>,
    /// `[1, word]`, true for padding
    ignored: Tensor<B, 2, Bool>,
}

impl<B: ModelBackend> Network<B> {
    pub(super) fn open(
        folder: &Path,
        options: &SegmenterOptions,
        device: B::Device,
        device_name: String,
    ) -> Result<Self, ModelError> {
        Ok(Self::new(folder, read_model::<B>(folder, &device)?, options, device, device_name))
    }

    pub(super) fn new(
        folder: &Path,
        stored: StoredModel<B>,
        options: &SegmenterOptions,
        device: B::Device,
        device_name: String,
    ) -> Self {
        let StoredModel { config, model, tokenizer, hash } = stored;
        let info = ModelInfo {
            name: config.name.clone(),
            hash,
            folder: folder.to_owned(),
            device: device_name,
            tile_px: config.tile_px,
            frame_px: config.frame_px,
            one_view_px: config.one_view_px,
            pixel_size_m: config.pixel_size_m,
            max_tokens: config.max_tokens,
        };
        let fitted = config.calibration;
        let plain = Calibration::default();
        let mut calibration = if options.calibrate { fitted } else { plain };
        calibration.presence_threshold = match options.min_presence {
            _ if !options.gate => plain.presence_threshold,
            Some(chosen) => chosen,
            None => fitted.presence_threshold,
        };
        let vocabulary = Vocabulary::new(&config.trained_on);
        let prompts = Vec::new();
        Self { model, config, calibration, tokenizer, options: *options, device, info, prompts, vocabulary }
    }

    /// A direction for each text, so that texts of like meaning point alike: the mean of its words' features.
    fn directions(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
        let rows = texts.iter().map(|text| self.tokenizer.encode(text)).collect::<Result<Vec<_>, _>>()?;
        let (ids, ignored) = TokenBatch::from_rows(&rows, self.tokenizer.max_tokens()).to_tensors::<B>(&self.device);
        let features = self.model.text.forward(ids, ignored.clone());
        let [texts, words, width] = features.dims();
        let counted = ignored.bool_not().float().reshape([texts, words, 1]);
        let sums = values((features * counted).sum_dim(1).reshape([texts, 1, 1, width]))?;
        let unit = |sum: &[f32]| {
            let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            sum.iter().map(|value| value / length).collect()
        };
        Ok(sums.chunks_exact(width).map(unit).collect())
    }

    /// # Shapes
    /// `[tile, 3, row, col]`
    fn images(&self, tiles: &[TileImage]) -> Result<Tensor<B, 4>, ModelError> {
        let side = tiles.first().map_or(self.config.tile_px, |tile| tile.side_px);
        let mut values = Vec::with_capacity(tiles.len() * 3 * side * side);
        for TileImage { side_px, rgb } in tiles {
            if side == 0 || !side.is_multiple_of(32) || *side_px != side || rgb.len() != 3 * side * side {
                let wanted = "three planes of one side, a multiple of 32 px".into();
                return Err(ModelError::TileSide { wanted, got: *side_px, values: rgb.len() });
            }
            values.extend_from_slice(rgb);
        }
        Ok(Tensor::from_data(TensorData::new(values, [tiles.len(), 3, side, side]), &self.device))
    }

    /// What the network says about every tile and one prompt before its masks are drawn, and the presence of each tile.
    fn interact(
        &self,
        image: ImageEncoding<B>,
        prompt: &EncodedPrompt<B>,
    ) -> Result<(Interacted<B>, Vec<Option<f32>>), ModelError> {
        let tiles = image.tokens.dims()[0];
        let [_, words, width] = prompt.tokens.dims();
        let text = prompt.tokens.clone().expand([tiles, words, width]);
        let ignored = prompt.ignored.clone().expand([tiles, words]);
        let interacted = self.model.decoder.interact(image, text, ignored);
        let presence = interacted.presence.clone().map(values).transpose()?;
        let presence = (0..tiles).map(|tile| presence.as_ref().map(|logits| sigmoid(logits[tile]))).collect();
        Ok((interacted, presence))
    }

    /// The masks of every tile for one prompt.
    fn draw(
        &self,
        (interacted, presence): (Interacted<B>, Vec<Option<f32>>),
        side: usize,
    ) -> Result<Vec<TileLogits>, ModelError> {
        let Decoded { refined, uncertainty, .. } = self.model.decoder.draw(interacted, (side, side));
        let (masks, risks) = (values(refined)?, values(uncertainty)?);
        let planes = masks.chunks_exact(side * side).zip(risks.chunks_exact(side * side));
        let logits = planes.zip(presence);
        Ok(logits
            .map(|((mask, rus), presence)| TileLogits { mask: mask.to_vec(), rus: rus.to_vec(), presence })
            .collect())
    }

    /// One prompt against every tile.
    ///
    /// # Shapes
    /// `image` is of tiles of `side` pixels.
    fn answer(
        &self,
        image: ImageEncoding<B>,
        side: usize,
        prompt: &EncodedPrompt<B>,
    ) -> Result<Vec<TilePrediction>, ModelError> {
        let (interacted, presence) = self.interact(image, prompt)?;
        if presence.iter().all(|presence| self.is_silenced(*presence)) {
            let risks = if self.options.raw_uncertainty { values(interacted.risk((side, side)))? } else { Vec::new() };
            let risk = |tile: usize| risks.get(tile * side * side..(tile + 1) * side * side).unwrap_or_default();
            return Ok(presence.iter().enumerate().map(|(tile, &own)| self.silence(side, risk(tile), own)).collect());
        }
        Ok(self.draw((interacted, presence), side)?.iter().map(|logits| self.prediction(logits)).collect())
    }

    /// Whether nothing need be drawn for a tile: its gate is closed, and what is left behind closed gates was not fitted.
    fn is_silenced(&self, presence: Option<f32>) -> bool {
        self.calibration.closed.is_none() && presence.is_some_and(|presence| !self.calibration.gate_is_open(presence))
    }

    /// A tile of which nothing was drawn: both the probability and its implied posterior are zero.
    fn silence(&self, side: usize, risk: &[f32], presence: Option<f32>) -> TilePrediction {
        let nothing = vec![0.0; side * side];
        TilePrediction {
            probability: nothing.clone(),
            uncertainty: nothing,
            raw_uncertainty: self.raw_uncertainty(risk),
            presence,
        }
    }

    fn prediction(&self, logits: &TileLogits) -> TilePrediction {
        let (probability, uncertainty) = self.calibration.apply(logits);
        let raw_uncertainty = self.raw_uncertainty(&logits.rus);
        TilePrediction { probability, uncertainty, raw_uncertainty, presence: logits.presence }
    }

    /// The scorer's own map, when it was asked for.
    fn raw_uncertainty(&self, rus: &[f32]) -> Option<Vec<f32>> {
        self.options.raw_uncertainty.then(|| rus.iter().copied().map(sigmoid).collect())
    }

    /// The tiles as the decoder takes them, and their side.
    fn encode_tiles(&self, tiles: &[TileImage]) -> Result<(ImageEncoding<B>, usize), ModelError> {
        let images = self.images(tiles)?;
        let side = images.dims()[2];
        let levels = self.model.vision.forward(images);
        Ok((self.model.decoder.encode_image(levels), side))
    }

    fn encode_prompts(&mut self, prompts: &[String]) -> Result<(), ModelError> {
        let mut encoded = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let ids = if self.options.cut_long_prompts {
                self.tokenizer.encode(prompt)?
            } else {
                self.tokenizer.encode_prompt(prompt)?
            };
            let batch = TokenBatch::from_rows(&[ids], self.tokenizer.max_tokens());
            let (ids, ignored) = batch.to_tensors::<B>(&self.device);
            let features = self.model.text.forward(ids, ignored.clone());
            encoded.push(EncodedPrompt { tokens: self.model.decoder.encode_text(features), ignored });
        }
        self.prompts = encoded;
        Ok(())
    }
}

impl<B: ModelBackend> LogitSource for Network<B> {
    fn ask(&mut self, prompts: &[String]) -> Result<(), ModelError> {
        self.encode_prompts(prompts)
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn config(&self) -> &ModelConfig {
        &self.config
    }

    fn logits(&mut self, tile: &TileImage) -> Result<Vec<TileLogits>, ModelError> {
        let (image, side) = self.encode_tiles(std::slice::from_ref(tile))?;
        let mut answers = Vec::with_capacity(self.prompts.len());
        for prompt in &self.prompts {
            answers.extend(self.draw(self.interact(image.clone(), prompt)?, side)?);
        }
        Ok(answers)
    }
}

impl<B: ModelBackend> TilePredictor for Network<B> {
    fn tile_px(&self) -> usize {
        self.config.tile_px
    }

    fn prompt_count(&self) -> usize {
        self.prompts.len()
    }

    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
        let (image, side) = self.encode_tiles(tiles)?;
        let mut answers: Vec<Vec<TilePrediction>> = tiles.iter().map(|_| Vec::new()).collect();
        for prompt in &self.prompts {
            for (answers, answer) in answers.iter_mut().zip(self.answer(image.clone(), side, prompt)?) {
                answers.push(answer);
            }
        }
        Ok(answers)
    }
}

impl<B: ModelBackend> Segmenter for Network<B> {
    fn ask(&mut self, prompts: &[String]) -> Result<(), ModelError> {
        self.encode_prompts(prompts)
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn nearest_known(&self, prompt: &str) -> Result<Option<Vec<String>>, ModelError> {
        if self.vocabulary.covers(prompt) {
            return Ok(None);
        }
        let categories = self.vocabulary.categories();
        let mut texts = vec![prompt.to_owned()];
        texts.extend(categories.iter().map(|category| category.replace('_', " ")));
        let directions = self.directions(&texts)?;
        let likeness = |other: &[f32]| directions[0].iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
        let mut ranked: Vec<(f32, &String)> =
            directions[1..].iter().map(|other| likeness(other)).zip(&texts[1..]).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        Ok(Some(ranked.into_iter().take(NEAREST).map(|(_, category)| category.clone()).collect()))
    }
}

/// The values of a tensor, read from the device.
fn values<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Result<Vec<f32>, ModelError> {
    let failed = |cause: String| ModelError::Device(cause);
    tensor
        .try_into_data()
        .map_err(|cause| failed(cause.to_string()))?
        .to_vec()
        .map_err(|cause| failed(format!("{cause:?}")))
}
