//! Tensors as they lie in a file of any maker, before anything is asked of them.

use std::collections::BTreeMap;
use std::path::Path;

use half::{bf16, f16};

use super::tensor_file::{self, StoredTensor};
use super::torch_file;
use crate::error::ModelError;

/// A tensor as it lies in a file, brought into row order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RawTensor {
    /// Type of its values as people call it: `f32`, `i64`.
    pub(super) dtype: &'static str,
    pub(super) shape: Vec<usize>,
    /// Its values, little-endian, the last dimension fastest.
    pub(super) bytes: Vec<u8>,
    /// Its values, where they are numbers with a fraction; not checked to be finite.
    pub(super) values: Option<Vec<f32>>,
}

/// What a file of tensors says of its own soundness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    /// The file carries one and it is right.
    Right,
    /// The file carries one and it is wrong.
    Wrong,
    /// The file carries none.
    Absent,
}

/// All tensors of a file.
#[derive(Debug)]
pub(super) struct RawFile {
    /// How it is written: "safetensors", "PyTorch zip", "PyTorch, old layout".
    pub(super) format: &'static str,
    pub(super) tensors: BTreeMap<String, RawTensor>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) checksum: Checksum,
}

impl RawFile {
    /// The tensors of a `.safetensors` file, or else of a PyTorch file.
    ///
    /// # Errors
    /// [`ModelError::Io`] when it cannot be read; [`ModelError::Config`] when it is cut short or no such file.
    pub(super) fn read(path: &Path) -> Result<Self, ModelError> {
        let io = |source| ModelError::Io { action: "read", path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(io)?.is_dir() {
            let reason = "is a folder that is no model folder: name a file in it".to_owned();
            return Err(ModelError::Config { path: path.to_owned(), reason });
        }
        let safetensors = path.extension().is_some_and(|extension| extension == "safetensors");
        let file = if safetensors {
            tensor_file::read_raw(&std::fs::read(path).map_err(io)?)
        } else {
            torch_file::read_raw(path)
        };
        file.map_err(|reason| ModelError::Config { path: path.to_owned(), reason })
    }

    /// The tensors with a fraction, under the names that follow `prefix`; all of them finite.
    ///
    /// # Errors
    /// A value that is not finite, by its tensor and place; the reason alone.
    pub(super) fn into_finite(self, prefix: &str) -> Result<BTreeMap<String, StoredTensor>, String> {
        if self.checksum == Checksum::Wrong {
            return Err(tensor_file::WRONG_HASH.to_owned());
        }
        let mut tensors = BTreeMap::new();
        for (name, tensor) in self.tensors {
            let (Some(rest), Some(values)) = (name.strip_prefix(prefix), tensor.values) else { continue };
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(format!("tensor {name} has the value {} at {at}", values[at]));
            }
            tensors.insert(rest.to_owned(), StoredTensor::new(tensor.shape, values));
        }
        Ok(tensors)
    }
}

impl RawTensor {
    /// Blake3 of type, shape and values, shortened: the same for the same tensor in another kind of file.
    pub(super) fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{} {:?}\n", self.dtype, self.shape).as_bytes());
        hasher.update(&self.bytes);
        hasher.finalize().to_hex()[..12].to_owned()
    }
}

/// Values of little-endian bytes of a type with a fraction; none for other types.
pub(super) fn floats(dtype: &str, bytes: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        "f64" => chunks(bytes).map(|raw| f64::from_le_bytes(raw) as f32).collect(),
        "f32" => chunks(bytes).map(f32::from_le_bytes).collect(),
        "f16" => chunks(bytes).map(|raw| f16::from_le_bytes(raw).to_f32()).collect(),
        "bf16" => chunks(bytes).map(|raw| bf16::from_le_bytes(raw).to_f32()).collect(),
        _ => return None,
    })
}

/// Little-endian scalars of `N` bytes.
pub(super) fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.as_chunks::<N>().0.iter().copied()
}
