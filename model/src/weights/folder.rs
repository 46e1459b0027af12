//! The folder a model lives in.

use std::path::{Path, PathBuf};

use super::tensor_file::{Precision, TensorFile, write_file};
use crate::error::ModelError;
use crate::text::PromptTokenizer;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const CARD: &str = "MODEL_CARD.md";

/// Metadata key of the hash of the tokenizer the weights were trained with.
const TOKENIZER_KEY: &str = "tokenizer_blake3";

/// A folder with `config.json`, `model.safetensors`, `tokenizer.json` and `MODEL_CARD.md`.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    path: PathBuf,
}

/// What a model folder is made of.
#[derive(Clone, Copy, Debug)]
pub struct ModelParts<'a> {
    /// Content of `config.json`.
    pub config_json: &'a str,
    /// All weights.
    pub tensors: &'a TensorFile,
    /// How they are stored.
    pub precision: Precision,
    /// Content of `tokenizer.json`.
    pub tokenizer_json: &'a [u8],
    /// Content of `MODEL_CARD.md`.
    pub card: &'a str,
}

impl ModelFolder {
    /// The folder, once it is known to hold what a prediction needs.
    ///
    /// # Errors
    /// [`ModelError::ModelFolder`] when the folder or one of its files is missing.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let folder = Self { path: path.to_path_buf() };
        if !path.is_dir() {
            return Err(folder.refuse("is not there: name a model folder with --model".to_owned()));
        }
        for name in [CONFIG, WEIGHTS, TOKENIZER] {
            if !path.join(name).is_file() {
                return Err(folder.refuse(format!("{name} is missing: copy the whole folder")));
            }
        }
        Ok(folder)
    }

    /// Writes a model folder; each file appears complete, the configuration last.
    ///
    /// # Errors
    /// A value that cannot be stored, or a file that cannot be written.
    pub fn write(path: &Path, parts: &ModelParts<'_>) -> Result<Self, ModelError> {
        std::fs::create_dir_all(path).map_err(|source| ModelError::Io {
            action: "create",
            path: path.to_path_buf(),
            source,
        })?;
        let mut tensors = parts.tensors.clone();
        let hash = blake3::hash(parts.tokenizer_json).to_hex().to_string();
        tensors.metadata.insert(TOKENIZER_KEY.to_owned(), hash);
        tensors.write(&path.join(WEIGHTS), parts.precision)?;
        write_file(&path.join(TOKENIZER), parts.tokenizer_json)?;
        write_file(&path.join(CARD), parts.card.as_bytes())?;
        write_file(&path.join(CONFIG), parts.config_json.as_bytes())?;
        Self::open(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Content of `config.json`.
    ///
    /// # Errors
    /// [`ModelError::ModelFolder`] when it cannot be read.
    pub fn config_json(&self) -> Result<String, ModelError> {
        String::from_utf8(self.file(CONFIG)?).map_err(|_| self.refuse(format!("{CONFIG} is not UTF-8 text")))
    }

    /// All weights, checked against their hash.
    ///
    /// # Errors
    /// [`ModelError::ModelFolder`] when they are damaged, or when the tokenizer beside them is not theirs.
    pub fn tensors(&self) -> Result<TensorFile, ModelError> {
        let mut file = TensorFile::from_bytes(&self.file(WEIGHTS)?)
            .map_err(|reason| self.refuse(format!("{WEIGHTS} {reason}")))?;
        if let Some(expected) = file.metadata.remove(TOKENIZER_KEY) {
            let found = blake3::hash(&self.file(TOKENIZER)?).to_hex().to_string();
            if found != expected {
                return Err(self.refuse(format!(
                    "{TOKENIZER} is not the one that {WEIGHTS} was trained with: copy the whole folder"
                )));
            }
        }
        Ok(file)
    }

    /// The tokenizer, reading at most `max_tokens` tokens of a phrase.
    ///
    /// # Errors
    /// [`ModelError::ModelFolder`] when it is damaged.
    pub fn tokenizer(&self, max_tokens: usize) -> Result<PromptTokenizer, ModelError> {
        PromptTokenizer::from_bytes(&self.file(TOKENIZER)?, max_tokens)
            .map_err(|reason| self.refuse(format!("{TOKENIZER} {reason}")))
    }

    /// Hash over everything a prediction depends on: configuration, weights, tokenizer. The card may be reworded.
    ///
    /// # Errors
    /// [`ModelError::ModelFolder`] when a file cannot be read.
    pub fn hash(&self) -> Result<String, ModelError> {
        let mut hasher = blake3::Hasher::new();
        for name in [CONFIG, WEIGHTS, TOKENIZER] {
            let bytes = self.file(name)?;
            hasher.update(format!("{name} {}\n", bytes.len()).as_bytes());
            hasher.update(&bytes);
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, ModelError> {
        std::fs::read(self.path.join(name)).map_err(|cause| self.refuse(format!("{name} cannot be read: {cause}")))
    }

    fn refuse(&self, reason: String) -> ModelError {
        ModelError::ModelFolder { folder: self.path.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::weights::StoredTensor;

    fn written(at: &Path) -> ModelFolder {
        let tensors = TensorFile {
            tensors: BTreeMap::from([("w".to_owned(), StoredTensor::new(vec![2], vec![0.5, 1.5]))]),
            metadata: BTreeMap::new(),
        };
        let parts = ModelParts {
            config_json: "{}",
            tensors: &tensors,
            precision: Precision::Compact,
            tokenizer_json: b"words",
            card: "# A model",
        };
        ModelFolder::write(at, &parts).unwrap()
    }

    #[test]
    fn a_folder_comes_back_and_its_hash_ignores_the_card_only() {
        let temporary = tempfile::tempdir().unwrap();
        let at = temporary.path().join("models/small");
        let folder = written(&at);
        assert_eq!(folder.tensors().unwrap().tensors["w"].values, [0.5, 1.5]);
        let hash = folder.hash().unwrap();
        std::fs::write(at.join("MODEL_CARD.md"), "# Other words").unwrap();
        assert_eq!(folder.hash().unwrap(), hash);
        std::fs::write(at.join("config.json"), "{ }").unwrap();
        assert_ne!(folder.hash().unwrap(), hash);
        // Nothing else is left in the folder.
        assert_eq!(std::fs::read_dir(&at).unwrap().count(), 4);
    }

    #[test]
    fn a_swapped_tokenizer_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = written(temporary.path());
        std::fs::write(temporary.path().join("tokenizer.json"), "other words").unwrap();
        let refused = folder.tensors().unwrap_err().to_string();
        assert!(refused.contains("tokenizer.json is not the one"), "{refused}");
    }

    #[test]
    fn a_flipped_byte_and_a_cut_file_are_refused_with_the_reason() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = written(temporary.path());
        let path = temporary.path().join("model.safetensors");
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        let last = flipped.len() - 1;
        flipped[last] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        let refused = folder.tensors().unwrap_err().to_string();
        assert!(refused.contains("model.safetensors its tensors are not those that were written"), "{refused}");
        std::fs::write(&path, &whole[..last]).unwrap();
        let refused = folder.tensors().unwrap_err().to_string();
        assert!(refused.contains("model.safetensors is cut short"), "{refused}");
    }

    #[test]
    fn a_folder_that_lacks_a_file_is_refused_by_the_file() {
        let temporary = tempfile::tempdir().unwrap();
        written(temporary.path());
        std::fs::remove_file(temporary.path().join("model.safetensors")).unwrap();
        let refused = ModelFolder::open(temporary.path()).unwrap_err().to_string();
        assert!(refused.contains("model.safetensors is missing"), "{refused}");
        assert!(ModelFolder::open(Path::new("/nowhere/at/all")).is_err());
    }
}
