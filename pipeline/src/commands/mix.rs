//! `geophrase weights mix`: a model between two of one making.

use std::path::PathBuf;

use geo_io::GeoIoError;
use model::ModelError;
use model::weights::{ModelFolder, ModelParts, Precision, StoredTensor, TensorFile, is_of_place_prior};

use crate::error::PipelineError;

/// What `geophrase weights mix` was asked to do.
#[derive(Clone, Debug)]
pub struct MixRequest {
    /// The model that a share of 0 gives.
    pub from: PathBuf,
    /// The model that a share of 1 gives; its configuration is taken.
    pub to: PathBuf,
    /// How far to go.
    pub share: f64,
    /// The folder to be made.
    pub out: PathBuf,
    /// Whether the files of a model that is there are replaced.
    pub overwrite: bool,
}

/// Writes the model whose every weight lies `share` of the way from one model to another.
///
/// It is of use where the second was trained on from the first: what it gained and what it lost come back by degrees.
/// A place prior that only the second has is taken whole. Its calibration is the second's and has to be fitted anew.
///
/// # Source
/// Wortsman et al., Robust fine-tuning of zero-shot models (WiSE-FT), 2022.
///
/// # Errors
/// A folder that is no model, models of different making, a folder that exists or cannot be written.
pub fn mix(request: &MixRequest) -> Result<(), PipelineError> {
    let MixRequest { from, to, share, out, overwrite } = request;
    if !(0.0..=1.0).contains(share) {
        return Err(PipelineError::Usage(format!("--share {share} is no share: 0 to 1")));
    }
    if out.join("config.json").exists() && !overwrite {
        return Err(GeoIoError::OutputExists { path: out.clone() }.into());
    }
    let refuse = |reason: String| PipelineError::from(ModelError::Config { path: to.clone(), reason });
    let (first, second) = (ModelFolder::open(from)?, ModelFolder::open(to)?);
    let read = |path: PathBuf| {
        std::fs::read(&path).map_err(|source| ModelError::Io { action: "read", path: path.clone(), source })
    };
    let tokenizer = read(to.join("tokenizer.json"))?;
    if tokenizer != read(from.join("tokenizer.json"))? {
        return Err(refuse(format!("its tokenizer is another than that of {}", from.display())));
    }
    let tensors = between(&first.tensors()?, &second.tensors()?, *share)
        .map_err(|reason| refuse(format!("{reason}: it is of another making than {}", from.display())))?;
    let parts = ModelParts {
        config_json: &second.config_json()?,
        tensors: &tensors,
        precision: Precision::Compact,
        tokenizer_json: &tokenizer,
        card: &format!(
            "# A mixture\n\n{share} of the way from `{}` to `{}`, weight by weight. The calibration is that of the \
             latter: fit it anew (`geophrase calibrate`).\n",
            first.hash()?,
            second.hash()?
        ),
    };
    ModelFolder::write(out, &parts)?;
    Ok(())
}

/// Every tensor `share` of the way from one to the other; the error is what does not fit.
fn between(from: &TensorFile, to: &TensorFile, share: f64) -> Result<TensorFile, String> {
    let mut mixed = TensorFile { metadata: to.metadata.clone(), ..TensorFile::default() };
    if let Some(name) = from.tensors.keys().find(|name| !to.tensors.contains_key(*name)) {
        return Err(format!("it has no tensor {name}"));
    }
    for (name, end) in &to.tensors {
        let added = is_of_place_prior(name).then_some(end);
        let start = from.tensors.get(name).or(added).ok_or_else(|| format!("tensor {name} is not in the other"))?;
        if start.shape != end.shape {
            return Err(format!("tensor {name} has another shape"));
        }
        let values = start.values.iter().zip(&end.values);
        let values = values.map(|(&a, &b)| ((1.0 - share) * f64::from(a) + share * f64::from(b)) as f32).collect();
        mixed.tensors.insert(name.clone(), StoredTensor::new(end.shape.clone(), values));
    }
    Ok(mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, values: &[f32]) -> TensorFile {
        let tensor = StoredTensor::new(vec![values.len()], values.to_vec());
        TensorFile { tensors: [(name.to_owned(), tensor)].into(), ..TensorFile::default() }
    }

    #[test]
    fn weights_lie_the_share_of_the_way_between() {
        let mixed = between(&file("a", &[0.0, 4.0]), &file("a", &[1.0, -4.0]), 0.25).unwrap();
        assert_eq!(mixed.tensors["a"].values, [0.25, 2.0]);
        for (share, end) in [(0.0, [0.0, 4.0]), (1.0, [1.0, -4.0])] {
            assert_eq!(
                between(&file("a", &[0.0, 4.0]), &file("a", &[1.0, -4.0]), share).unwrap().tensors["a"].values,
                end
            );
        }
    }

    #[test]
    fn a_place_prior_that_was_added_is_taken_whole() {
        let mut later = file("a", &[1.0]);
        later.tensors.extend(file("decoder.place_prior.told", &[3.0]).tensors);
        let mixed = between(&file("a", &[0.0]), &later, 0.5).unwrap();
        assert_eq!(
            (&mixed.tensors["a"].values[..], &mixed.tensors["decoder.place_prior.told"].values[..]),
            (&[0.5][..], &[3.0][..])
        );
        assert!(between(&later, &file("a", &[0.0]), 0.5).is_err());
    }

    #[test]
    fn models_of_different_making_are_refused() {
        assert!(between(&file("a", &[0.0]), &file("b", &[0.0]), 0.5).unwrap_err().contains("no tensor a"));
        assert!(between(&file("a", &[0.0]), &file("a", &[0.0, 1.0]), 0.5).unwrap_err().contains("another shape"));
    }
}
