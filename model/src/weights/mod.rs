//! Weights on disk: safetensors in, safetensors out, strict about every tensor.
//!
//! A model folder is `config.json`, `model.safetensors`, `tokenizer.json` and `MODEL_CARD.md`. Tensors are named after
//! the fields of the modules (`vision.stem.weight`) and lie in the layout the modules hold them in. A file carries a
//! hash of its tensors, so that a flipped bit is found before it becomes a strange picture.

pub mod convert;
mod dialect;
pub mod folder;
pub mod inspect;
mod inspect_table;
pub mod key_map;
pub mod module_io;
mod raw;
pub mod report;
mod suggest;
pub mod tensor_file;
mod torch_file;
mod towers;

pub use convert::{PretrainedSources, convert_pretrained, convert_text, convert_vision};
pub use folder::{ModelFolder, ModelParts};
pub use inspect::{FitReport, FitTarget, TensorFacts, WeightsReport, inspect};
pub(crate) use module_io::NameStack;
pub use module_io::{load_into, shapes_of, tensors_of};
pub use raw::Checksum;
pub use report::{LoadReport, Misshapen};
pub use suggest::Suggestion;
pub use tensor_file::{Precision, StoredTensor, TensorFile};

/// Whether a tensor of a CroBIM-U belongs to its place prior, the one module that a model may gain after its first training.
#[must_use]
pub fn is_of_place_prior(name: &str) -> bool {
    name.starts_with("decoder.place_prior.")
}
