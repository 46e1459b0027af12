//! Tensors of a PyTorch file, the old layout and the zip, read without running anything.
//!
//! Why not `burn-store`'s reader: version 0.21 ignores the strides of a tensor, so that a weight saved as a view of
//! another order, as EfficientNet-Lite's all are, comes back scrambled without a word (tracel-ai/burn#5383); and it
//! fills what a cut file lacks with zeros.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

use super::raw::{Checksum, RawFile, RawTensor, floats};
use crate::pickle::{self, Value};

/// First value in a file of the old layout.
const OLD_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// A tensor as the pickle describes it: a view of a storage.
struct View {
    storage: String,
    kind: Kind,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

/// What a storage holds: the name of its type, and the bytes of a value.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    bytes: usize,
}

/// The tensors of a PyTorch file by name; those inside nested dictionaries with their keys joined by dots.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read_raw(path: &Path) -> Result<RawFile, String> {
    let file = |format, checksum, tensors| RawFile { format, tensors, metadata: BTreeMap::new(), checksum };
    let open = || File::open(path).map_err(|cause| cause.to_string());
    let mut reader = BufReader::new(open()?);
    let start = reader.fill_buf().map_err(|cause| cause.to_string())?;
    if start.starts_with(b"PK") {
        // Each entry of a zip carries a checksum, which is compared while it is read.
        return Ok(file("PyTorch zip", Checksum::Right, read_zip(open()?)?));
    }
    if start.get(4..14) == Some(&OLD_MAGIC) {
        return Ok(file("PyTorch, old layout", Checksum::Absent, read_old(&mut reader)?));
    }
    Err("is not a PyTorch weight file".to_owned())
}

/// Three pickles of preliminaries, the objects, the keys of the storages, and the storages one after the other.
fn read_old(reader: &mut impl BufRead) -> Result<BTreeMap<String, RawTensor>, String> {
    for _preliminary in 0..3 {
        pickle::read(reader)?;
    }
    let objects = pickle::read(reader)?;
    let views = views(&objects)?;
    let Value::Sequence(keys) = pickle::read(reader)? else {
        return Err("is damaged: it does not list its storages".to_owned());
    };
    // The state of an optimizer has storages, too, which no tensor with a name uses.
    let mut kinds = HashMap::new();
    storage_kinds(&objects, &mut kinds);
    let used: HashSet<&str> = views.values().map(|view| view.storage.as_str()).collect();
    let mut storages = HashMap::new();
    for key in keys {
        let Value::Text(key) = key else {
            return Err("is damaged: a storage has no name".to_owned());
        };
        let kind = *kinds.get(key.as_str()).ok_or_else(|| format!("has the storage {key} of an unknown type"))?;
        let mut count = [0; 8];
        reader.read_exact(&mut count).map_err(|_| cut_short())?;
        let length = u64::from_le_bytes(count).checked_mul(kind.bytes as u64).ok_or_else(cut_short)?;
        let mut content = Vec::new();
        let mut part = reader.by_ref().take(length);
        let read = match used.contains(key.as_str()) {
            true => part.read_to_end(&mut content).map(|read| read as u64),
            false => std::io::copy(&mut part, &mut std::io::sink()),
        };
        if read.map_err(|cause| cause.to_string())? != length {
            return Err(cut_short());
        }
        storages.insert(key, content);
    }
    gather(views, |key| storages.get(key).cloned().ok_or_else(|| format!("lacks the storage {key}")))
}

/// What each storage below a value holds, by its key.
fn storage_kinds(value: &Value, kinds: &mut HashMap<String, Kind>) {
    if let Value::Persistent(id) = value
        && let Value::Sequence(id) = id.as_ref()
        && let [Value::Text(_), Value::Global(kind), Value::Text(key), ..] = id.as_slice()
        && let Some(kind) = Kind::of(kind)
    {
        kinds.insert(key.clone(), kind);
    }
    for inner in value.children() {
        storage_kinds(inner, kinds);
    }
}

/// A zip with `data.pkl` and one entry for each storage.
fn read_zip(file: File) -> Result<BTreeMap<String, RawTensor>, String> {
    let mut archive = ZipArchive::new(file).map_err(|cause| format!("is a damaged or cut zip: {cause}"))?;
    let main = archive
        .file_names()
        .find(|name| name.ends_with("/data.pkl"))
        .map(str::to_owned)
        .ok_or_else(|| "is a zip without data.pkl, so no PyTorch weight file".to_owned())?;
    let folder = main.trim_end_matches("data.pkl").to_owned();
    let mut entry = |name: &str| {
        let mut content = Vec::new();
        archive
            .by_name(&format!("{folder}{name}"))
            .map_err(|cause| cause.to_string())
            .and_then(|mut entry| entry.read_to_end(&mut content).map_err(|cause| cause.to_string()))
            .map_err(|cause| format!("has no readable entry {name}: {cause}"))?;
        Ok(content)
    };
    if entry("byteorder").is_ok_and(|order: Vec<u8>| order == b"big") {
        return Err("was written on a big-endian machine, which is not supported".to_owned());
    }
    let objects = entry("data.pkl")?;
    gather(views(&pickle::read(&mut objects.as_slice())?)?, |key| entry(&format!("data/{key}")))
}

/// Every tensor below a value, by its keys.
fn views(value: &Value) -> Result<BTreeMap<String, View>, String> {
    let mut found = BTreeMap::new();
    collect(value, "", &mut found)?;
    if found.is_empty() {
        return Err("holds no tensors by name: save the state dictionary, not the whole model".to_owned());
    }
    Ok(found)
}

fn collect(value: &Value, name: &str, found: &mut BTreeMap<String, View>) -> Result<(), String> {
    match value {
        Value::Dict(entries) => {
            for (key, value) in entries {
                if let Value::Text(key) = key {
                    let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    collect(value, &name, found)?;
                }
            }
        }
        Value::Call(function, arguments) => match (function.as_str(), arguments.as_slice()) {
            ("torch._utils _rebuild_parameter", [tensor, ..]) => collect(tensor, name, found)?,
            ("torch._utils _rebuild_tensor_v2", [storage, offset, shape, strides, ..]) => {
                let view = View::new(storage, offset, shape, strides)
                    .ok_or_else(|| format!("describes tensor {name} in a way that is not understood"))?;
                found.insert(name.to_owned(), view);
            }
            _ => {}
        },
        _ => {}
    }
    Ok(())
}

impl View {
    fn new(storage: &Value, offset: &Value, shape: &Value, strides: &Value) -> Option<Self> {
        let Value::Persistent(id) = storage else { return None };
        let Value::Sequence(id) = id.as_ref() else { return None };
        let [Value::Text(_), Value::Global(kind), Value::Text(key), ..] = id.as_slice() else { return None };
        let view = Self {
            storage: key.clone(),
            kind: Kind::of(kind)?,
            offset: whole(offset)?,
            shape: wholes(shape)?,
            strides: wholes(strides)?,
        };
        (view.shape.len() == view.strides.len()).then_some(view)
    }

    /// The values in the order of the shape, last dimension fastest.
    fn gather(&self, content: &[u8]) -> Option<RawTensor> {
        let Kind { name: dtype, bytes: size } = self.kind;
        let total = self.shape.iter().try_fold(1_usize, |total, side| total.checked_mul(*side))?;
        if total > content.len() / size {
            return None;
        }
        let bytes = if self.is_in_order() {
            let start = self.offset.checked_mul(size)?;
            content.get(start..start.checked_add(total * size)?)?.to_vec()
        } else {
            self.gather_scattered(content, total)?
        };
        let values = floats(dtype, &bytes);
        Some(RawTensor { dtype, shape: self.shape.clone(), bytes, values })
    }

    /// Whether the values lie one after the other already.
    fn is_in_order(&self) -> bool {
        let mut step = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(side, stride)| {
            let fits = *side == 1 || *stride == step;
            step *= side;
            fits
        })
    }

    fn gather_scattered(&self, content: &[u8], total: usize) -> Option<Vec<u8>> {
        let size = self.kind.bytes;
        let mut bytes = Vec::with_capacity(total * size);
        let mut index = vec![0; self.shape.len()];
        for _ in 0..total {
            let at = index
                .iter()
                .zip(&self.strides)
                .try_fold(self.offset, |at, (index, stride)| at.checked_add(stride.checked_mul(*index)?))?;
            let start = at.checked_mul(size)?;
            bytes.extend_from_slice(content.get(start..start.checked_add(size)?)?);
            for (index, side) in index.iter_mut().zip(&self.shape).rev() {
                *index += 1;
                if *index < *side {
                    break;
                }
                *index = 0;
            }
        }
        Some(bytes)
    }
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        let (name, bytes) = match name.strip_prefix("torch ")? {
            "FloatStorage" => ("f32", 4),
            "DoubleStorage" => ("f64", 8),
            "HalfStorage" => ("f16", 2),
            "BFloat16Storage" => ("bf16", 2),
            "LongStorage" => ("i64", 8),
            "IntStorage" => ("i32", 4),
            "ShortStorage" => ("i16", 2),
            "CharStorage" => ("i8", 1),
            "ByteStorage" => ("u8", 1),
            "BoolStorage" => ("bool", 1),
            _ => return None,
        };
        Some(Self { name, bytes })
    }
}

/// The tensors, each from its storage.
fn gather(
    views: BTreeMap<String, View>,
    mut storage: impl FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<BTreeMap<String, RawTensor>, String> {
    let mut tensors = BTreeMap::new();
    for (name, view) in views {
        let tensor = view
            .gather(&storage(&view.storage)?)
            .ok_or_else(|| format!("is cut short or damaged: tensor {name} reaches beyond its storage"))?;
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

fn whole(value: &Value) -> Option<usize> {
    match value {
        Value::Int(value) => usize::try_from(*value).ok(),
        _ => None,
    }
}

fn wholes(value: &Value) -> Option<Vec<usize>> {
    match value {
        Value::Sequence(values) => values.iter().map(whole).collect(),
        _ => None,
    }
}

fn cut_short() -> String {
    "is cut short: fetch it again".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tensor_file::StoredTensor;
    use super::*;

    /// The float tensors, all finite.
    fn read(path: &Path) -> Result<BTreeMap<String, StoredTensor>, String> {
        read_raw(path)?.into_finite("")
    }

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
    }

    #[test]
    fn both_layouts_give_the_tensors_that_were_saved() {
        for name in ["torch_old.pth", "torch_zip.pth"] {
            let tensors = read(&fixture(name)).unwrap();
            let names: Vec<&str> = tensors.keys().map(String::as_str).collect();
            // The counter `count` is no weight.
            assert_eq!(
                names,
                ["brain", "double", "half", "nested.again", "nested.parameter", "part", "turned"],
                "{name}"
            );
            // Element (a, b, c) of the turned view is element (c, b, a) of 0..24 as 4 x 3 x 2, so 6c + 2b + a.
            let turned: Vec<f32> = (0..24).map(|at| (6 * (at % 4) + 2 * (at / 4 % 3) + at / 12) as f32).collect();
            assert_eq!(tensors["turned"], StoredTensor::new(vec![2, 3, 4], turned), "{name}");
            assert_eq!(tensors["part"].values, [12.0, 14.0, 16.0, 18.0, 20.0, 22.0], "{name}");
            assert_eq!(tensors["half"].values, [1.5, -2.25], "{name}");
            assert_eq!(tensors["brain"].values, [3.0], "{name}");
            assert_eq!(tensors["double"], StoredTensor::new(vec![], vec![7.0]), "{name}");
            assert_eq!(tensors["nested.again"], tensors["nested.parameter"], "{name}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["torch_old.pth", "torch_zip.pth"] {
            let whole = std::fs::read(fixture(name)).unwrap();
            for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
                let path = folder.path().join(name);
                std::fs::write(&path, &whole[..length]).unwrap();
                assert!(read(&path).is_err(), "{length} of {} bytes of {name} were taken for all", whole.len());
            }
        }
    }

    #[test]
    fn a_flipped_byte_in_a_zip_is_found_wherever_a_tensor_lies() {
        let whole = std::fs::read(fixture("torch_zip.pth")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flipped.pth");
        let expected = read(&fixture("torch_zip.pth")).unwrap();
        let mut refused = 0;
        for at in (0..whole.len()).step_by(5) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            std::fs::write(&path, flipped).unwrap();
            match read(&path) {
                Err(_) => refused += 1,
                // Padding, a date, a name that is not read: what is used must be what was saved.
                Ok(tensors) => assert_eq!(tensors, expected, "byte {at}"),
            }
        }
        assert!(refused > whole.len() / 20, "{refused} flips were noticed");
    }

    #[test]
    fn counters_are_listed_and_are_no_weights() {
        let file = read_raw(&fixture("torch_zip.pth")).unwrap();
        assert_eq!(file.tensors["count"].dtype, "i64");
        assert_eq!(file.tensors["count"].values, None);
        assert_eq!(file.tensors["half"].dtype, "f16");
        // Row order, whatever the order in the file: the hash is that of the same tensor saved plainly.
        assert_eq!(
            file.tensors["turned"].hash(),
            read_raw(&fixture("torch_old.pth")).unwrap().tensors["turned"].hash()
        );
    }
}
