//! Between the parameters of a Burn module and named tensors.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::report::{LoadReport, Misshapen};
use super::tensor_file::StoredTensor;
use crate::error::ModelError;

/// The names around a parameter, outermost first. The variant of an enum is no part of a name.
#[derive(Default)]
pub(crate) struct NameStack(Vec<Option<String>>);

impl NameStack {
    /// Goes into the field `name` of a module of type `container`.
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        let shown = !container.starts_with("Enum:");
        self.0.push(shown.then(|| name.to_owned()));
    }

    /// Comes out of it again.
    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    /// The names so far, joined by dots.
    pub(crate) fn name(&self) -> String {
        let parts: Vec<&str> = self.0.iter().flatten().map(String::as_str).collect();
        parts.join(".")
    }
}

/// The module with every parameter replaced that has a tensor of its name and shape, and what happened to each tensor.
///
/// Names are those of the fields from the module down, joined by dots. Nothing is skipped in silence: check
/// [`LoadReport::is_complete`]. Whether a parameter is trained stays as it was.
pub fn load_into<B: Backend, M: Module<B>>(module: M, tensors: &BTreeMap<String, StoredTensor>) -> (M, LoadReport) {
    let mut loader =
        Loader { tensors, names: NameStack::default(), seen: BTreeSet::new(), report: LoadReport::default() };
    let module = module.map(&mut loader);
    let Loader { seen, mut report, .. } = loader;
    report.unused = tensors.keys().filter(|name| !seen.contains(*name)).cloned().collect();
    (module, report)
}

/// The float parameters of a module as named tensors.
///
/// # Errors
/// [`ModelError::Device`] when a parameter cannot be read from the device.
pub fn tensors_of<B: Backend, M: Module<B>>(module: &M) -> Result<BTreeMap<String, StoredTensor>, ModelError> {
    let mut collector = Collector { names: NameStack::default(), tensors: BTreeMap::new(), failure: None };
    module.visit(&mut collector);
    match collector.failure {
        Some(reason) => Err(ModelError::Device(reason)),
        None => Ok(collector.tensors),
    }
}

/// Names and shapes of the float parameters of a module, without making the parameters.
pub fn shapes_of<B: Backend, M: Module<B>>(module: &M) -> BTreeMap<String, Vec<usize>> {
    let mut surveyor = Surveyor::default();
    module.visit(&mut surveyor);
    surveyor.shapes
}

#[derive(Default)]
struct Surveyor {
    names: NameStack,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl<B: Backend> ModuleVisitor<B> for Surveyor {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.names.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.names.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.shapes.insert(self.names.name(), param.lazy_shape().to_vec());
    }
}

struct Loader<'a> {
    tensors: &'a BTreeMap<String, StoredTensor>,
    names: NameStack,
    seen: BTreeSet<String>,
    report: LoadReport,
}

impl<B: Backend> ModuleMapper<B> for Loader<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.names.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.names.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let name = self.names.name();
        let Some(tensor) = self.tensors.get(&name) else {
            self.report.missing.push(name);
            return param;
        };
        self.seen.insert(name.clone());
        let expected = param.lazy_shape().to_vec();
        if tensor.shape != expected {
            self.report.misshapen.push(Misshapen { name, expected, found: tensor.shape.clone() });
            return param;
        }
        self.report.applied.push(name);
        let data = TensorData::new(tensor.values.clone(), tensor.shape.clone());
        let value = Tensor::from_data(data, &param.lazy_device());
        let id = param.id;
        param.transform_for_load(value, id)
    }
}

struct Collector {
    names: NameStack,
    tensors: BTreeMap<String, StoredTensor>,
    failure: Option<String>,
}

impl<B: Backend> ModuleVisitor<B> for Collector {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.names.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.names.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let name = self.names.name();
        let tensor = param.transform_for_save().val();
        let shape = tensor.dims().to_vec();
        match tensor.into_data().convert::<f32>().into_vec::<f32>() {
            Ok(values) => {
                self.tensors.insert(name, StoredTensor::new(shape, values));
            }
            Err(cause) => self.failure = Some(format!("cannot read parameter {name}: {cause:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn_flex::{Flex, FlexDevice};

    use super::*;
    use crate::vision::{EfficientNetLiteConfig, VisionConfig, VisionTower};

    fn tower() -> VisionTower<Flex> {
        VisionConfig::EfficientnetLite(EfficientNetLiteConfig { variant: 0 }).init(&FlexDevice)
    }

    #[test]
    fn weights_go_out_and_come_back_under_the_names_of_the_fields() {
        let tensors = tensors_of(&tower()).unwrap();
        assert_eq!(tensors["stem.weight"].shape, [32, 3, 3, 3]);
        assert_eq!(tensors["blocks.15.project.bias"].shape, [320]);
        let shapes = shapes_of(&tower());
        assert!(shapes.len() == tensors.len() && shapes.iter().all(|(name, shape)| tensors[name].shape == *shape));
        let (other, report) = load_into(tower(), &tensors);
        assert!(report.is_complete(), "{report}");
        assert_eq!(tensors_of(&other).unwrap(), tensors);
    }

    #[test]
    fn what_does_not_fit_is_named_and_not_applied() {
        let mut tensors = tensors_of(&tower()).unwrap();
        let stem = tensors.remove("stem.bias").unwrap();
        tensors.insert("stem.bais".to_owned(), stem);
        tensors.insert("stem.weight".to_owned(), StoredTensor::new(vec![1], vec![9.0]));
        let (kept, report) = load_into(tower(), &tensors);
        assert_eq!(report.missing, ["stem.bias"]);
        assert_eq!(report.unused, ["stem.bais"]);
        assert_eq!(report.misshapen.len(), 1);
        assert_eq!(report.misshapen[0].expected, [32, 3, 3, 3]);
        assert_eq!(tensors_of(&kept).unwrap()["stem.weight"].shape, [32, 3, 3, 3]);
    }
}
