//! A running average of the weights, which generalises better than the weights of any one step.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

/// Moves `average` towards `current`: `average = decay * average + (1 - decay) * current`.
///
/// The two must be the same module with the same parameter ids.
pub(crate) fn follow<B: Backend, M: Module<B>>(average: M, current: &M, decay: f64) -> M {
    let mut values = Values::default();
    current.visit(&mut values);
    average.map(&mut Follower { values: values.0, decay })
}

#[derive(Default)]
struct Values(HashMap<ParamId, TensorData>);

impl<B: Backend> ModuleVisitor<B> for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.0.insert(param.id, param.val().into_data());
    }
}

struct Follower {
    values: HashMap<ParamId, TensorData>,
    decay: f64,
}

impl<B: Backend> ModuleMapper<B> for Follower {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let moved = match self.values.remove(&id) {
            Some(current) => {
                let current = Tensor::from_data(current, &tensor.device());
                tensor.mul_scalar(self.decay) + current.mul_scalar(1.0 - self.decay)
            }
            None => tensor,
        };
        Param::from_mapped_value(id, moved, mapper)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::nn::{Initializer, LinearConfig};

    use super::*;

    #[test]
    fn the_average_moves_a_share_of_the_way() {
        type Cpu = burn_flex::Flex;
        let device = Default::default();
        let start = LinearConfig::new(1, 1).with_initializer(Initializer::Ones).init::<Cpu>(&device);
        let mut current = start.clone();
        current.weight = current.weight.map(|weight| weight.add_scalar(1.0));
        let moved = follow(start.clone(), &current, 0.75);
        let step: f32 = (moved.weight.val() - start.weight.val()).into_scalar();
        assert!((step - 0.25).abs() < 1e-6);
    }
}
