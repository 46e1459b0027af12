//! WordPiece tokens of a prompt, cut as the published protocol cuts them.

use std::path::Path;

use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Int, Tensor, TensorData};
use tokenizers::Tokenizer;

use super::phrase::{check_prompt, refuse};
use crate::error::ModelError;

/// BERT's padding token.
const PADDING_ID: u32 = 0;

/// Splits prompts into the tokens of a BERT vocabulary.
pub struct PromptTokenizer {
    tokenizer: Tokenizer,
    max_tokens: usize,
    unknown_id: Option<u32>,
}

/// Token ids of several phrases, padded to one length.
///
/// # Shapes
/// `ids` and `padding`: `[phrase, token]`, row by row; padding is true where a token is to be ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBatch {
    /// Token ids, 0 where padded.
    pub ids: Vec<u32>,
    /// True where a token is padding.
    pub padding: Vec<bool>,
    /// Number of phrases.
    pub phrases: usize,
    /// Tokens per phrase.
    pub tokens: usize,
}

impl PromptTokenizer {
    /// A tokenizer from a `tokenizer.json`, reading at most `max_tokens` tokens of a phrase, the two special ones
    /// included.
    ///
    /// Truncation and padding that the file asks for are switched off: they differ from the published protocol.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a file that is missing or not a tokenizer.
    pub fn from_file(path: &Path, max_tokens: usize) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path).map_err(|source| ModelError::Io {
            action: "read",
            path: path.to_path_buf(),
            source,
        })?;
        Self::from_bytes(&bytes, max_tokens).map_err(|reason| ModelError::Config { path: path.to_path_buf(), reason })
    }

    /// The same from the file's content; the error is the reason alone.
    pub(crate) fn from_bytes(bytes: &[u8], max_tokens: usize) -> Result<Self, String> {
        let mut tokenizer = Tokenizer::from_bytes(bytes)
            .map_err(|cause| format!("is not a tokenizer this program can read: {cause}"))?;
        tokenizer.with_truncation(None).map_err(|cause| format!("cannot switch off truncation: {cause}"))?;
        tokenizer.with_padding(None);
        let unknown_id = tokenizer.token_to_id("[UNK]");
        Ok(Self { tokenizer, max_tokens, unknown_id })
    }

    /// Most tokens read of a phrase, the two special ones included.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Entries of the vocabulary; a model with another number of word embeddings does not belong to this tokenizer.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// All token ids of a phrase, lower-cased, the special tokens included, before any cutting.
    ///
    /// # Errors
    /// [`ModelError::Prompt`] when the tokenizer fails.
    pub fn token_ids(&self, phrase: &str) -> Result<Vec<u32>, ModelError> {
        let encoding = self
            .tokenizer
            .encode(phrase, true)
            .map_err(|cause| refuse(phrase, &format!("cannot be split into tokens: {cause}")))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Token ids of a phrase as training and evaluation see them: a hard slice to the first `max_tokens` ids, so that
    /// a phrase too long loses its closing special token, too. That is what the published protocol does.
    ///
    /// # Errors
    /// [`ModelError::Prompt`] when the tokenizer fails.
    pub fn encode(&self, phrase: &str) -> Result<Vec<u32>, ModelError> {
        let mut ids = self.token_ids(phrase)?;
        ids.truncate(self.max_tokens);
        Ok(ids)
    }

    /// Token ids of a prompt that a user wrote: checked, and refused rather than cut.
    ///
    /// # Errors
    /// [`ModelError::Prompt`] as [`check_prompt`], and for more tokens than the model reads, and for a prompt of which
    /// the vocabulary knows no word.
    pub fn encode_prompt(&self, prompt: &str) -> Result<Vec<u32>, ModelError> {
        let trimmed = check_prompt(prompt)?;
        let ids = self.token_ids(&trimmed)?;
        if ids.len() > self.max_tokens {
            return Err(refuse(
                prompt,
                &format!("has {} tokens and the model reads {}: shorten it", ids.len(), self.max_tokens),
            ));
        }
        let words = ids.get(1..ids.len().saturating_sub(1)).unwrap_or_default();
        if words.is_empty() || words.iter().all(|id| Some(*id) == self.unknown_id) {
            return Err(refuse(prompt, "has no word that the model knows: write it in English"));
        }
        Ok(ids)
    }

    /// Phrases side by side, each cut by [`Self::encode`] and padded to `max_tokens`.
    ///
    /// # Errors
    /// [`ModelError::Prompt`] when the tokenizer fails.
    pub fn encode_batch<S: AsRef<str>>(&self, phrases: &[S]) -> Result<TokenBatch, ModelError> {
        let rows = phrases.iter().map(|phrase| self.encode(phrase.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(TokenBatch::from_rows(&rows, self.max_tokens))
    }
}

impl TokenBatch {
    /// Rows of ids, padded to `tokens`.
    ///
    /// # Panics
    /// A row longer than `tokens`.
    #[must_use]
    pub fn from_rows(rows: &[Vec<u32>], tokens: usize) -> Self {
        let mut ids = Vec::with_capacity(rows.len() * tokens);
        let mut padding = Vec::with_capacity(rows.len() * tokens);
        for row in rows {
            assert!(row.len() <= tokens, "a row of {} tokens is longer than {tokens}", row.len());
            let padded = tokens - row.len();
            ids.extend_from_slice(row);
            ids.extend(std::iter::repeat_n(PADDING_ID, padded));
            padding.extend(std::iter::repeat_n(false, row.len()));
            padding.extend(std::iter::repeat_n(true, padded));
        }
        Self { ids, padding, phrases: rows.len(), tokens }
    }

    /// The ids and the padding mask as [`super::Bert::forward`] takes them.
    ///
    /// # Shapes
    /// Both `[phrase, token]`.
    pub fn to_tensors<B: Backend>(&self, device: &B::Device) -> (Tensor<B, 2, Int>, Tensor<B, 2, Bool>) {
        let shape = [self.phrases, self.tokens];
        let ids: Vec<i32> = self.ids.iter().map(|id| id.cast_signed()).collect();
        (
            Tensor::from_data(TensorData::new(ids, shape), device),
            Tensor::from_data(TensorData::new(self.padding.clone(), shape), device),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vocabulary of ten entries: `[PAD] [UNK] [CLS] [SEP] the red ship ##s left tank`.
    fn tiny(max_tokens: usize) -> PromptTokenizer {
        let json = r#"{
            "version": "1.0",
            "truncation": {"max_length": 128, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
            "padding": {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": null,
                "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
            "added_tokens": [],
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
            "decoder": null,
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "\u0023\u0023",
                "max_input_chars_per_word": 100, "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3,
                "the": 4, "red": 5, "ship": 6, "\u0023\u0023s": 7, "left": 8, "tank": 9}}
        }"#;
        PromptTokenizer::from_bytes(json.as_bytes(), max_tokens).unwrap()
    }

    #[test]
    fn capitals_and_plurals_become_the_words_of_the_vocabulary() {
        assert_eq!(tiny(20).token_ids("The RED ships").unwrap(), [2, 4, 5, 6, 7, 3]);
    }

    #[test]
    fn the_hard_slice_loses_the_closing_token() {
        assert_eq!(tiny(4).encode("the red ships").unwrap(), [2, 4, 5, 6]);
    }

    #[test]
    fn a_batch_is_padded_and_says_where() {
        let batch = tiny(5).encode_batch(&["tank", "the left tank"]).unwrap();
        assert_eq!(batch.ids, [2, 9, 3, 0, 0, 2, 4, 8, 9, 3]);
        let padded: Vec<usize> = (0..10).filter(|at| batch.padding[*at]).collect();
        assert_eq!(padded, [3, 4]);
    }

    #[test]
    fn a_prompt_too_long_is_refused_and_not_cut() {
        let refused = tiny(5).encode_prompt("the red ships").unwrap_err().to_string();
        assert!(refused.contains("has 6 tokens and the model reads 5"), "{refused}");
        assert!(tiny(6).encode_prompt("the red ships").is_ok());
    }

    #[test]
    fn a_prompt_of_unknown_words_is_refused() {
        let refused = tiny(20).encode_prompt("zyx wvu").unwrap_err().to_string();
        assert!(refused.contains("no word that the model knows"), "{refused}");
        assert!(tiny(20).encode_prompt("zyx ship").is_ok());
    }

    #[test]
    fn the_shipped_vocabulary_gives_the_ids_of_transformers_cut_to_twenty() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/models/small/tokenizer.json");
        let tokenizer = PromptTokenizer::from_file(&shipped, 20).unwrap();
        // `tests/parity/evaluation.py` printed how many ids transformers' BertTokenizer gives, and the first twenty.
        for (phrase, all, ids) in [
            ("the storage tanks", 5, &[101, 1996, 5527, 7286, 102][..]),
            (
                "The grey, rectangular warehouse on the left side of the roundabout which is closest to the airport's \
                 second runway",
                24,
                &[
                    101, 1996, 4462, 1010, 10806, 9746, 2006, 1996, 2187, 2217, 1997, 1996, 22831, 2029, 2003, 7541,
                    2000, 1996, 3199, 1005,
                ],
            ),
            (
                "a tennis-court located to the upper right of the swimming pool at the caf\u{e9}",
                18,
                &[
                    101, 1037, 5093, 1011, 2457, 2284, 2000, 1996, 3356, 2157, 1997, 1996, 5742, 4770, 2012, 1996,
                    7668, 102,
                ],
            ),
        ] {
            assert_eq!(tokenizer.token_ids(phrase).unwrap().len(), all, "{phrase}");
            assert_eq!(tokenizer.encode(phrase).unwrap(), ids, "{phrase}");
        }
    }
}
