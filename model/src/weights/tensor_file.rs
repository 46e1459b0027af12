//! Named tensors and the safetensors file that holds them.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};

use super::raw::{Checksum, RawFile, RawTensor, chunks, floats};
use crate::error::ModelError;

/// Metadata key of the hash over all tensors.
const HASH_KEY: &str = "blake3";
/// The one key that our metadata lie under, as JSON: the format keeps its keys in no order, and equal weights shall
/// give equal files.
const OWN_KEY: &str = "geophrase";
/// What is said of a file whose tensors are not those that its hash is of.
pub(super) const WRONG_HASH: &str = "its tensors are not those that were written: fetch it again";
/// Suffix of the tensor that holds one scale per row of an int8 tensor.
const SCALE_SUFFIX: &str = ".scale";
/// Largest magnitude of a stored int8.
const INT8_MAX: f32 = 127.0;

/// A tensor in memory, always f32.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, the last dimension fastest; all finite.
    pub values: Vec<f32>,
}

/// How floats are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As f32: what a checkpoint keeps.
    Exact,
    /// As f16, and as int8 with one scale per row for tensors whose name ends in `word.weight`: what is shipped.
    Compact,
}

/// The tensors of one safetensors file, by name, and its free text metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    /// Tensors by name.
    pub tensors: BTreeMap<String, StoredTensor>,
    /// Text beside the tensors; the hash is added when writing and removed when reading.
    pub metadata: BTreeMap<String, String>,
}

/// A tensor as its bytes lie in the file.
struct Encoded {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl StoredTensor {
    /// A tensor of these values.
    ///
    /// # Panics
    /// A shape that does not hold as many values.
    #[must_use]
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "shape {shape:?} does not fit");
        Self { shape, values }
    }
}

impl TensorFile {
    /// The tensors of a file.
    ///
    /// # Errors
    /// [`ModelError::Io`] when it cannot be read; [`ModelError::Config`] when it is cut short, damaged, no safetensors
    /// file, or has a value that is not finite.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path).map_err(|source| ModelError::Io {
            action: "read",
            path: path.to_path_buf(),
            source,
        })?;
        Self::from_bytes(&bytes).map_err(|reason| ModelError::Config { path: path.to_path_buf(), reason })
    }

    /// The same from the file's content; the error is the reason alone.
    ///
    /// # Errors
    /// What is wrong with the content, and what to do.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut file = read_raw(bytes)?;
        let metadata = std::mem::take(&mut file.metadata);
        Ok(Self { tensors: file.into_finite("")?, metadata })
    }

    /// Writes the file under a temporary name and renames it, so that it is complete or absent.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a value that is not finite or too large for the precision; [`ModelError::Io`] when
    /// the file cannot be written.
    pub fn write(&self, path: &Path, precision: Precision) -> Result<(), ModelError> {
        let bytes =
            self.to_bytes(precision).map_err(|reason| ModelError::Config { path: path.to_path_buf(), reason })?;
        write_file(path, &bytes)
    }

    /// The content of the file; the error is the reason alone.
    ///
    /// # Errors
    /// A value that is not finite or too large for the precision.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>, String> {
        let mut encoded = BTreeMap::new();
        for (name, tensor) in &self.tensors {
            encode(name, tensor, precision, &mut encoded)?;
        }
        let parts = encoded.iter().map(|(name, part)| (name.as_str(), part.shape.as_slice(), part.bytes.as_slice()));
        let mut metadata = self.metadata.clone();
        metadata.insert(HASH_KEY.to_owned(), hash(parts));
        let own = serde_json::to_string(&metadata).map_err(|cause| cause.to_string())?;
        let metadata = HashMap::from([(OWN_KEY.to_owned(), own)]);
        let views = encoded
            .iter()
            .map(|(name, part)| TensorView::new(part.dtype, part.shape.clone(), &part.bytes).map(|view| (name, view)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|cause| cause.to_string())?;
        safetensors::serialize(views, Some(metadata)).map_err(|cause| cause.to_string())
    }

    /// The tensors whose name starts with `prefix`, under the rest of their names.
    #[must_use]
    pub fn under(&self, prefix: &str) -> BTreeMap<String, StoredTensor> {
        self.tensors
            .iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone())))
            .collect()
    }

    /// Adds tensors under a prefix.
    pub fn insert_under(&mut self, prefix: &str, tensors: BTreeMap<String, StoredTensor>) {
        self.tensors.extend(tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
    }
}

/// Writes a file under a temporary name, syncs and renames it.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let io = |action| move |source| ModelError::Io { action, path: path.to_path_buf(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let written = std::fs::File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        // The write has failed already; a left-over that cannot be removed either changes nothing.
        let _ = std::fs::remove_file(&partial);
    }
    written.map_err(io("write"))
}

/// Blake3 over names, shapes and bytes, in the order of the names.
fn hash<'a>(parts: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, shape, bytes) in parts {
        hasher.update(format!("{name} {shape:?} {}\n", bytes.len()).as_bytes());
        hasher.update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}

fn damage(cause: &SafeTensorError) -> String {
    match cause {
        SafeTensorError::HeaderTooSmall
        | SafeTensorError::InvalidHeaderLength
        | SafeTensorError::MetadataIncompleteBuffer => "is cut short or has bytes too many: fetch it again".to_owned(),
        other => format!("is not a safetensors file: {other}"),
    }
}

/// All tensors of a safetensors file as they lie there; the hash is checked and taken out of the metadata.
pub(super) fn read_raw(bytes: &[u8]) -> Result<RawFile, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|cause| damage(&cause))?;
    let file = SafeTensors::deserialize(bytes).map_err(|cause| damage(&cause))?;
    let mut metadata: BTreeMap<String, String> = header.metadata().clone().unwrap_or_default().into_iter().collect();
    if let Some(own) = metadata.remove(OWN_KEY) {
        let own: BTreeMap<String, String> =
            serde_json::from_str(&own).map_err(|cause| format!("has damaged metadata: {cause}"))?;
        metadata.extend(own);
    }
    let views: BTreeMap<String, TensorView<'_>> = file.tensors().into_iter().collect();
    let checksum = match metadata.remove(HASH_KEY) {
        None => Checksum::Absent,
        Some(expected) => {
            let parts = views.iter().map(|(name, view)| (name.as_str(), view.shape(), view.data()));
            if hash(parts) == expected { Checksum::Right } else { Checksum::Wrong }
        }
    };
    let mut tensors = BTreeMap::new();
    for (name, view) in &views {
        let is_scale = name
            .strip_suffix(SCALE_SUFFIX)
            .and_then(|owner| views.get(owner))
            .is_some_and(|owner| owner.dtype() == Dtype::I8);
        if is_scale {
            continue;
        }
        let dtype = dtype_name(view.dtype());
        // Buffers such as counters and position numbers carry no weights.
        let values = if view.dtype() == Dtype::I8 { scaled(name, view, &views)? } else { floats(dtype, view.data()) };
        let tensor = RawTensor { dtype, shape: view.shape().to_vec(), bytes: view.data().to_vec(), values };
        tensors.insert(name.clone(), tensor);
    }
    Ok(RawFile { format: "safetensors", tensors, metadata, checksum })
}

fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F64 => "f64",
        Dtype::F32 => "f32",
        Dtype::F16 => "f16",
        Dtype::BF16 => "bf16",
        Dtype::I64 => "i64",
        Dtype::I32 => "i32",
        Dtype::I16 => "i16",
        Dtype::I8 => "i8",
        Dtype::U64 => "u64",
        Dtype::U32 => "u32",
        Dtype::U16 => "u16",
        Dtype::U8 => "u8",
        Dtype::BOOL => "bool",
        _ => "other",
    }
}

/// Values of an int8 tensor with one scale per row.
fn scaled(
    name: &str,
    view: &TensorView<'_>,
    views: &BTreeMap<String, TensorView<'_>>,
) -> Result<Option<Vec<f32>>, String> {
    let bytes = view.data();
    let scale_name = format!("{name}{SCALE_SUFFIX}");
    let scales = views
        .get(&scale_name)
        .filter(|scale| scale.dtype() == Dtype::F32)
        .ok_or_else(|| format!("tensor {name} is int8 and {scale_name} is missing"))?;
    let rows = view.shape().first().copied().unwrap_or_default();
    if scales.shape() != [rows] || rows == 0 {
        return Err(format!("tensor {scale_name} does not have one value per row of {name}"));
    }
    let values = chunks(scales.data())
        .map(f32::from_le_bytes)
        .zip(bytes.chunks_exact((bytes.len() / rows).max(1)))
        .flat_map(|(scale, row)| row.iter().map(move |raw| f32::from(raw.cast_signed()) * scale))
        .collect();
    Ok(Some(values))
}

fn encode(
    name: &str,
    tensor: &StoredTensor,
    precision: Precision,
    encoded: &mut BTreeMap<String, Encoded>,
) -> Result<(), String> {
    if let Some(at) = tensor.values.iter().position(|value| !value.is_finite()) {
        return Err(format!("tensor {name} has the value {} at {at}", tensor.values[at]));
    }
    let shape = tensor.shape.clone();
    let (dtype, bytes) = match precision {
        Precision::Exact => (Dtype::F32, tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Precision::Compact if name.ends_with("word.weight") && shape.len() == 2 => {
            let (scales, bytes) = to_int8(&tensor.values, shape[1]);
            let scale = Encoded {
                dtype: Dtype::F32,
                shape: vec![scales.len()],
                bytes: scales.iter().flat_map(|value| value.to_le_bytes()).collect(),
            };
            encoded.insert(format!("{name}{SCALE_SUFFIX}"), scale);
            (Dtype::I8, bytes)
        }
        Precision::Compact => {
            let halves: Vec<f16> = tensor.values.iter().map(|value| f16::from_f32(*value)).collect();
            if let Some(at) = halves.iter().position(|value| !value.is_finite()) {
                return Err(format!("tensor {name} has {} at {at}, too large for f16", tensor.values[at]));
            }
            (Dtype::F16, halves.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
    };
    encoded.insert(name.to_owned(), Encoded { dtype, shape, bytes });
    Ok(())
}

/// Each row as multiples of a 127th of its largest magnitude.
fn to_int8(values: &[f32], columns: usize) -> (Vec<f32>, Vec<u8>) {
    let mut scales = Vec::new();
    let mut bytes = Vec::with_capacity(values.len());
    for row in values.chunks_exact(columns.max(1)) {
        let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let scale = if largest > 0.0 { largest / INT8_MAX } else { 1.0 };
        scales.push(scale);
        bytes.extend(row.iter().map(|value| ((value / scale).round() as i8).cast_unsigned()));
    }
    (scales, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TensorFile {
        let tensors = BTreeMap::from([
            ("a.weight".to_owned(), StoredTensor::new(vec![2, 2], vec![1.0, -0.5, 0.25, 3.0])),
            ("text.word.weight".to_owned(), StoredTensor::new(vec![2, 2], vec![127.0, -63.4, 0.0, 0.0])),
        ]);
        TensorFile { tensors, metadata: BTreeMap::from([("note".to_owned(), "kept".to_owned())]) }
    }

    #[test]
    fn exact_files_come_back_as_they_were_and_are_the_same_each_time() {
        let bytes = sample().to_bytes(Precision::Exact).unwrap();
        assert_eq!(TensorFile::from_bytes(&bytes).unwrap(), sample());
        // Several entries of metadata, so that an order by chance would show.
        let mut noted = sample();
        noted.metadata.extend((0..8).map(|index| (format!("note{index}"), String::new())));
        let first = noted.to_bytes(Precision::Exact).unwrap();
        assert!((0..20).all(|_| noted.to_bytes(Precision::Exact).unwrap() == first), "equal weights, unequal files");
    }

    #[test]
    fn compact_word_embeddings_are_whole_steps_of_their_row() {
        let bytes = sample().to_bytes(Precision::Compact).unwrap();
        let file = TensorFile::from_bytes(&bytes).unwrap();
        // Row 0: the largest is 127, so the step is 1 and -63.4 becomes -63. Row 1 is all zero.
        assert_eq!(file.tensors["text.word.weight"].values, [127.0, -63.0, 0.0, 0.0]);
        // Halves, quarters and small whole numbers are exact in f16.
        assert_eq!(file.tensors["a.weight"], sample().tensors["a.weight"]);
        assert_eq!(file.tensors.len(), 2, "the scales are no tensors of their own");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let bytes = sample().to_bytes(Precision::Compact).unwrap();
        for length in 0..bytes.len() {
            assert!(TensorFile::from_bytes(&bytes[..length]).is_err(), "{length} bytes were taken for all");
        }
        let cut = TensorFile::from_bytes(&bytes[..bytes.len() - 1]).unwrap_err();
        assert!(cut.contains("cut short"), "{cut}");
    }

    #[test]
    fn a_flipped_bit_in_a_tensor_is_found() {
        let bytes = sample().to_bytes(Precision::Exact).unwrap();
        let data = bytes.len() - 32;
        for at in data..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(TensorFile::from_bytes(&flipped).is_err(), "byte {at}");
        }
    }

    #[test]
    fn values_that_are_not_finite_are_refused_both_ways() {
        let mut file = sample();
        file.tensors.get_mut("a.weight").unwrap().values[1] = f32::NAN;
        assert!(file.to_bytes(Precision::Exact).unwrap_err().contains("a.weight has the value NaN at 1"));
        // Written by another program, which does not look.
        let raw: Vec<u8> = [1.0_f32, f32::INFINITY].iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![2], &raw).unwrap();
        let bytes = safetensors::serialize([("w", view)], None).unwrap();
        assert!(TensorFile::from_bytes(&bytes).unwrap_err().contains("w has the value inf at 1"));
    }

    #[test]
    fn a_value_too_large_for_f16_is_refused_and_not_made_infinite() {
        let mut file = sample();
        file.tensors.get_mut("a.weight").unwrap().values[0] = 70_000.0;
        assert!(file.to_bytes(Precision::Compact).unwrap_err().contains("too large for f16"));
        assert!(file.to_bytes(Precision::Exact).is_ok());
    }
}
