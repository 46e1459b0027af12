use safetensors::tensor::{Dtype as Stored, TensorView};

use super::super::tensor_file::{Precision, StoredTensor, TensorFile};
use super::super::towers::convnext_shapes;
use super::*;
use crate::vision::ConvNextConfig;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn write(path: &Path, tensors: &[(&str, Vec<usize>)]) {
    let tensors = tensors
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), StoredTensor::new(shape.clone(), vec![0.5; shape.iter().product()])));
    let file = TensorFile { tensors: tensors.collect(), ..TensorFile::default() };
    file.write(path, Precision::Exact).unwrap();
}

/// A model whose vision tower is the ConvNeXt of the checkpoint fixtures.
fn target() -> FitTarget {
    let tower = convnext_shapes(&ConvNextConfig { depths: [1; 4], channels: [4, 8, 16, 32] });
    let mut shapes: BTreeMap<String, Vec<usize>> =
        tower.into_iter().map(|(name, shape)| (format!("vision.{name}"), shape)).collect();
    shapes.insert("decoder.query".to_owned(), vec![3]);
    FitTarget { name: "tiny".to_owned(), shapes }
}

#[test]
fn a_checkpoint_is_told_by_dialect_wrapper_and_size_and_fits_the_tower_it_is_for() {
    let report = inspect(&fixture("checkpoint_zip.pth"), Some(&target())).unwrap();
    assert_eq!((report.format, report.checksum), ("PyTorch zip", Checksum::Right));
    assert_eq!(report.dialect.as_deref(), Some("ConvNeXt, Facebook's names"));
    assert_eq!(report.wrapper, "model.");
    assert_eq!(report.size.as_deref(), Some("ConvNeXt of [1, 1, 1, 1] blocks and [4, 8, 16, 32] channels"));
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let fit = report.fit.clone().unwrap();
    assert!(fit.is_complete(), "{fit:?}");
    assert_eq!(fit.part, "vision.");
    // Four stages with a norm of two vectors each, which classifiers lack.
    assert_eq!(fit.filled.len(), 8);
    assert!(fit.left_out.contains(&"model.head.weight".to_owned()));
    assert!(fit.left_out.contains(&"model_ema.norm.bias".to_owned()));
    let table = report.table();
    assert!(table.contains("for the model tiny (its vision tower): 52 applied, 0 missing"), "{table}");
}

#[test]
fn numbers_and_hashes_of_tensors_do_not_depend_on_the_kind_of_file() {
    let zip = inspect(&fixture("torch_zip.pth"), None).unwrap();
    let old = inspect(&fixture("torch_old.pth"), None).unwrap();
    assert_eq!(zip.tensors, old.tensors);
    assert_ne!(zip.blake3, old.blake3);
    assert_eq!(old.checksum, Checksum::Absent);
    let half = zip.tensors.iter().find(|tensor| tensor.name == "half").unwrap();
    assert_eq!((half.dtype, half.min, half.max, half.nan), ("f16", Some(-2.25), Some(1.5), 0));
    let count = zip.tensors.iter().find(|tensor| tensor.name == "count").unwrap();
    assert_eq!((count.dtype, count.min), ("i64", None));
    // The same values in a safetensors file.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let turned: Vec<f32> = (0..24).map(|at| (6 * (at % 4) + 2 * (at / 4 % 3) + at / 12) as f32).collect();
    let tensors = BTreeMap::from([("turned".to_owned(), StoredTensor::new(vec![2, 3, 4], turned))]);
    TensorFile { tensors, ..TensorFile::default() }.write(&path, Precision::Exact).unwrap();
    let other = inspect(&path, None).unwrap();
    let turned = zip.tensors.iter().find(|tensor| tensor.name == "turned").unwrap();
    assert_eq!(other.tensors[0].blake3, turned.blake3);
}

#[test]
fn a_misspelt_tensor_is_asked_about_and_a_misshapen_one_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let shapes = [("a.weight", vec![2, 3]), ("b.bias", vec![4]), ("c", vec![5])];
    let target = FitTarget {
        name: "m".to_owned(),
        shapes: shapes.iter().map(|(name, shape)| ((*name).to_owned(), shape.clone())).collect(),
    };
    write(&path, &[("a.wieght", vec![2, 3]), ("b.bias", vec![7]), ("c", vec![5])]);
    let report = inspect(&path, Some(&target)).unwrap();
    let fit = report.fit.clone().unwrap();
    assert_eq!(fit.applied, ["c"]);
    assert_eq!(fit.missing, ["a.weight"]);
    assert_eq!(fit.unused, ["a.wieght"]);
    assert_eq!(fit.misshapen, [Misshapen { name: "b.bias".into(), expected: vec![4], found: vec![7] }]);
    assert!(!fit.is_complete());
    let table = report.table();
    assert!(table.contains("  missing: a.weight (did you mean a.wieght?)\n"), "{table}");
    assert!(table.contains("  misshapen: b.bias is [7] and should be [4]\n"), "{table}");
}

#[test]
fn values_that_are_no_numbers_are_counted_and_the_file_called_unusable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let raw: Vec<u8> =
        [1.0_f32, f32::NAN, f32::NEG_INFINITY, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = TensorView::new(Stored::F32, vec![4], &raw).unwrap();
    std::fs::write(&path, safetensors::serialize([("w", view)], None).unwrap()).unwrap();
    let report = inspect(&path, None).unwrap();
    let tensor = &report.tensors[0];
    assert_eq!((tensor.nan, tensor.infinite, tensor.min, tensor.max), (1, 1, Some(-2.0), Some(1.0)));
    assert_eq!(report.problems, ["tensor w has 1 NaN and 1 infinite values"]);
    assert!(report.table().contains("REFUSED: tensor w has 1 NaN"));
}

#[test]
fn a_flipped_byte_is_told_by_the_checksum_and_a_cut_file_by_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    write(&path, &[("w", vec![8])]);
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    std::fs::write(&path, flipped).unwrap();
    let report = inspect(&path, None).unwrap();
    assert_eq!(report.checksum, Checksum::Wrong);
    assert_eq!(report.problems.len(), 1);
    std::fs::write(&path, &whole[..last]).unwrap();
    assert!(inspect(&path, None).unwrap_err().to_string().contains("cut short"));
}

#[test]
fn a_model_folder_with_another_tokenizer_is_called_unusable() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = BTreeMap::from([("w".to_owned(), StoredTensor::new(vec![2], vec![0.5, 1.5]))]);
    let parts = super::super::folder::ModelParts {
        config_json: "{}",
        tensors: &TensorFile { tensors, ..TensorFile::default() },
        precision: Precision::Compact,
        tokenizer_json: b"words",
        card: "",
    };
    ModelFolder::write(folder.path(), &parts).unwrap();
    assert!(inspect(folder.path(), None).unwrap().problems.is_empty());
    std::fs::write(folder.path().join("tokenizer.json"), "others").unwrap();
    let problems = inspect(folder.path(), None).unwrap().problems;
    assert!(problems[0].contains("tokenizer.json is not the one"), "{problems:?}");
}
