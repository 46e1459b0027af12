//! Phrases as the step takes them: features of a frozen text tower, computed once each, or tokens for a trained one.

use std::collections::HashMap;

use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Int, Tensor, TensorData};

use crate::error::ModelError;
use crate::ops::ModelBackend;
use crate::text::{Bert, PromptTokenizer, TokenBatch};

/// Phrases kept; beyond this the cache starts anew (about 1.5 GB at 20 tokens of 384).
const CAPACITY: usize = 50_000;

/// Phrases on their way into the decoder.
#[derive(Clone)]
pub(crate) enum Language<B: Backend> {
    /// `[phrase, token, channel]` from a frozen text tower.
    Features(Tensor<B, 3>),
    /// `[phrase, token]` for a text tower that is trained, so that nothing can be kept from step to step.
    Tokens(Tensor<B, 2, Int>),
}

/// Reads phrases; with a frozen text tower it remembers what it has read.
pub(crate) struct PhraseReader<B: Backend> {
    frozen: Option<Bert<B>>,
    tokenizer: PromptTokenizer,
    device: B::Device,
    known: HashMap<String, (Vec<f32>, Vec<bool>)>,
}

impl<B: ModelBackend> PhraseReader<B> {
    /// A reader; `frozen` is the text tower unless it is trained.
    pub(crate) fn new(frozen: Option<Bert<B>>, tokenizer: PromptTokenizer, device: B::Device) -> Self {
        Self { frozen, tokenizer, device, known: HashMap::new() }
    }

    /// The phrases, and which of their tokens are padding.
    pub(crate) fn read(&mut self, phrases: &[&str]) -> Result<(Language<B>, Tensor<B, 2, Bool>), ModelError> {
        match self.frozen.clone() {
            Some(tower) => {
                let (features, padding) = self.features(&tower, phrases)?;
                Ok((Language::Features(features), padding))
            }
            None => {
                let (ids, padding) = self.tokenizer.encode_batch(phrases)?.to_tensors::<B>(&self.device);
                Ok((Language::Tokens(ids), padding))
            }
        }
    }

    /// Token features and padding of `phrases`.
    ///
    /// # Shapes
    /// `[phrase, token, channel]` and `[phrase, token]`
    fn features(
        &mut self,
        tower: &Bert<B>,
        phrases: &[&str],
    ) -> Result<(Tensor<B, 3>, Tensor<B, 2, Bool>), ModelError> {
        self.learn(tower, phrases)?;
        let tokens = self.tokenizer.max_tokens();
        let (mut features, mut padding) = (Vec::new(), Vec::new());
        for &phrase in phrases {
            let (values, padded) = &self.known[phrase];
            features.extend_from_slice(values);
            padding.extend_from_slice(padded);
        }
        let width = features.len() / (phrases.len() * tokens);
        Ok((
            Tensor::from_data(TensorData::new(features, [phrases.len(), tokens, width]), &self.device),
            Tensor::from_data(TensorData::new(padding, [phrases.len(), tokens]), &self.device),
        ))
    }

    /// Runs the tower on the phrases it has not read yet.
    fn learn(&mut self, tower: &Bert<B>, phrases: &[&str]) -> Result<(), ModelError> {
        if self.known.len() > CAPACITY {
            self.known.clear();
        }
        let mut fresh: Vec<&str> = phrases.iter().copied().filter(|phrase| !self.known.contains_key(*phrase)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        if fresh.is_empty() {
            return Ok(());
        }
        let batch = self.tokenizer.encode_batch(&fresh)?;
        let TokenBatch { tokens, ref padding, .. } = batch;
        let (ids, ignored) = batch.to_tensors::<B>(&self.device);
        let features: Vec<f32> =
            tower.forward(ids, ignored).into_data().to_vec().map_err(|cause| ModelError::Device(cause.to_string()))?;
        let per_phrase = features.len() / fresh.len();
        for (i, phrase) in fresh.into_iter().enumerate() {
            let values = features[i * per_phrase..(i + 1) * per_phrase].to_vec();
            let padded = padding[i * tokens..(i + 1) * tokens].to_vec();
            self.known.insert(phrase.to_owned(), (values, padded));
        }
        Ok(())
    }
}
