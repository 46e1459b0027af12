use super::super::towers::Shapes;
use super::*;

const CONFIG: ConvNextConfig = ConvNextConfig { depths: [1, 2, 1, 1], channels: [4, 8, 16, 32] };

/// A value for each place of a tensor, another for every tensor.
fn filled(name: &str, shape: Vec<usize>) -> StoredTensor {
    let first: u32 = name.bytes().map(u32::from).sum();
    let values = (0..shape.iter().product::<usize>()).map(|at| (first + at as u32) as f32 / 128.0).collect();
    StoredTensor::new(shape, values)
}

/// The tensors of a ConvNeXt classifier under the names that a dialect gives to ours.
fn foreign(shapes: &Shapes, dialect: fn(&[&str]) -> Option<String>) -> BTreeMap<String, StoredTensor> {
    let mut tensors = BTreeMap::new();
    for (ours, shape) in shapes {
        let parts: Vec<&str> = ours.split('.').collect();
        let Some(name) = dialect(&parts) else { continue };
        let linear = matches!(parts[..], ["stages", _, _, "widen" | "narrow", "weight"]);
        let shape = if linear { vec![shape[1], shape[0]] } else { shape.clone() };
        // The same values whatever the dialect.
        let mut tensor = filled(ours, shape);
        if name.ends_with("layer_scale") {
            tensor.shape = vec![tensor.values.len(), 1, 1];
        }
        tensors.insert(name, tensor);
    }
    tensors
}

/// PyTorch's name of a field: weight and bias of a norm are gamma and beta here.
fn field(name: &str) -> &str {
    match name {
        "gamma" => "weight",
        "beta" => "bias",
        other => other,
    }
}

fn facebook(parts: &[&str]) -> Option<String> {
    let name = match *parts {
        ["downsample", "0", part, name] => {
            format!("downsample_layers.0.{}.{}", usize::from(part == "norm"), field(name))
        }
        ["downsample", stage, part, name] => {
            format!("downsample_layers.{stage}.{}.{}", usize::from(part == "conv"), field(name))
        }
        ["stages", stage, block, "scale"] => format!("stages.{stage}.{block}.gamma"),
        ["stages", stage, block, part, name] => {
            let part = match part {
                "depthwise" => "dwconv",
                "widen" => "pwconv1",
                "narrow" => "pwconv2",
                other => other,
            };
            format!("stages.{stage}.{block}.{part}.{}", field(name))
        }
        // A classifier has no output norms.
        _ => return None,
    };
    Some(name)
}

fn timm(parts: &[&str]) -> Option<String> {
    // As timm's own filter renames Facebook's.
    let name = facebook(parts)?;
    let parts: Vec<&str> = name.split('.').collect();
    Some(match parts[..] {
        ["downsample_layers", "0", part, name] => format!("stem.{part}.{name}"),
        ["downsample_layers", stage, part, name] => format!("stages.{stage}.downsample.{part}.{name}"),
        ["stages", stage, block, ref rest @ ..] => {
            let rest = rest.join(".").replace("dwconv", "conv_dw").replace("pwconv", "mlp.fc");
            format!("stages.{stage}.blocks.{block}.{rest}")
        }
        _ => return None,
    })
}

fn torchvision(parts: &[&str]) -> Option<String> {
    let number = |stage: &str| 2 * stage.parse::<usize>().unwrap();
    Some(match *parts {
        ["downsample", "0", part, name] => format!("features.0.{}.{}", usize::from(part == "norm"), field(name)),
        ["downsample", stage, part, name] => {
            format!("features.{}.{}.{}", number(stage), usize::from(part == "conv"), field(name))
        }
        ["stages", stage, block, "scale"] => format!("features.{}.{block}.layer_scale", number(stage) + 1),
        ["stages", stage, block, part, name] => {
            let part = match part {
                "depthwise" => 0,
                "norm" => 2,
                "widen" => 3,
                _ => 5,
            };
            format!("features.{}.{block}.block.{part}.{}", number(stage) + 1, field(name))
        }
        _ => return None,
    })
}

fn written(at: &Path, wrapper: &str, tensors: BTreeMap<String, StoredTensor>) -> PathBuf {
    let mut file = TensorFile::default();
    file.insert_under(wrapper, tensors);
    file.write(at, Precision::Exact).unwrap();
    at.to_owned()
}

fn converted(path: &Path, config: ConvNextConfig) -> Result<TensorFile, String> {
    convert_vision(path, &VisionConfig::Convnext(config)).map_err(|error| error.to_string())
}

#[test]
fn all_dialects_of_convnext_bare_and_wrapped_give_the_same_tower() {
    let folder = tempfile::tempdir().unwrap();
    let shapes = convnext_shapes(&CONFIG);
    let mut towers = Vec::new();
    for dialect in [facebook, timm, torchvision] {
        for wrapper in ["", "model.", "module.", "state_dict.module.", "state_dict.backbone.", "model_ema."] {
            let mut tensors = foreign(&shapes, dialect);
            for (name, shape) in
                [("head.weight", vec![5, 32]), ("norm.weight", vec![32]), ("classifier.2.bias", vec![5])]
            {
                tensors.insert(name.to_owned(), filled(name, shape));
            }
            let path = written(&folder.path().join("v.safetensors"), wrapper, tensors);
            towers.push(converted(&path, CONFIG).unwrap());
        }
    }
    assert_eq!(towers.len(), 18);
    assert!(towers.iter().all(|tower| *tower == towers[0]));
    // Row r, column c of ours is row c, column r of theirs, which has 4 columns: value first + 4 c + r.
    let widen = &towers[0].tensors["stages.0.0.widen.weight"];
    assert_eq!(widen.shape, [4, 16]);
    assert!((widen.values[16 + 2] - widen.values[0] - 9.0 / 128.0).abs() < 1e-6);
    assert_eq!(towers[0].tensors["norms.3.gamma"].values, [1.0; 32]);
}

#[test]
fn a_training_programs_checkpoint_gives_its_weights_and_not_their_average() {
    let config = ConvNextConfig { depths: [1; 4], channels: [4, 8, 16, 32] };
    for name in ["checkpoint_zip.pth", "checkpoint_old.pth"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        let tower = converted(&path, config).unwrap();
        // tests/parity/export_checkpoints.py: every value is its place over 64.
        assert_eq!(tower.tensors["stages.0.0.scale"].values, [0.0, 1.0 / 64.0, 2.0 / 64.0, 3.0 / 64.0], "{name}");
        assert_eq!(tower.tensors["stages.0.0.widen.weight"].values[1], 4.0 / 64.0, "{name}");
    }
}

#[test]
fn convnexts_of_other_sizes_are_called_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for (size, name) in [(ConvNextConfig::large(), "ConvNeXt-L"), (ConvNextConfig::xlarge(), "ConvNeXt-XL")] {
        // Vectors alone tell the size, and keep the file small.
        let mut shapes = convnext_shapes(&size);
        shapes.retain(|_, shape| shape.len() == 1);
        let path = written(&folder.path().join("v.safetensors"), "model.", foreign(&shapes, facebook));
        let refused = converted(&path, ConvNextConfig::base()).unwrap_err();
        assert!(refused.ends_with(&format!("is a {name}, not the ConvNeXt-B that was asked for")), "{refused}");
    }
}

#[test]
fn a_convnext_v2_is_refused_by_the_tensor_that_makes_it_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = foreign(&convnext_shapes(&CONFIG), facebook);
    tensors.insert("stages.0.0.grn.gamma".to_owned(), filled("grn", vec![1, 1, 1, 16]));
    let path = written(&folder.path().join("v.safetensors"), "model.", tensors);
    let refused = converted(&path, CONFIG).unwrap_err();
    assert!(refused.contains("stages.0.0.grn.gamma") && refused.contains("ConvNeXt V2"), "{refused}");
}

#[test]
fn a_tensor_that_is_missing_or_of_another_shape_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = foreign(&convnext_shapes(&CONFIG), timm);
    let lost = tensors.remove("stages.1.blocks.1.norm.bias").unwrap();
    let path = written(&folder.path().join("v.safetensors"), "", tensors.clone());
    let refused = converted(&path, CONFIG).unwrap_err();
    assert!(refused.ends_with("lacks the tensor that is called stages.1.1.norm.beta here"), "{refused}");
    tensors.insert("stages.1.blocks.1.norm.bias".to_owned(), lost);
    tensors.insert("stages.1.blocks.1.norm.weight".to_owned(), filled("x", vec![9]));
    let path = written(&folder.path().join("v.safetensors"), "", tensors);
    let refused = converted(&path, CONFIG).unwrap_err();
    assert!(refused.ends_with("has the shape [9] for stages.1.1.norm.gamma, which should be [8]"), "{refused}");
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    // Written by another program, which does not look.
    let mut values: Vec<u8> = [1.0_f32; 4].iter().flat_map(|value| value.to_le_bytes()).collect();
    values[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    let view = |shape: Vec<usize>| {
        safetensors::tensor::TensorView::new(safetensors::tensor::Dtype::F32, shape, &values).unwrap()
    };
    let names = ["downsample_layers.0.0.bias", "stages.0.0.gamma"];
    let bytes = safetensors::serialize(names.map(|name| (name, view(vec![4]))), None).unwrap();
    let path = folder.path().join("v.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let refused = converted(&path, CONFIG).unwrap_err();
    assert!(refused.ends_with("tensor downsample_layers.0.0.bias has the value NaN at 2"), "{refused}");
}

#[test]
fn a_hostile_checkpoint_is_refused_and_nothing_of_it_is_run() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let sentinel = folder.path().join("sentinel");
    let command = format!("touch {}", sentinel.display());
    let mut pickle = b"\x80\x02cposix\nsystem\nX".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85R.");
    let path = folder.path().join("v.pth");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("archive/data.pkl", stored).unwrap();
    zip.write_all(&pickle).unwrap();
    zip.finish().unwrap();
    let refused = converted(&path, CONFIG).unwrap_err();
    assert!(refused.contains("asks to run posix.system"), "{refused}");
    assert!(!sentinel.exists());
}

#[test]
fn a_file_of_something_else_is_called_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (bert, _) = bert_files(folder.path(), "", false);
    let refused = converted(&bert, CONFIG).unwrap_err();
    assert!(refused.ends_with("is another tower: BERT, Hugging Face's names"), "{refused}");
    let path = written(
        &folder.path().join("r.safetensors"),
        "",
        [("layer1.0.conv1.weight".into(), filled("a", vec![2]))].into(),
    );
    assert!(converted(&path, CONFIG).unwrap_err().contains("is neither a ConvNeXt nor an EfficientNet-Lite"));
    let convnext = written(&folder.path().join("c.safetensors"), "", foreign(&convnext_shapes(&CONFIG), timm));
    let lite = VisionConfig::EfficientnetLite(crate::vision::EfficientNetLiteConfig { variant: 0 });
    let refused = convert_vision(&convnext, &lite).unwrap_err().to_string();
    assert!(refused.ends_with("is another tower: ConvNeXt, timm's names"), "{refused}");
}

/// A Hugging Face folder with a BERT of two layers: names behind a prefix, old names of the norms, and what else such
/// files hold. Returns its weight file and the names of the words.
fn bert_files(folder: &Path, wrapper: &str, old_norms: bool) -> (PathBuf, usize) {
    let config = BertConfig { vocabulary: 7, width: 8, layers: 2, heads: 2, intermediate: 16, max_positions: 10 };
    let mut tensors = BTreeMap::new();
    for (ours, shape) in bert_shapes(&config) {
        let parts: Vec<&str> = ours.split('.').collect();
        let norm = |name: &str| match (old_norms, name) {
            (true, name) => name.to_owned(),
            (false, name) => field(name).to_owned(),
        };
        let name = match parts[..] {
            ["word", "weight"] => "embeddings.word_embeddings.weight".to_owned(),
            ["position"] => "embeddings.position_embeddings.weight".to_owned(),
            ["token_type"] => "embeddings.token_type_embeddings.weight".to_owned(),
            ["norm", name] => format!("embeddings.LayerNorm.{}", norm(name)),
            ["layers", layer, part, name] => {
                let part = match part {
                    "query" | "key" | "value" => format!("attention.self.{part}.{name}"),
                    "output" => format!("attention.output.dense.{name}"),
                    "widen" => format!("intermediate.dense.{name}"),
                    "narrow" => format!("output.dense.{name}"),
                    "attention_norm" => format!("attention.output.LayerNorm.{}", norm(name)),
                    _ => format!("output.LayerNorm.{}", norm(name)),
                };
                format!("encoder.layer.{layer}.{part}")
            }
            _ => continue,
        };
        let linear = matches!(parts[..], ["layers", _, _, "weight"]);
        let shape = match parts[..] {
            // Two token types, of which the first is kept.
            ["token_type"] => vec![2, shape[0]],
            _ if linear => vec![shape[1], shape[0]],
            _ => shape,
        };
        tensors.insert(name, filled(&ours, shape));
    }
    tensors.insert("pooler.dense.weight".to_owned(), filled("pooler", vec![8, 8]));
    let mut file = TensorFile::default();
    file.insert_under(wrapper, tensors);
    file.tensors.insert("cls.predictions.bias".to_owned(), filled("cls", vec![7]));
    let path = folder.join("model.safetensors");
    file.write(&path, Precision::Exact).unwrap();
    let json = r#"{"vocab_size": 7, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": 10, "hidden_act": "gelu", "architectures": ["BertModel"]}"#;
    std::fs::write(folder.join("config.json"), json).unwrap();
    write_tokenizer(folder, config.vocabulary);
    (path, config.vocabulary)
}

fn write_tokenizer(folder: &Path, words: usize) {
    let names: Vec<String> =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ship", "tank", "road", "dam"].map(str::to_owned).into();
    let vocabulary: Vec<String> =
        names[..words].iter().enumerate().map(|(id, name)| format!("{name:?}: {id}")).collect();
    let json = format!(
        r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {{"type": "BertPreTokenizer"}}, "post_processor": null, "decoder": null,
        "model": {{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "\u0023\u0023",
            "max_input_chars_per_word": 100, "vocab": {{{}}}}}}}"#,
        vocabulary.join(", ")
    );
    std::fs::write(folder.join("tokenizer.json"), json).unwrap();
}

#[test]
fn all_namings_of_bert_give_the_same_tower() {
    let folder = tempfile::tempdir().unwrap();
    let mut towers = Vec::new();
    for wrapper in ["", "bert.", "module.", "module.bert.", "state_dict.text_encoder."] {
        for old_norms in [false, true] {
            bert_files(folder.path(), wrapper, old_norms);
            towers.push(convert_text(folder.path()).unwrap());
        }
    }
    assert!(towers.iter().all(|tower| *tower == towers[0]));
    let first = filled("token_type", vec![2, 8]);
    assert_eq!(towers[0].tensors["token_type"].values, first.values[..8]);
    assert!(!towers[0].tensors.keys().any(|name| name.contains("pooler") || name.contains("cls")));
}

#[test]
fn a_bert_that_does_not_fit_its_configuration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    bert_files(folder.path(), "", false);
    let path = folder.path().join("config.json");
    let json = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, json.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3")).unwrap();
    let refused = convert_text(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("does not fit the config.json beside it: it lacks the tensor"), "{refused}");
    std::fs::write(&path, json.replace("\"vocab_size\": 7", "\"vocab_size\": 9")).unwrap();
    let refused = convert_text(folder.path()).unwrap_err().to_string();
    assert!(refused.ends_with("has the shape [7, 8] for word.weight, which should be [9, 8]"), "{refused}");
}

#[test]
fn a_convnext_and_a_bert_become_the_folder_that_training_starts_from() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("bert");
    std::fs::create_dir(&text).unwrap();
    bert_files(&text, "bert.", true);
    let vision = written(&folder.path().join("v.safetensors"), "model.", foreign(&convnext_shapes(&CONFIG), facebook));
    let sources = PretrainedSources { vision, vision_config: VisionConfig::Convnext(CONFIG), text: text.clone() };
    let out = folder.path().join("pretrained");
    convert_pretrained(&sources, &out).unwrap();
    let vision = TensorFile::read(&out.join("vision.safetensors")).unwrap();
    assert_eq!(differs(&vision.tensors, &convnext_shapes(&CONFIG)), None);
    let config: VisionConfig = serde_json::from_str(&vision.metadata[CONFIG_KEY]).unwrap();
    assert_eq!(config, VisionConfig::Convnext(CONFIG));
    let words = TensorFile::read(&out.join("text.safetensors")).unwrap().tensors["word.weight"].clone();
    assert_eq!(words, filled("word.weight", vec![7, 8]));
    assert_eq!(std::fs::read(out.join("tokenizer.json")).unwrap(), std::fs::read(text.join("tokenizer.json")).unwrap());

    write_tokenizer(&text, 6);
    let refused = convert_pretrained(&sources, &out).unwrap_err().to_string();
    assert!(refused.ends_with("has 6 words, the model 7: they do not belong together"), "{refused}");
}

#[test]
fn a_folded_convolution_is_the_convolution_and_its_norm() {
    let vector = |values: &[f32]| StoredTensor::new(vec![values.len()], values.to_vec());
    // Channel 0: gamma 2, beta 1, mean 3, variance 0.999 -> scale 2 / sqrt(1) = 2, bias 1 - 3 * 2 = -5.
    // Channel 1: gamma 1, beta 0, mean 0, variance 3.999 -> scale 1 / 2, bias 0.
    let weight = StoredTensor::new(vec![2, 1, 1, 1], vec![10.0, 10.0]);
    let norm = [vector(&[2.0, 1.0]), vector(&[1.0, 0.0]), vector(&[3.0, 0.0]), vector(&[0.999, 3.999])];
    let (weight, bias) = fold(&weight, norm.each_ref()).unwrap();
    let close = |found: &[f32], expected: &[f32]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(&weight.values, &[20.0, 5.0]), "{:?}", weight.values);
    assert!(close(&bias.values, &[-5.0, 0.0]), "{:?}", bias.values);
}

#[test]
fn a_convnext_of_another_size_is_refused_and_a_classifier_gets_its_output_norms() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/convnext_small_timm.safetensors");
    let foreign = TensorFile::read(&fixture).unwrap().under("weights.");
    let (mut tensors, left_out) = key_map::rename(foreign, key_map::convnext).unwrap();
    let config = ConvNextConfig { depths: [1, 1, 2, 1], channels: [8, 16, 32, 64] };
    tensors.remove("norms.2.gamma").unwrap();
    let complete = complete_convnext(tensors.clone(), &left_out, &config).unwrap();
    assert_eq!(complete["norms.2.gamma"].values, [1.0; 32]);
    // A norm that the file has is kept.
    assert_eq!(complete["norms.2.beta"], tensors["norms.2.beta"]);
    let deeper = ConvNextConfig { depths: [1, 1, 3, 1], ..config };
    let refused = complete_convnext(tensors.clone(), &[], &deeper).unwrap_err();
    assert!(refused.starts_with("is a ConvNeXt of [1, 1, 2, 1] blocks"), "{refused}");
    let refused = complete_convnext(tensors.clone(), &[], &ConvNextConfig::base()).unwrap_err();
    assert!(refused.ends_with("not the ConvNeXt-B that was asked for"), "{refused}");
    tensors.remove("stages.2.1.widen.bias").unwrap();
    let refused = complete_convnext(tensors, &[], &config).unwrap_err();
    assert_eq!(refused, "lacks the tensor that is called stages.2.1.widen.bias here");
}
