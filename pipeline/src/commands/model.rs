//! `geophrase model`: what a model folder holds.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use model::config::{ModelConfig, TrainedOn};
use model::vision::VisionConfig;
use model::weights::ModelFolder;

use crate::config::find_model;
use crate::error::PipelineError;
use crate::rows::push;

/// Prints what a model folder holds.
///
/// # Errors
/// A folder that is missing or damaged.
pub fn info(folder: Option<PathBuf>) -> Result<(), PipelineError> {
    let path = find_model(folder)?;
    let folder = ModelFolder::open(&path)?;
    let config = ModelConfig::read(&path.join("config.json"))?;
    let weights: usize = folder.tensors()?.tensors.values().map(|tensor| tensor.values.len()).sum();
    folder.tokenizer(config.max_tokens)?;
    let mut text = format!("{:14}{}\n", "folder", path.display());
    push(&mut text, "hash", &folder.hash()?);
    push(&mut text, "weights", &format!("{:.1} million values, undamaged", weights as f64 / 1e6));
    text.push_str(&described(&config));
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// What the configuration says, in rows.
fn described(config: &ModelConfig) -> String {
    let mut text = String::new();
    push(&mut text, "name", &config.name);
    push(&mut text, "tile side", &format!("{} px", config.tile_px));
    let [finest, coarsest] = config.pixel_size_m;
    push(&mut text, "pixel size", &format!("{finest} to {coarsest} m"));
    push(&mut text, "phrase", &format!("at most {} tokens, first and last included", config.max_tokens));
    let vision = match config.vision {
        VisionConfig::EfficientnetLite(tower) => format!("EfficientNet-Lite{}", tower.variant),
        VisionConfig::Convnext(tower) => format!("ConvNeXt, blocks {:?}, channels {:?}", tower.depths, tower.channels),
    };
    push(&mut text, "vision tower", &vision);
    let bert = &config.text;
    push(
        &mut text,
        "text tower",
        &format!("BERT, {} layers of {}, {} words", bert.layers, bert.width, bert.vocabulary),
    );
    let decoder = &config.decoder;
    let mut parts = vec![
        format!("{} channels", decoder.width),
        format!("{} layers before the text, {} after", decoder.image_layers, decoder.layers),
    ];
    parts.extend(decoder.gated_fusion.then(|| "gated fusion".to_owned()));
    parts.extend((decoder.refinement_hidden > 0).then(|| "refinement".to_owned()));
    parts.extend(decoder.presence.then(|| "presence gate".to_owned()));
    push(&mut text, "decoder", &parts.join(", "));
    let fitted = config.calibration;
    let u = fitted.uncertainty;
    push(
        &mut text,
        "calibration",
        &format!(
            "temperature {:.3}; u = sigmoid({:.3} RUS {:+.3} |mask logit| {:+.3} marked {:+.3}); presence of at least {:.3}",
            fitted.temperature, u.rus, u.margin, u.marked, u.bias, fitted.presence_threshold
        ),
    );
    push_training(&mut text, &config.trained_on);
    text
}

fn push_training(text: &mut String, trained_on: &TrainedOn) {
    if trained_on.is_empty() {
        push(text, "trained on", "config.json does not say; MODEL_CARD.md may");
        return;
    }
    for (at, source) in trained_on.sources.iter().enumerate() {
        let mut words = source.name.clone();
        if let Some(images) = source.images {
            let _ = write!(words, ", {images} pictures");
        }
        if !source.licence.is_empty() {
            let _ = write!(words, " ({})", source.licence);
        }
        push(text, if at == 0 { "trained on" } else { "" }, &words);
    }
    let mut categories: Vec<(&String, &u64)> = trained_on.categories.iter().collect();
    // The most frequent first: those it knows best.
    categories.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let words: Vec<String> = categories.into_iter().map(|(name, count)| counted(name, *count)).collect();
    if !words.is_empty() {
        push(text, "categories", &words.join(", "));
    }
    if !trained_on.licence_note.is_empty() {
        push(text, "terms", &trained_on.licence_note);
    }
}

/// A category and how many were seen; those of scenes without end are not counted.
fn counted(name: &str, count: u64) -> String {
    if count == 0 { name.to_owned() } else { format!("{name} {count}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::config::TrainingSource;

    use super::*;

    #[test]
    fn a_model_that_says_nothing_about_its_training_is_said_to_do_so() {
        let text = described(&ModelConfig::small());
        assert!(text.contains("tile side     320 px\n"), "{text}");
        assert!(text.contains("trained on    config.json does not say; MODEL_CARD.md may\n"), "{text}");
        assert!(text.contains("vision tower  EfficientNet-Lite0\n"), "{text}");
    }

    #[test]
    fn training_is_told_by_source_and_category_in_lines_of_a_hundred_columns() {
        let mut config = ModelConfig::base();
        let source =
            |name: &str, images| TrainingSource { name: name.to_owned(), images, licence: "research".to_owned() };
        config.trained_on = TrainedOn {
            categories: (0..40).map(|at| (format!("category {at}"), at)).collect::<BTreeMap<_, _>>(),
            sources: vec![source("drawn scenes", None), source("real scenes", Some(2_000))],
            licence_note: "not for sale".to_owned(),
        };
        let text = described(&config);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(
            text.contains("trained on    drawn scenes (research)\n              real scenes, 2000 pictures"),
            "{text}"
        );
        assert!(text.contains("categories    category 39 39, category 38 38"), "{text}");
        assert!(text.ends_with("terms         not for sale\n"), "{text}");
    }
}
