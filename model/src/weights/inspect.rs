//! A look into a file of weights: what is in it, whether it is sound, and what a model would take from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::dialect::{Dialect, Found, Part, detect};
use super::folder::ModelFolder;
use super::raw::{Checksum, RawFile, RawTensor};
use super::report::Misshapen;
use super::suggest::{Named, Suggestion, suggest};
use super::tensor_file;
use super::towers::{convnext_name, convnext_size};
use crate::error::ModelError;

/// Everything there is to say about a file of weights or a model folder.
#[derive(Clone, Debug, Serialize)]
pub struct WeightsReport {
    /// The file.
    pub path: PathBuf,
    /// How it is written: "safetensors", "PyTorch zip", "PyTorch, old layout".
    pub format: &'static str,
    /// Blake3 of the whole file.
    pub blake3: String,
    /// What the file says of its own soundness.
    pub checksum: Checksum,
    /// Whose names its tensors have, where that is known.
    pub dialect: Option<String>,
    /// What stands before each name, such as `model.`.
    pub wrapper: String,
    /// Size of the tower, such as "ConvNeXt-B", where that can be told.
    pub size: Option<String>,
    /// Values of all tensors.
    pub values: u64,
    /// Its tensors, by name.
    pub tensors: Vec<TensorFacts>,
    /// What a model would take from it, where one was named.
    pub fit: Option<FitReport>,
    /// Why the file would be refused, whatever the model.
    pub problems: Vec<String>,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorFacts {
    /// Name in the file.
    pub name: String,
    /// Type of its values: `f32`, `i64`.
    pub dtype: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Blake3 of type, shape and values, shortened; the same in every kind of file.
    pub blake3: String,
    /// Smallest finite value; `None` for whole numbers and where there is none.
    pub min: Option<f32>,
    /// Largest finite value.
    pub max: Option<f32>,
    /// Values that are no numbers.
    pub nan: usize,
    /// Values that are infinite.
    pub infinite: usize,
}

/// The parameters of a model.
#[derive(Clone, Debug)]
pub struct FitTarget {
    /// Name of the model.
    pub name: String,
    /// Shape of each parameter by its name.
    pub shapes: BTreeMap<String, Vec<usize>>,
}

/// What a model would take from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FitReport {
    /// Name of the model.
    pub model: String,
    /// The part of the model that the file is for: `vision.`, `text.`, or all of it.
    pub part: &'static str,
    /// Parameters that would get their value from the file.
    pub applied: Vec<String>,
    /// Parameters that the file has nothing for.
    pub missing: Vec<String>,
    /// Parameters that no such file has, and that start as no change of scale and no shift.
    pub filled: Vec<String>,
    /// Tensors, under our names, that the model has no parameter for.
    pub unused: Vec<String>,
    /// Tensors, under the file's names, that the tower has no use for: classifier, pooler, counters.
    pub left_out: Vec<String>,
    /// Tensors of another shape than the parameter.
    pub misshapen: Vec<Misshapen>,
    /// What a missing parameter may be called in the file.
    pub suggestions: Vec<Suggestion>,
}

impl FitReport {
    /// Whether every parameter of the part would get a value, and nothing else is in the file.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unused.is_empty() && self.misshapen.is_empty() && !self.applied.is_empty()
    }
}

/// Looks into a `.safetensors` file, a PyTorch file or a model folder, and compares it with a model where one is named.
///
/// A file that a loader would refuse is described as far as it can be read; why it would be refused is among the
/// problems.
///
/// # Errors
/// [`ModelError::Io`] when it cannot be read; [`ModelError::Config`] when it is cut short, hostile or no file of
/// weights; [`ModelError::ModelFolder`] for a model folder that lacks a file.
pub fn inspect(path: &Path, target: Option<&FitTarget>) -> Result<WeightsReport, ModelError> {
    let folder = (path.is_dir() && path.join("config.json").is_file()).then(|| ModelFolder::open(path)).transpose()?;
    let file = if folder.is_some() { path.join("model.safetensors") } else { path.to_owned() };
    let raw = RawFile::read(&file)?;
    let blake3 = hash_of(&file)?;
    let found = detect(raw.tensors.keys().map(String::as_str), None);
    let tensors: Vec<TensorFacts> = raw.tensors.iter().map(|(name, tensor)| facts(name, tensor)).collect();
    let mut problems = Vec::new();
    if raw.checksum == Checksum::Wrong {
        problems.push(tensor_file::WRONG_HASH.to_owned());
    }
    for tensor in tensors.iter().filter(|tensor| tensor.nan + tensor.infinite > 0) {
        problems.push(format!("tensor {} has {} NaN and {} infinite values", tensor.name, tensor.nan, tensor.infinite));
    }
    // What the loader of a model folder checks beyond the file itself: the tokenizer beside it.
    if let (Some(folder), true) = (&folder, problems.is_empty())
        && let Err(error) = folder.tensors()
    {
        problems.push(error.to_string());
    }
    Ok(WeightsReport {
        path: file,
        format: raw.format,
        blake3,
        checksum: raw.checksum,
        dialect: found.as_ref().map(|found| found.dialect.to_string()),
        wrapper: found.as_ref().map(|found| found.wrapper.clone()).unwrap_or_default(),
        size: found.as_ref().and_then(|found| size_of(&raw, found)),
        values: tensors.iter().map(|tensor| tensor.shape.iter().product::<usize>() as u64).sum(),
        fit: target.map(|target| fit(&raw, found.as_ref(), target)),
        tensors,
        problems,
    })
}

fn hash_of(path: &Path) -> Result<String, ModelError> {
    let io = |source| ModelError::Io { action: "read", path: path.to_owned(), source };
    let mut hasher = blake3::Hasher::new();
    let mut file = std::fs::File::open(path).map_err(io)?;
    std::io::copy(&mut file, &mut hasher).map_err(io)?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn facts(name: &str, tensor: &RawTensor) -> TensorFacts {
    let values = tensor.values.as_deref().unwrap_or_default();
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    TensorFacts {
        name: name.to_owned(),
        dtype: tensor.dtype,
        shape: tensor.shape.clone(),
        blake3: tensor.hash(),
        min: finite().reduce(f32::min),
        max: finite().reduce(f32::max),
        nan: values.iter().filter(|value| value.is_nan()).count(),
        infinite: values.iter().filter(|value| value.is_infinite()).count(),
    }
}

/// The tensors of a file under our names: shape, and the name in the file.
type Ours = BTreeMap<String, (Vec<usize>, String)>;

/// The tensors under our names, and the names of those that the tower has no use for.
fn ours(raw: &RawFile, found: Option<&Found>) -> (Ours, Vec<String>) {
    let mut ours = Ours::new();
    let mut left_out = Vec::new();
    for (name, tensor) in &raw.tensors {
        let target = match found {
            None => Some((name.clone(), super::key_map::Reshape::Keep)),
            Some(found) => name.strip_prefix(&found.wrapper).and_then(|rest| found.dialect.target(rest)),
        };
        let shape = target.as_ref().and_then(|(_, reshape)| reshape.shape(&tensor.shape));
        match (target, shape) {
            (Some((target, _)), Some(shape)) if tensor.values.is_some() => {
                ours.insert(target, (shape, name.clone()));
            }
            _ => left_out.push(name.clone()),
        }
    }
    (ours, left_out)
}

/// Name of the size of a ConvNeXt.
fn size_of(raw: &RawFile, found: &Found) -> Option<String> {
    if found.dialect.part() != Part::Vision {
        return None;
    }
    let (ours, _) = ours(raw, Some(found));
    let shapes = ours.iter().map(|(name, (shape, _))| (name.as_str(), shape.as_slice()));
    convnext_size(shapes).map(|size| convnext_name(&size))
}

fn fit(raw: &RawFile, found: Option<&Found>, target: &FitTarget) -> FitReport {
    let (ours, left_out) = ours(raw, found);
    let part = match found.map(|found| found.dialect.part()) {
        Some(Part::Vision) => "vision.",
        Some(Part::Text) => "text.",
        _ => "",
    };
    let expected: BTreeMap<&str, &Vec<usize>> =
        target.shapes.iter().filter_map(|(name, shape)| Some((name.strip_prefix(part)?, shape))).collect();
    let foreign = found.is_some_and(|found| {
        matches!(found.dialect, Dialect::ConvnextFacebook | Dialect::ConvnextTimm | Dialect::ConvnextTorchvision)
    });
    let mut report = FitReport { model: target.name.clone(), part, left_out, ..FitReport::default() };
    let mut seen = BTreeSet::new();
    for (name, shape) in &expected {
        match ours.get(*name) {
            Some((found, _)) => {
                seen.insert(*name);
                if found == *shape {
                    report.applied.push((*name).to_owned());
                } else {
                    let (name, expected, found) = ((*name).to_owned(), (*shape).clone(), found.clone());
                    report.misshapen.push(Misshapen { name, expected, found });
                }
            }
            // A classifier has no output norms.
            None if foreign && name.starts_with("norms.") => report.filled.push((*name).to_owned()),
            None => report.missing.push((*name).to_owned()),
        }
    }
    report.unused = ours.keys().filter(|name| !seen.contains(name.as_str())).cloned().collect();
    let missing: Vec<Named<'_>> =
        report.missing.iter().map(|name| (name.as_str(), expected[name.as_str()].as_slice())).collect();
    let unused: Vec<Named<'_>> = report.unused.iter().map(|name| (name.as_str(), ours[name].0.as_slice())).collect();
    report.suggestions = suggest(&missing, &unused);
    for suggestion in &mut report.suggestions {
        // The user knows the tensor by the name it has in the file.
        if let Some((_, name)) = ours.get(&suggestion.candidate) {
            suggestion.candidate.clone_from(name);
        }
    }
    report
}

#[cfg(test)]
#[path = "inspect_tests.rs"]
mod tests;
