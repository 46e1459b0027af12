//! AdamW with a learning rate and a weight decay of their own for each group of parameters.

use std::collections::HashMap;

use burn::grad_clipping::GradientClippingConfig;
use burn::module::{AutodiffModule, ModuleVisitor, Param, ParamId};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::{AdamW, AdamWConfig, GradientsParams, Optimizer};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::{Deserialize, Serialize};

use super::parameters::Treatment;
use super::step::values;
use crate::error::ModelError;

type Adam<M, A> = OptimizerAdaptor<AdamW, M, A>;

/// State of all groups, by parameter; what a checkpoint keeps.
pub(crate) type OptimizerRecord<M, A> = <Adam<M, A> as Optimizer<M, A>>::Record;

/// What the bound on the gradient's norm is taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClipOver {
    /// Each parameter's gradient by itself.
    #[default]
    Parameter,
    /// The gradient of all parameters together.
    Model,
}

/// What AdamW does besides following the gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptimizerConfig {
    pub(crate) weight_decay: f32,
    /// Upper bound of the gradient's norm; 0 for none.
    pub(crate) clip: f32,
    pub(crate) clip_over: ClipOver,
}

/// Parameters that are treated alike.
struct Group<M: AutodiffModule<A>, A: AutodiffBackend> {
    treatment: Treatment,
    adam: Adam<M, A>,
}

/// AdamW over groups of parameters.
pub(crate) struct GroupedAdamW<M: AutodiffModule<A>, A: AutodiffBackend> {
    groups: Vec<Group<M, A>>,
    group_of: HashMap<ParamId, usize>,
    config: OptimizerConfig,
}

impl<M: AutodiffModule<A>, A: AutodiffBackend> GroupedAdamW<M, A> {
    /// An optimizer of the parameters in `trained`, without any state yet.
    pub(crate) fn new(trained: &[(ParamId, Treatment)], config: OptimizerConfig) -> Self {
        let each = config.clip > 0.0 && config.clip_over == ClipOver::Parameter;
        let mut groups: Vec<Group<M, A>> = Vec::new();
        let mut group_of = HashMap::new();
        for &(id, treatment) in trained {
            let index = groups.iter().position(|group| group.treatment == treatment).unwrap_or_else(|| {
                let weight_decay = if treatment.decays { config.weight_decay } else { 0.0 };
                let adam = AdamWConfig::new()
                    .with_epsilon(1e-8)
                    .with_weight_decay(weight_decay)
                    .with_grad_clipping(each.then_some(GradientClippingConfig::Norm(config.clip)))
                    .init();
                groups.push(Group { treatment, adam });
                groups.len() - 1
            });
            group_of.insert(id, index);
        }
        Self { groups, group_of, config }
    }

    /// Norm of the gradient of all parameters together.
    ///
    /// # Errors
    /// A device that fails.
    pub(crate) fn norm(&self, module: &M, gradients: &GradientsParams) -> Result<f64, ModelError> {
        let mut squares = Squares::<A::InnerBackend> { gradients, sums: Vec::new() };
        module.visit(&mut squares);
        if squares.sums.is_empty() {
            return Ok(0.0);
        }
        // One number is read from the device, not one per parameter.
        Ok(f64::from(values(Tensor::cat(squares.sums, 0).sum())?[0]).sqrt())
    }

    /// The module one step further; `norm` is that of the gradients.
    pub(crate) fn step(&mut self, rate: f64, mut module: M, gradients: GradientsParams, norm: f64) -> M {
        let bound = f64::from(self.config.clip);
        let clips = self.config.clip_over == ClipOver::Model && bound > 0.0 && norm > bound;
        let parts = (0..self.groups.len()).map(|_| GradientsParams::new()).collect();
        let scale = clips.then(|| bound / norm);
        let mut sorter = Sorter { group_of: &self.group_of, gradients, scale, parts };
        module.visit(&mut sorter);
        for (group, part) in self.groups.iter_mut().zip(sorter.parts) {
            module = group.adam.step(rate * group.treatment.rate, module, part);
        }
        module
    }

    /// The state of every parameter.
    pub(crate) fn to_record(&self) -> OptimizerRecord<M, A> {
        let mut record = OptimizerRecord::<M, A>::default();
        for group in &self.groups {
            record.extend(group.adam.to_record());
        }
        record
    }

    /// Goes on from a state; parameters that it does not know start anew, and those that are not trained are left out.
    pub(crate) fn load_record(mut self, record: &OptimizerRecord<M, A>) -> Self {
        let Self { groups, group_of, .. } = &mut self;
        let loaded = groups.drain(..).enumerate().map(|(index, group)| {
            let mut own = record.clone();
            own.retain(|id, _| group_of.get(id) == Some(&index));
            Group { treatment: group.treatment, adam: group.adam.load_record(own) }
        });
        let loaded = loaded.collect();
        self.groups = loaded;
        self
    }
}

/// Adds up the squares of each gradient.
struct Squares<'a, B: Backend> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<B, 1>>,
}

impl<A: AutodiffBackend> ModuleVisitor<A> for Squares<'_, A::InnerBackend> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<A, D>>) {
        if let Some(gradient) = self.gradients.get::<A::InnerBackend, D>(param.id) {
            self.sums.push(gradient.square().sum());
        }
    }
}

/// Hands each parameter's gradient to its group, scaled where the whole is too long.
struct Sorter<'a> {
    group_of: &'a HashMap<ParamId, usize>,
    gradients: GradientsParams,
    scale: Option<f64>,
    parts: Vec<GradientsParams>,
}

impl<A: AutodiffBackend> ModuleVisitor<A> for Sorter<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<A, D>>) {
        let Some(&group) = self.group_of.get(&param.id) else { return };
        let Some(gradient) = self.gradients.remove::<A::InnerBackend, D>(param.id) else { return };
        let gradient = match self.scale {
            Some(scale) => gradient.mul_scalar(scale),
            None => gradient,
        };
        self.parts[group].register::<A::InnerBackend, D>(param.id, gradient);
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::backend::Autodiff;
    use burn::nn::{Initializer, Linear, LinearConfig};
    use burn_flex::Flex;

    use super::*;

    type Ad = Autodiff<Flex>;

    /// A weight of 1 and a bias of 1, in groups of their own, with gradients of 3 and 4.
    fn stepped(config: OptimizerConfig, rates: [f64; 2], rate: f64) -> (f64, [f32; 2]) {
        let device = Default::default();
        let mut linear: Linear<Ad> = LinearConfig::new(1, 1).with_initializer(Initializer::Ones).init(&device);
        let one = linear.weight.val().reshape([1]).detach().require_grad();
        linear.bias = Some(Param::from_tensor(one));
        let bias = linear.bias.as_ref().expect("a bias").id;
        let trained = [
            (linear.weight.id, Treatment { rate: rates[0], decays: true }),
            (bias, Treatment { rate: rates[1], decays: false }),
        ];
        let mut optimizer = GroupedAdamW::<Linear<Ad>, Ad>::new(&trained, config);
        let mut gradients = GradientsParams::new();
        gradients.register::<Flex, 2>(linear.weight.id, Tensor::full([1, 1], 3.0, &device));
        gradients.register::<Flex, 1>(bias, Tensor::full([1], 4.0, &device));
        let norm = optimizer.norm(&linear, &gradients).expect("a norm");
        let linear = optimizer.step(rate, linear, gradients, norm);
        let values = [linear.weight.val().into_data(), linear.bias.expect("a bias").val().into_data()];
        (norm, values.map(|data| data.to_vec::<f32>().expect("floats")[0]))
    }

    fn config(weight_decay: f32) -> OptimizerConfig {
        OptimizerConfig { weight_decay, clip: 1.0, clip_over: ClipOver::Model }
    }

    #[test]
    fn the_norm_is_taken_over_all_parameters() {
        // sqrt(3^2 + 4^2)
        assert!((stepped(config(0.0), [1.0, 1.0], 0.1).0 - 5.0).abs() < 1e-6);
    }

    #[test]
    fn groups_have_their_own_rate_and_only_matrices_decay() {
        // The first step of Adam is as long as the rate, whatever the gradient: 1 - 0.1 and 1 - 0.5 * 0.1.
        let (_, [weight, bias]) = stepped(config(0.0), [1.0, 0.5], 0.1);
        assert!((weight - 0.9).abs() < 1e-5 && (bias - 0.95).abs() < 1e-5, "{weight} {bias}");
        // A decay of 2 at a rate of 0.1 takes another fifth of the weight: 1 - 0.2 - 0.1.
        let (_, [weight, bias]) = stepped(config(2.0), [1.0, 0.5], 0.1);
        assert!((weight - 0.7).abs() < 1e-5 && (bias - 0.95).abs() < 1e-5, "{weight} {bias}");
    }
}
