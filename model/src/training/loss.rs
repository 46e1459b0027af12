//! The losses of the paper: segmentation (eq. 17-18) and online error supervision of the uncertainty (eq. 4-8).

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, sigmoid};
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::crobim_u::Decoded;

/// Weights of the loss terms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Weight of the cross-entropy in L_seg.
    pub cross_entropy: f64,
    /// Class weight of background pixels.
    pub background: f64,
    /// Class weight of foreground pixels.
    pub foreground: f64,
    /// Weight of the Dice term in L_seg; phrases without a target have none.
    pub dice: f64,
    /// lambda_unc of eq. 18.
    pub uncertainty: f64,
    /// lambda_ref of eq. 18.
    pub refinement: f64,
    /// lambda_s of eq. 7: how much more a sample with a bad mask counts.
    pub hard_sample: f64,
    /// delta of eq. 7: the IoU under which a mask is bad.
    pub hard_iou: f64,
    /// Upper bound of the class-rebalancing weight of eq. 8.
    pub max_rebalance: f64,
    /// Weight of the presence classifier.
    pub presence: f64,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            cross_entropy: 0.9,
            background: 0.9,
            foreground: 1.1,
            dice: 0.1,
            uncertainty: 0.2,
            refinement: 1.0,
            hard_sample: 1.0,
            hard_iou: 0.5,
            max_rebalance: 100.0,
            presence: 0.3,
        }
    }
}

/// The terms of one step's loss, each a scalar.
pub struct Losses<B: Backend> {
    /// What is minimised.
    pub total: Tensor<B, 1>,
    /// L_seg of the unrefined mask.
    pub segmentation: Tensor<B, 1>,
    /// L_unc, unweighted; zero during its warm-up.
    pub uncertainty: Tensor<B, 1>,
}

impl LossConfig {
    /// Eq. 18: L_seg + lambda_unc L_unc + lambda_ref L_ref, plus the presence term.
    ///
    pub fn total<B: Backend>(&self, decoded: Decoded<B>, truth: &Truth<B>, with_uncertainty: bool) -> Losses<B> {
        let segmentation = self.segmentation(decoded.logit.clone(), truth);
        let mut total = segmentation.clone();
        if self.refinement > 0.0 {
            total = total + self.segmentation(decoded.refined, truth).mul_scalar(self.refinement);
        }
        let uncertainty = if with_uncertainty && self.uncertainty > 0.0 {
            let loss = self.uncertainty(decoded.uncertainty, decoded.logit.detach(), truth);
            total = total + loss.clone().mul_scalar(self.uncertainty);
            loss
        } else {
            segmentation.zeros_like()
        };
        if let Some(logit) = decoded.presence {
            total = total + binary_cross_entropy(logit, truth.present()).mean().mul_scalar(self.presence);
        }
        Losses { total, segmentation, uncertainty }
    }

    /// L_seg: class-weighted cross-entropy and Dice.
    ///
    /// The cross-entropy is a weighted mean, divided by the sum of the class weights as PyTorch does.
    ///
    /// # Shapes
    /// `logit`: `[batch, 1, row, col]`
    pub fn segmentation<B: Backend>(&self, logit: Tensor<B, 4>, truth: &Truth<B>) -> Tensor<B, 1> {
        let present = truth.present();
        let scored = |map: Tensor<B, 4>| truth.scored_only(map);
        let truth = truth.mask.clone();
        let weight = scored(truth.clone().mul_scalar(self.foreground - self.background).add_scalar(self.background));
        let entropy =
            (binary_cross_entropy(logit.clone(), truth.clone()) * weight.clone()).sum() / weight.sum().clamp_min(1e-6);
        let mut loss = entropy.mul_scalar(self.cross_entropy);
        if self.dice > 0.0 {
            let batch = truth.dims()[0];
            let per_sample = |map: Tensor<B, 4>| map.reshape([batch as i32, -1]).sum_dim(1);
            let probability = scored(sigmoid(logit));
            let truth = scored(truth);
            let both = per_sample(probability.clone() * truth.clone());
            let either = per_sample(probability) + per_sample(truth);
            let dice = both.mul_scalar(2.0).add_scalar(1.0) / either.add_scalar(1.0);
            let missed = (dice.neg().add_scalar(1.0) * present.clone()).sum() / present.sum().clamp_min(1.0);
            loss = loss + missed.mul_scalar(self.dice);
        }
        loss
    }

    /// L_unc of eq. 6: does the scorer know where the mask is wrong?
    ///
    /// # Shapes
    /// Both `[batch, 1, row, col]`; `logit` must carry no gradient (eq. 4).
    pub fn uncertainty<B: Backend>(
        &self,
        uncertainty: Tensor<B, 4>,
        logit: Tensor<B, 4>,
        truth: &Truth<B>,
    ) -> Tensor<B, 1> {
        let scored = truth.scored_only(truth.mask.ones_like());
        let truth = truth.scored_only(truth.mask.clone());
        let batch = truth.dims()[0];
        let per_sample = |map: Tensor<B, 4>| map.reshape([batch as i32, -1]).sum_dim(1).reshape([batch, 1, 1, 1]);
        let label = logit.greater_elem(0.0).float() * scored.clone();
        let error = (label.clone() - truth.clone()).abs();
        let wrong = per_sample(error.clone());
        let right = per_sample(scored.clone()) - wrong.clone();
        // Eq. 8 with epsilon of one pixel, capped so that a handful of wrong pixels cannot rule the loss.
        let rebalance = (right.add_scalar(1.0) / wrong.add_scalar(1.0)).clamp_max(self.max_rebalance);
        let pixel_weight = error.clone() * rebalance.sub_scalar(1.0) + scored.clone();
        let both = per_sample(label.clone() * truth.clone());
        let either = per_sample((label + truth).clamp_max(1.0));
        // An empty union counts as a perfect mask: both sides agree that there is nothing.
        let iou = both.add_scalar(1e-6) / either.add_scalar(1e-6);
        let sample_weight = iou.lower_elem(self.hard_iou).float().mul_scalar(self.hard_sample).add_scalar(1.0);
        let cost = binary_cross_entropy(uncertainty, error) * pixel_weight * sample_weight;
        cost.sum() / scored.sum().clamp_min(1.0)
    }
}

/// What a batch of phrases refers to.
#[derive(Clone, Debug)]
pub struct Truth<B: Backend> {
    /// `[batch, 1, row, col]`, zeros and ones.
    pub mask: Tensor<B, 4>,
    /// `[batch, 1, row, col]`: zero where nothing is known, so that no loss is computed; `None` when all is known.
    pub scored: Option<Tensor<B, 4>>,
}

impl<B: Backend> Truth<B> {
    /// The mask, known everywhere.
    #[must_use]
    pub fn known(mask: Tensor<B, 4>) -> Self {
        Self { mask, scored: None }
    }

    /// The map with zeros where nothing is known.
    fn scored_only(&self, map: Tensor<B, 4>) -> Tensor<B, 4> {
        match &self.scored {
            Some(scored) => map * scored.clone(),
            None => map,
        }
    }

    /// `[batch, 1]`: one where the sample's mask has a pixel.
    fn present(&self) -> Tensor<B, 2> {
        let batch = self.mask.dims()[0];
        self.mask.clone().reshape([batch as i32, -1]).max_dim(1)
    }
}

/// Cross-entropy of logits against zeros and ones, value by value.
fn binary_cross_entropy<B: Backend, const D: usize>(logit: Tensor<B, D>, truth: Tensor<B, D>) -> Tensor<B, D> {
    // -[y log s(x) + (1 - y) log(1 - s(x))] = (1 - y) x - log s(x)
    truth.neg().add_scalar(1.0) * logit.clone() - log_sigmoid(logit)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    type Cpu = burn_flex::Flex;

    fn map(values: [f32; 4]) -> Tensor<Cpu, 4> {
        Tensor::<Cpu, 1>::from_floats(values, &Default::default()).reshape([1, 1, 2, 2])
    }

    fn scalar(tensor: Tensor<Cpu, 1>) -> f32 {
        tensor.into_scalar()
    }

    #[test]
    fn cross_entropy_divides_by_the_sum_of_class_weights() {
        let config = LossConfig { cross_entropy: 1.0, dice: 0.0, ..LossConfig::default() };
        // Logits of zero cost ln 2 in every pixel, whatever the weights.
        let loss = config.segmentation(map([0.0; 4]), &Truth::known(map([1.0, 0.0, 0.0, 0.0])));
        assert!((scalar(loss) - std::f32::consts::LN_2).abs() < 1e-6);
    }

    #[test]
    fn dice_of_a_perfect_mask_is_nearly_free() {
        let config = LossConfig { cross_entropy: 0.0, dice: 1.0, ..LossConfig::default() };
        let truth = map([1.0, 1.0, 0.0, 0.0]);
        let logit = map([30.0, 30.0, -30.0, -30.0]);
        // (2 * 2 + 1) / (2 + 2 + 1) = 1, so the loss is 0.
        let loss = config.segmentation(logit, &Truth::known(truth));
        assert!(scalar(loss).abs() < 1e-6);
    }

    #[test]
    fn one_wrong_pixel_of_four_is_weighted_up_and_the_bad_mask_doubled() {
        let config = LossConfig::default();
        // Labels 1 0 0 0 against truth 0 0 0 0: one wrong, three right; r = (3 + 1) / (1 + 1) = 2.
        // IoU = 0 / 1 < 0.5, so the sample counts twice. At U = 0 every pixel costs ln 2:
        // (2 + 1 + 1 + 1) * 2 * ln 2 / 4 = 2.5 ln 2.
        let loss = config.uncertainty(map([0.0; 4]), map([1.0, -1.0, -1.0, -1.0]), &Truth::known(map([0.0; 4])));
        assert!((scalar(loss) - 2.5 * std::f32::consts::LN_2).abs() < 1e-5);
    }

    #[test]
    fn what_is_not_known_costs_nothing() {
        let config = LossConfig::default();
        // The first pixel is wrong and unknown; the other three are right.
        let known = Truth { mask: map([0.0; 4]), scored: Some(map([0.0, 1.0, 1.0, 1.0])) };
        let logit = || map([30.0, -30.0, -30.0, -30.0]);
        assert!(scalar(config.segmentation(logit(), &known)).abs() < 1e-6);
        // Three known pixels, none wrong, an empty union counts as right: ln 2 each, weight 1, mean ln 2.
        let loss = config.uncertainty(map([0.0; 4]), logit(), &known);
        assert!((scalar(loss) - std::f32::consts::LN_2).abs() < 1e-5);
    }
}
