//! AdamW with a learning rate and a weight decay of their own for each group of parameters.

use std::collections::HashMap;

use burn::grad_clipping::GradientClippingConfig;
use burn::module::{AutodiffModule, ModuleVisitor, Param, ParamId};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::{AdamW, AdamWConfig, GradientsParams, Optimizer};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use super::parameters::Treatment;

type Adam<M, A> = OptimizerAdaptor<AdamW, M, A>;

/// State of all groups, by parameter; what a checkpoint keeps.
pub(crate) type OptimizerRecord<M, A> = <Adam<M, A> as Optimizer<M, A>>::Record;

/// What AdamW does besides following the gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptimizerConfig {
    pub(crate) weight_decay: f32,
    /// Upper bound of each parameter's gradient norm; 0 for none.
    pub(crate) clip: f32,
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
}

impl<M: AutodiffModule<A>, A: AutodiffBackend> GroupedAdamW<M, A> {
    /// An optimizer of the parameters in `trained`, without any state yet.
    pub(crate) fn new(trained: &[(ParamId, Treatment)], config: OptimizerConfig) -> Self {
        let mut groups: Vec<Group<M, A>> = Vec::new();
        let mut group_of = HashMap::new();
        for &(id, treatment) in trained {
            let index = groups.iter().position(|group| group.treatment == treatment).unwrap_or_else(|| {
                let weight_decay = if treatment.decays { config.weight_decay } else { 0.0 };
                let clipping = (config.clip > 0.0).then_some(GradientClippingConfig::Norm(config.clip));
                let adam = AdamWConfig::new()
                    .with_epsilon(1e-8)
                    .with_weight_decay(weight_decay)
                    .with_grad_clipping(clipping)
                    .init();
                groups.push(Group { treatment, adam });
                groups.len() - 1
            });
            group_of.insert(id, index);
        }
        Self { groups, group_of }
    }

    /// The module one step further.
    pub(crate) fn step(&mut self, rate: f64, mut module: M, gradients: GradientsParams) -> M {
        let parts = (0..self.groups.len()).map(|_| GradientsParams::new()).collect();
        let mut sorter = Sorter { group_of: &self.group_of, gradients, parts };
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
        let Self { groups, group_of } = &mut self;
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

/// Hands each parameter's gradient to its group.
struct Sorter<'a> {
    group_of: &'a HashMap<ParamId, usize>,
    gradients: GradientsParams,
    parts: Vec<GradientsParams>,
}

impl<A: AutodiffBackend> ModuleVisitor<A> for Sorter<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<A, D>>) {
        let Some(&group) = self.group_of.get(&param.id) else { return };
        if let Some(gradient) = self.gradients.remove::<A::InnerBackend, D>(param.id) {
            self.parts[group].register::<A::InnerBackend, D>(param.id, gradient);
        }
    }
}
