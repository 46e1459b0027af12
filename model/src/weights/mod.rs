//! Weights on disk: safetensors in, safetensors out, strict about every tensor.
//!
//! A model folder is `config.json`, `model.safetensors`, `tokenizer.json` and `MODEL_CARD.md`. Tensors are named after
//! the fields of the modules (`vision.stem.weight`) and lie in the layout the modules hold them in. A file carries a
//! hash of its tensors, so that a flipped bit is found before it becomes a strange picture.

pub mod convert;
pub mod folder;
pub mod key_map;
pub mod module_io;
pub mod report;
pub mod tensor_file;
mod torch_file;

pub use convert::{PretrainedSources, convert_pretrained, convert_text, convert_vision};
pub use folder::{ModelFolder, ModelParts};
pub(crate) use module_io::NameStack;
pub use module_io::{load_into, tensors_of};
pub use report::{LoadReport, Misshapen};
pub use tensor_file::{Precision, StoredTensor, TensorFile};
