//! A running average of the weights, which generalises better than the weights of any one step.

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

/// Moves `average` towards `current`: `average = decay * average + (1 - decay) * current`.
///
/// The two must be the same module with the same parameter ids. What is not trained stays as it is.
pub(crate) fn follow<B, A, M>(average: M::InnerModule, current: &M, decay: f64) -> M::InnerModule
where
    B: Backend,
    A: AutodiffBackend<InnerBackend = B>,
    M: AutodiffModule<A>,
    M::InnerModule: Module<B>,
{
    let mut values = Values::default();
    current.visit(&mut values);
    average.map(&mut Follower { values: values.0, decay })
}

/// The trained weights by parameter: Burn's container of gradients holds any tensors.
#[derive(Default)]
struct Values(GradientsParams);

impl<A: AutodiffBackend> ModuleVisitor<A> for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<A, D>>) {
        let value = param.val();
        if value.is_require_grad() {
            self.0.register::<A::InnerBackend, D>(param.id, value.inner());
        }
    }
}

struct Follower {
    values: GradientsParams,
    decay: f64,
}

impl<B: Backend> ModuleMapper<B> for Follower {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let Some(current) = self.values.remove::<B, D>(param.id) else {
            return param;
        };
        let (id, tensor, mapper) = param.consume();
        let moved = tensor.mul_scalar(self.decay) + current.mul_scalar(1.0 - self.decay);
        Param::from_mapped_value(id, moved, mapper)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::backend::Autodiff;
    use burn::nn::{Initializer, LinearConfig};

    use super::*;

    type Cpu = burn_flex::Flex;

    #[test]
    fn the_average_moves_a_share_of_the_way_and_leaves_what_is_frozen() {
        let device = Default::default();
        let mut current = LinearConfig::new(1, 1).with_initializer(Initializer::Ones).init::<Autodiff<Cpu>>(&device);
        let start = current.valid();
        current.weight = current.weight.map(|weight| Tensor::from_inner(weight.inner().add_scalar(1.0)).require_grad());
        current.bias = current
            .bias
            .map(|bias| bias.map(|bias| Tensor::from_inner(bias.inner().add_scalar(1.0))).set_require_grad(false));
        let moved = follow::<Cpu, _, _>(start.clone(), &current, 0.75);
        let step: f32 = (moved.weight.val() - start.weight.val()).into_scalar();
        assert!((step - 0.25).abs() < 1e-6);
        let bias = |linear: &burn::nn::Linear<Cpu>| linear.bias.as_ref().expect("a bias").val().into_scalar();
        assert_eq!(bias(&moved), bias(&start));
    }
}
