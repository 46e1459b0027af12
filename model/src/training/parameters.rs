//! Which parameters a run trains, how fast, and which of them decay.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::crobim_u::CrobimU;
use crate::vision::VisionConfig;
use crate::weights::NameStack;

/// How the two towers are trained; frozen unless a rate is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TowersConfig {
    /// Factor on the learning rate for the vision tower; 0 freezes it.
    pub vision_rate: f64,
    /// Factor on the learning rate for the text tower; 0 freezes it.
    pub text_rate: f64,
    /// The vision tower's first block that is trained, counted from the image; 0 trains the stem too.
    pub vision_from_block: usize,
    /// Trains only this many of the text tower's layers, from the words up, and no embeddings; 0 trains all there is.
    pub text_layers: usize,
    /// Share of the samples that skip the last block of a trained ConvNeXt, less for earlier blocks.
    pub drop_path: f64,
}

impl TowersConfig {
    /// What makes the training of these towers impossible, if anything does.
    pub(crate) fn check(&self, vision: &VisionConfig) -> Result<(), String> {
        let rates = [self.vision_rate, self.text_rate];
        if rates.iter().any(|rate| !rate.is_finite() || *rate < 0.0) {
            return Err("a factor on the learning rate cannot be negative".into());
        }
        if !(0.0..1.0).contains(&self.drop_path) {
            return Err(format!("drop_path {} is not in 0 to 1", self.drop_path));
        }
        if self.drop_path > 0.0 && !(self.vision_rate > 0.0 && matches!(vision, VisionConfig::Convnext(_))) {
            return Err("drop_path is for a ConvNeXt that is trained".into());
        }
        Ok(())
    }
}

/// What happens to one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Treatment {
    /// Factor on the learning rate; 0 for a parameter that stays as it is.
    pub(crate) rate: f64,
    /// Whether weight decay pulls at it.
    pub(crate) decays: bool,
}

/// The treatment of every parameter of a model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrainingPlan {
    pub(crate) towers: TowersConfig,
    pub(crate) vision: VisionConfig,
}

impl TrainingPlan {
    /// What happens to the parameter `name` of a [`CrobimU`] that has `rank` dimensions.
    pub(crate) fn treatment(&self, name: &str, rank: usize) -> Treatment {
        let rate = match name.split_once('.') {
            Some(("vision", rest)) if self.vision_block(rest) >= self.towers.vision_from_block => {
                self.towers.vision_rate
            }
            Some(("text", rest)) if self.text_trains(rest) => self.towers.text_rate,
            Some(("vision" | "text", _)) => 0.0,
            _ => 1.0,
        };
        Treatment { rate, decays: rank > 1 && !is_table(name) }
    }

    /// The block that a parameter of the vision tower belongs to.
    fn vision_block(&self, name: &str) -> usize {
        let mut parts = name.split('.');
        let kind = parts.next().unwrap_or_default();
        let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok()).unwrap_or_default();
        match (kind, &self.vision) {
            ("blocks", _) => number(),
            // The stem's norm and convolution come before block 0, the others before the first block of their stage.
            ("downsample", VisionConfig::Convnext(config)) => config.depths.iter().take(number()).sum(),
            ("stages", VisionConfig::Convnext(config)) => {
                let before: usize = config.depths.iter().take(number()).sum();
                before + number()
            }
            // The norms of the levels stand behind all blocks.
            ("norms", _) => usize::MAX,
            _ => 0,
        }
    }

    fn text_trains(&self, name: &str) -> bool {
        let layers = self.towers.text_layers;
        let layer = name.strip_prefix("layers.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        layers == 0 || layer.is_some_and(|layer| layer < layers)
    }

    /// The model with gradients switched on where it is to be trained, and off elsewhere.
    pub(crate) fn freeze<B: Backend>(&self, model: CrobimU<B>) -> CrobimU<B> {
        model.map(&mut Freezer { plan: self, names: NameStack::default() })
    }

    /// The trained parameters and their treatment, in the order of the module.
    pub(crate) fn trained<B: Backend>(&self, model: &CrobimU<B>) -> Vec<(ParamId, Treatment)> {
        let mut lister = Lister { plan: self, names: NameStack::default(), trained: Vec::new() };
        model.visit(&mut lister);
        lister.trained
    }
}

/// Tables of learned vectors, which are looked up or added rather than multiplied.
fn is_table(name: &str) -> bool {
    const TABLES: [&str; 5] =
        ["text.word.weight", "text.position", "text.token_type", "decoder.level_embedding", "decoder.visual_prompts"];
    TABLES.contains(&name)
}

struct Freezer<'a> {
    plan: &'a TrainingPlan,
    names: NameStack,
}

impl<B: Backend> ModuleMapper<B> for Freezer<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.names.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.names.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let trained = self.plan.treatment(&self.names.name(), D).rate > 0.0;
        param.set_require_grad(trained)
    }
}

struct Lister<'a> {
    plan: &'a TrainingPlan,
    names: NameStack,
    trained: Vec<(ParamId, Treatment)>,
}

impl<B: Backend> ModuleVisitor<B> for Lister<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.names.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.names.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let treatment = self.plan.treatment(&self.names.name(), D);
        if treatment.rate > 0.0 {
            self.trained.push((param.id, treatment));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::ConvNextConfig;

    fn plan(towers: TowersConfig) -> TrainingPlan {
        TrainingPlan {
            towers,
            vision: VisionConfig::Convnext(ConvNextConfig { depths: [1, 2, 1, 1], channels: [8; 4] }),
        }
    }

    #[test]
    fn towers_are_frozen_unless_a_rate_is_given() {
        let plan = plan(TowersConfig::default());
        assert_eq!(plan.treatment("vision.stages.0.0.widen.weight", 2).rate, 0.0);
        assert_eq!(plan.treatment("text.layers.0.query.weight", 2).rate, 0.0);
        assert_eq!(plan.treatment("decoder.text_projection.weight", 2), Treatment { rate: 1.0, decays: true });
    }

    #[test]
    fn training_begins_at_the_block_that_was_named() {
        let plan = plan(TowersConfig { vision_rate: 0.5, vision_from_block: 2, ..TowersConfig::default() });
        let rate = |name: &str| plan.treatment(name, 2).rate;
        // Blocks 0 | 1 2 | 3 | 4 in stages of 1, 2, 1 and 1; a downsample counts with the block behind it.
        assert_eq!([rate("vision.downsample.1.conv.weight"), rate("vision.stages.1.0.widen.weight")], [0.0, 0.0]);
        assert_eq!([rate("vision.stages.1.1.widen.weight"), rate("vision.downsample.2.conv.weight")], [0.5, 0.5]);
        assert_eq!(rate("vision.norms.0.gamma"), 0.5);
    }

    #[test]
    fn of_the_text_tower_the_lower_layers_may_be_trained_alone() {
        let plan = plan(TowersConfig { text_rate: 1.0, text_layers: 10, ..TowersConfig::default() });
        assert_eq!(plan.treatment("text.layers.9.query.weight", 2).rate, 1.0);
        assert_eq!(plan.treatment("text.layers.10.query.weight", 2).rate, 0.0);
        assert_eq!(plan.treatment("text.word.weight", 2).rate, 0.0);
    }

    #[test]
    fn vectors_and_tables_do_not_decay() {
        let plan = plan(TowersConfig { text_rate: 1.0, ..TowersConfig::default() });
        assert!(!plan.treatment("decoder.text_projection.bias", 1).decays);
        assert!(!plan.treatment("text.word.weight", 2).decays);
        assert!(!plan.treatment("decoder.visual_prompts", 2).decays);
        assert!(plan.treatment("text.layers.0.query.weight", 2).decays);
    }
}
