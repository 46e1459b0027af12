//! What a tower's weights must be: the name and shape of each, and what a file of another size is.

use std::collections::BTreeMap;

use super::tensor_file::StoredTensor;
use crate::text::BertConfig;
use crate::vision::ConvNextConfig;

/// Shapes by name.
pub(super) type Shapes = BTreeMap<String, Vec<usize>>;

/// Every tensor of a ConvNeXt under our names.
pub(super) fn convnext_shapes(config: &ConvNextConfig) -> Shapes {
    let mut shapes = Shapes::new();
    let norm = |shapes: &mut Shapes, at: String, width: usize| {
        for field in ["gamma", "beta"] {
            shapes.insert(format!("{at}.{field}"), vec![width]);
        }
    };
    let channels = config.channels;
    for (stage, width) in channels.into_iter().enumerate() {
        let (from, kernel) = if stage == 0 { (3, 4) } else { (channels[stage - 1], 2) };
        shapes.insert(format!("downsample.{stage}.conv.weight"), vec![width, from, kernel, kernel]);
        shapes.insert(format!("downsample.{stage}.conv.bias"), vec![width]);
        norm(&mut shapes, format!("downsample.{stage}.norm"), if stage == 0 { width } else { from });
        norm(&mut shapes, format!("norms.{stage}"), width);
        for block in 0..config.depths[stage] {
            let at = format!("stages.{stage}.{block}");
            shapes.insert(format!("{at}.depthwise.weight"), vec![width, 1, 7, 7]);
            shapes.insert(format!("{at}.depthwise.bias"), vec![width]);
            norm(&mut shapes, format!("{at}.norm"), width);
            shapes.insert(format!("{at}.widen.weight"), vec![width, 4 * width]);
            shapes.insert(format!("{at}.widen.bias"), vec![4 * width]);
            shapes.insert(format!("{at}.narrow.weight"), vec![4 * width, width]);
            shapes.insert(format!("{at}.narrow.bias"), vec![width]);
            shapes.insert(format!("{at}.scale"), vec![width]);
        }
    }
    shapes
}

/// Every tensor of a BERT under our names.
pub(super) fn bert_shapes(config: &BertConfig) -> Shapes {
    let width = config.width;
    let mut shapes = Shapes::from([
        ("word.weight".to_owned(), vec![config.vocabulary, width]),
        ("position".to_owned(), vec![config.max_positions, width]),
        ("token_type".to_owned(), vec![width]),
        ("norm.gamma".to_owned(), vec![width]),
        ("norm.beta".to_owned(), vec![width]),
    ]);
    for layer in 0..config.layers {
        let at = format!("layers.{layer}");
        let linears = [
            ("query", width, width),
            ("key", width, width),
            ("value", width, width),
            ("output", width, width),
            ("widen", width, config.intermediate),
            ("narrow", config.intermediate, width),
        ];
        for (name, from, to) in linears {
            shapes.insert(format!("{at}.{name}.weight"), vec![from, to]);
            shapes.insert(format!("{at}.{name}.bias"), vec![to]);
        }
        for name in ["attention_norm", "feed_forward_norm"] {
            for field in ["gamma", "beta"] {
                shapes.insert(format!("{at}.{name}.{field}"), vec![width]);
            }
        }
    }
    shapes
}

/// What keeps tensors from being the tower that is expected: the first one that is missing, misshapen or unknown.
pub(super) fn differs(tensors: &BTreeMap<String, StoredTensor>, expected: &Shapes) -> Option<String> {
    for (name, shape) in expected {
        match tensors.get(name) {
            None => return Some(format!("lacks the tensor that is called {name} here")),
            Some(tensor) if tensor.shape != *shape => {
                return Some(format!("has the shape {:?} for {name}, which should be {shape:?}", tensor.shape));
            }
            Some(_) => {}
        }
    }
    let unknown = tensors.keys().find(|name| !expected.contains_key(*name))?;
    Some(format!("has a tensor that would be called {unknown} here, which this tower has not"))
}

/// The name of a ConvNeXt's size, such as "ConvNeXt-B", or its depths and channels where it has no name.
pub(super) fn convnext_name(config: &ConvNextConfig) -> String {
    let known = [
        (ConvNextConfig::tiny(), "ConvNeXt-T"),
        (ConvNextConfig::small(), "ConvNeXt-S"),
        (ConvNextConfig::base(), "ConvNeXt-B"),
        (ConvNextConfig::large(), "ConvNeXt-L"),
        (ConvNextConfig::xlarge(), "ConvNeXt-XL"),
    ];
    match known.iter().find(|(one, _)| one == config) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("ConvNeXt of {:?} blocks and {:?} channels", config.depths, config.channels),
    }
}

/// The size of a ConvNeXt by the shapes of its tensors under our names, or `None` where they are not one.
pub(super) fn convnext_size<'a>(shapes: impl Iterator<Item = (&'a str, &'a [usize])>) -> Option<ConvNextConfig> {
    let mut config = ConvNextConfig { depths: [0; 4], channels: [0; 4] };
    for (name, shape) in shapes {
        let parts: Vec<&str> = name.split('.').collect();
        let stage = |text: &str| text.parse().ok().filter(|stage: &usize| *stage < 4);
        match parts[..] {
            ["downsample", at, "conv", "bias"] => config.channels[stage(at)?] = *shape.first()?,
            ["stages", at, _, "scale"] => config.depths[stage(at)?] += 1,
            _ => {}
        }
    }
    (!config.channels.contains(&0)).then_some(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelConfig;
    use crate::weights::FitTarget;

    #[test]
    fn the_listed_tensors_are_those_of_the_towers_themselves() {
        let base = FitTarget::of(&ModelConfig::base()).unwrap().shapes;
        let under = |prefix: &str| -> Shapes {
            base.iter()
                .filter_map(|(name, shape)| Some((name.strip_prefix(prefix)?.to_owned(), shape.clone())))
                .collect()
        };
        assert_eq!(under("vision."), convnext_shapes(&ConvNextConfig::base()));
        assert_eq!(under("text."), bert_shapes(&BertConfig::base()));
    }
}
