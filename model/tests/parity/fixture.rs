//! A fixture: weights, inputs, and the reference's outputs and gradients, each of which must be compared.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Int, Tensor, TensorData};
use burn_flex::{Flex, FlexDevice};
use model::text::TokenBatch;
use model::weights::{StoredTensor, TensorFile, key_map, load_into};

/// The processor, with gradients.
pub(crate) type Graded = Autodiff<Flex>;

/// Largest difference allowed, relative to the largest value of the reference.
pub(crate) const TOLERANCE: f32 = 1e-4;
/// A gradient that is zero in exact arithmetic is rounding noise on both sides: differences count relative to at least
/// this share of the largest gradient of the layer.
const GRADIENT_FLOOR: f32 = 1e-2;
/// Folder of the full-size fixtures.
const FULL: &str = "GEOPHRASE_PARITY";
/// File that each compared fixture adds a row to.
const ROWS: &str = "GEOPHRASE_PARITY_ROWS";

/// One file of the reference's numbers. Dropped before every output and gradient was compared, it fails the test.
pub(crate) struct Fixture {
    name: String,
    pub(crate) file: TensorFile,
    /// Whether every output and gradient has to be compared.
    whole: bool,
    compared: RefCell<BTreeSet<String>>,
    worst_value: Cell<Option<f32>>,
    worst_gradient: Cell<Option<f32>>,
}

impl Fixture {
    /// One that lies in the repository.
    pub(crate) fn committed(name: &str) -> Self {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"), name)
    }

    /// The inputs of one that another test compares.
    pub(crate) fn lent(name: &str) -> Self {
        let mut fixture = Self::committed(name);
        fixture.whole = false;
        fixture
    }

    /// One of full size, or none with a notice.
    pub(crate) fn full(name: &str) -> Option<Self> {
        let Some(folder) = std::env::var_os(FULL) else {
            eprintln!("SKIPPED: {name} needs the full-size fixtures; `make parity` makes and compares them");
            return None;
        };
        Some(Self::read(Path::new(&folder), name))
    }

    fn read(folder: &Path, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            file: TensorFile::read(&folder.join(format!("{name}.safetensors"))).unwrap(),
            whole: true,
            compared: RefCell::default(),
            worst_value: Cell::default(),
            worst_gradient: Cell::default(),
        }
    }

    /// What the exporter wrote beside the tensors.
    pub(crate) fn facts(&self) -> serde_json::Value {
        serde_json::from_str(&self.file.metadata["facts"]).unwrap()
    }

    /// Rows and columns of the pyramid levels that the fixture was made with.
    pub(crate) fn levels(&self) -> Vec<(usize, usize)> {
        serde_json::from_value(self.facts()["levels"].clone()).unwrap()
    }

    /// The module with exactly the fixture's weights: nothing missing, nothing left over.
    pub(crate) fn load<B: Backend, M: Module<B>>(&self, module: M) -> M {
        loaded(module, &self.file.under("weights."))
    }

    pub(crate) fn stored(&self, key: &str) -> &StoredTensor {
        self.file.tensors.get(key).unwrap_or_else(|| panic!("{} has no {key}", self.name))
    }

    pub(crate) fn tensor<B: Backend, const D: usize>(&self, key: &str) -> Tensor<B, D> {
        let StoredTensor { shape, values } = self.stored(key);
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), &B::Device::default())
    }

    /// An input without gradient.
    pub(crate) fn input<B: Backend, const D: usize>(&self, name: &str) -> Tensor<B, D> {
        self.tensor(&format!("input.{name}"))
    }

    /// An input with gradient.
    pub(crate) fn leaf<const D: usize>(&self, name: &str) -> Tensor<Graded, D> {
        self.input::<Graded, D>(name).require_grad()
    }

    /// The input `ignored`: true for padding.
    pub(crate) fn ignored<B: Backend>(&self) -> Tensor<B, 2, Bool> {
        self.input::<B, 2>("ignored").greater_elem(0.5)
    }

    /// Ids and padding as the encoder takes them; the fixture's mask has BERT's own polarity, 1 = real.
    pub(crate) fn tokens<B: Backend>(&self) -> (Tensor<B, 2, Int>, Tensor<B, 2, Bool>) {
        let ids = self.stored("input.ids");
        let masks = self.stored("input.mask").values.chunks(ids.shape[1]);
        let rows: Vec<Vec<u32>> = (ids.values.chunks(ids.shape[1]).zip(masks))
            .map(|(ids, mask)| {
                ids.iter().zip(mask).filter(|(_, real)| **real == 1.0).map(|(id, _)| *id as u32).collect()
            })
            .collect();
        TokenBatch::from_rows(&rows, ids.shape[1]).to_tensors(&B::Device::default())
    }

    /// Fails where an output differs by more than the tolerance, and prints by how much it does.
    pub(crate) fn output<B: Backend, const D: usize>(&self, name: &str, found: Tensor<B, D>) {
        let key = format!("output.{name}");
        assert_eq!(found.dims().to_vec(), self.stored(&key).shape, "shape of {name} of {}", self.name);
        let expected = self.stored(&key).values.clone();
        self.value(&key, &values(found), &expected);
    }

    /// The same for real tokens only: what stands in the place of padding has no meaning and no reader.
    pub(crate) fn features<B: Backend>(&self, name: &str, found: Tensor<B, 3>) {
        let key = format!("output.{name}");
        assert_eq!(found.dims().to_vec(), self.stored(&key).shape, "shape of {name} of {}", self.name);
        let real = |values: &[f32]| self.real_tokens(values);
        self.value(&key, &real(&values(found)), &real(&self.stored(&key).values));
    }

    pub(crate) fn real_tokens(&self, values: &[f32]) -> Vec<f32> {
        let mask = &self.stored("input.mask").values;
        let width = values.len() / mask.len();
        values.chunks(width).zip(mask).filter(|(_, real)| **real == 1.0).flat_map(|(row, _)| row.to_vec()).collect()
    }

    fn value(&self, key: &str, found: &[f32], expected: &[f32]) {
        let error = relative_error(found, expected, largest(expected));
        self.judge(key, error, TOLERANCE, &self.worst_value);
    }

    /// Fails where a gradient differs by more than the tolerance; `None` is a gradient of zero.
    pub(crate) fn gradient<const D: usize>(&self, name: &str, found: Option<Tensor<Flex, D>>) {
        let key = format!("gradient.{name}");
        let expected = &self.stored(&key).values;
        let found = found.map_or_else(|| vec![0.0; expected.len()], values);
        let scale = largest(expected).max(GRADIENT_FLOOR * self.largest_gradient());
        let tolerance = self.facts()["gradient_tolerance"].as_f64().map_or(TOLERANCE, |tolerance| tolerance as f32);
        self.judge(&key, relative_error(&found, expected, scale), tolerance, &self.worst_gradient);
    }

    /// Whether the reference has this gradient.
    pub(crate) fn has_gradient(&self, name: &str) -> bool {
        self.file.tensors.contains_key(&format!("gradient.{name}"))
    }

    fn largest_gradient(&self) -> f32 {
        let gradients = self.file.tensors.iter().filter(|(key, _)| key.starts_with("gradient."));
        gradients.fold(0.0, |most, (_, tensor)| most.max(largest(&tensor.values)))
    }

    fn judge(&self, key: &str, error: f32, tolerance: f32, worst: &Cell<Option<f32>>) {
        println!("{}, {key}: {error:.1e}", self.name);
        assert!(error <= tolerance, "{}, {key}: error {error:e} relative to the largest value", self.name);
        self.compared.borrow_mut().insert(key.to_owned());
        worst.set(Some(worst.get().map_or(error, |most| most.max(error))));
    }

    /// Weights and gradients under `tower` renamed from a foreign dialect to ours, the rest kept.
    pub(crate) fn rename(&mut self, tower: &str, key_map: fn(&str) -> Option<key_map::Target>) {
        for group in ["weights.", "gradient.weights."] {
            let prefix = format!("{group}{tower}");
            let (renamed, _) = key_map::rename(self.file.under(&prefix), key_map).unwrap();
            self.file.tensors.retain(|name, _| !name.starts_with(&prefix));
            self.file.insert_under(&prefix, renamed);
        }
    }

    /// Adds a row for the table of results, where one is asked for.
    fn record(&self) {
        let Some(path) = std::env::var_os(ROWS).map(PathBuf::from) else { return };
        let facts = self.facts();
        let number = |error: Option<f32>| error.map_or_else(String::new, |error| format!("{error:e}"));
        let [value, gradient] = [&self.worst_value, &self.worst_gradient].map(|worst| number(worst.get()));
        let text = |key: &str| facts[key].as_str().unwrap().to_owned();
        let extra = ["gradient_tolerance", "rounding"]
            .map(|key| facts[key].as_f64().map_or_else(String::new, |x| x.to_string()));
        let columns =
            [self.name.clone(), text("layer"), text("reference"), value, gradient, extra[0].clone(), extra[1].clone()];
        let row = columns.join("\t") + "\n";
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(row.as_bytes()).unwrap();
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if std::thread::panicking() || !self.whole {
            return;
        }
        let compared = self.compared.borrow();
        let wanted = |key: &&String| key.starts_with("output.") || key.starts_with("gradient.");
        let forgotten: Vec<_> =
            self.file.tensors.keys().filter(wanted).filter(|key| !compared.contains(*key)).collect();
        assert!(forgotten.is_empty(), "{} was left with {forgotten:?} not compared", self.name);
        self.record();
    }
}

/// The module with exactly these weights.
pub(crate) fn loaded<B: Backend, M: Module<B>>(module: M, weights: &BTreeMap<String, StoredTensor>) -> M {
    let (module, report) = load_into(module, weights);
    assert!(report.is_complete(), "{report}");
    module
}

pub(crate) fn values<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    tensor.into_data().into_vec().unwrap()
}

pub(crate) const DEVICE: FlexDevice = FlexDevice;

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most: f32, value| most.max(value.abs()))
}

/// Largest difference, relative to `scale`; a value that is no number is infinitely wrong.
pub(crate) fn relative_error(found: &[f32], expected: &[f32], scale: f32) -> f32 {
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(expected).fold(0.0_f32, |most, (a, b)| {
        let difference = (a - b).abs();
        if difference.is_nan() { f32::INFINITY } else { most.max(difference) }
    });
    // Zero against zero is no error; anything else against zero is one.
    if worst == 0.0 { 0.0 } else { worst / scale }
}

#[test]
fn an_error_counts_relative_to_the_largest_value_and_no_number_is_the_largest_error() {
    // |2.0 - 2.5| = 0.5 where the largest expected value is 5.
    assert_eq!(relative_error(&[2.0, 5.0], &[2.5, 5.0], 5.0), 0.1);
    assert_eq!(relative_error(&[f32::NAN], &[1.0], 1.0), f32::INFINITY);
    assert_eq!(relative_error(&[1.0], &[0.0], 0.0), f32::INFINITY);
}

#[test]
#[should_panic(expected = "relative to the largest value")]
fn a_value_that_is_off_by_more_than_the_tolerance_fails() {
    let fixture = Fixture::committed("presence_head");
    let off = fixture.tensor::<Flex, 2>("output.logit") * (1.0 + 2.0 * TOLERANCE);
    fixture.output("logit", off);
}

#[test]
#[should_panic(expected = "not compared")]
fn an_output_that_nobody_compares_fails() {
    drop(Fixture::committed("presence_head"));
}
