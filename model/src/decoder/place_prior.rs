//! Where in the frame the words point, whatever stands there.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::{relu, tanh};
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor, TensorData};

use crate::ops::linear::linear_tokens;

/// Where the ramps of each axis begin, from the middle (0) to the edge (1), on both sides of the middle.
const KNOTS: [f64; 4] = [-0.5, 0.0, 0.4, 0.8];
/// How steep a ramp is, in logits from the middle to the edge.
const SLOPE: f64 = 4.0;
/// A constant and, for both axes and both directions, a ramp from each knot.
const RAMPS: usize = 1 + 4 * KNOTS.len();
/// Largest size of the prior's logit.
const LARGEST: f64 = 8.0;

/// Sizes of a [`PlacePrior`].
#[derive(Config, Debug)]
pub struct PlacePriorConfig {
    /// Channels of the tokens.
    pub width: usize,
}

/// A logit for every place in the frame, from the words alone: "on the left" falls off to the right.
///
/// Each word adds its share of a piecewise linear function of the column and one of the row. Their sum can say left, top,
/// corner, half and middle, since what is wrong along one axis counts against a place whatever the other axis says.
///
/// Not in the paper. There words meet places only in attention, where neither means anything without the other, and a
/// text encoder that was trained to tell sentences by their topic gives "left" and "right" nearly one direction: `small`
/// did not learn to tell them apart in thousands of steps.
#[derive(Module, Debug)]
pub struct PlacePrior<B: Backend> {
    hidden: Linear<B>,
    output: Linear<B>,
    /// What a visual token is told of the prior at its place, `[channel]`.
    told: Param<Tensor<B, 1>>,
    /// How much the prior counts where the presence head looks for the strongest response, `[channel]`.
    counted: Param<Tensor<B, 1>>,
}

impl PlacePriorConfig {
    /// A module with fresh weights, which starts by saying nothing.
    pub fn init<B: Backend>(&self, device: &B::Device) -> PlacePrior<B> {
        let vector = |initializer: Initializer| initializer.init([self.width], device);
        PlacePrior {
            hidden: LinearConfig::new(self.width, self.width / 2).init(device),
            output: LinearConfig::new(self.width / 2, RAMPS)
                .with_bias(false)
                .with_initializer(Initializer::Zeros)
                .init(device),
            told: vector(Initializer::Normal { mean: 0.0, std: 0.05 }),
            counted: vector(Initializer::Constant { value: 0.2 }),
        }
    }
}

impl<B: Backend> PlacePrior<B> {
    /// What the words say of places: the weight of each ramp.
    ///
    /// # Shapes
    /// - `words`: `[batch, word, channel]`, `ignored`: `[batch, word]`, true for padding
    /// - returns: `[batch, ramp]`
    pub fn read(&self, words: Tensor<B, 3>, ignored: Tensor<B, 2, Bool>) -> Tensor<B, 2> {
        let [batch, count, _] = words.dims();
        let shares = linear_tokens(&self.output, relu(linear_tokens(&self.hidden, words)));
        let heard = ignored.bool_not().float().reshape([batch, count, 1]);
        (shares * heard).sum_dim(1).reshape([batch, RAMPS])
    }

    /// The logit of every place, between -8 and 8.
    ///
    /// # Shapes
    /// `weights`: `[batch, ramp]` from [`Self::read`]; returns `[batch, rows * cols]`
    pub fn at(&self, weights: Tensor<B, 2>, (rows, cols): (usize, usize)) -> Tensor<B, 2> {
        let ramps = ramps(rows, cols, &weights.device());
        tanh(weights.matmul(ramps).div_scalar(LARGEST)).mul_scalar(LARGEST)
    }

    /// Visual tokens that know the prior at their place.
    ///
    /// # Shapes
    /// `tokens`: `[batch, token, channel]`, `prior`: `[batch, token]`
    pub fn tell(&self, tokens: Tensor<B, 3>, prior: Tensor<B, 2>) -> Tensor<B, 3> {
        tokens + outer(tanh(prior), self.told.val())
    }

    /// Responses that count less where the words do not point.
    ///
    /// # Shapes
    /// `tokens`: `[batch, token, channel]`, `prior`: `[batch, token]`
    pub fn discount(&self, tokens: Tensor<B, 3>, prior: Tensor<B, 2>) -> Tensor<B, 3> {
        tokens + outer(prior, self.counted.val())
    }
}

/// `[batch, token]` times `[channel]`
fn outer<B: Backend>(prior: Tensor<B, 2>, channels: Tensor<B, 1>) -> Tensor<B, 3> {
    let ([batch, tokens], [width]) = (prior.dims(), channels.dims());
    prior.reshape([batch * tokens, 1]).matmul(channels.reshape([1, width])).reshape([batch, tokens, width])
}

/// `[ramp, rows * cols]`
fn ramps<B: Backend>(rows: usize, cols: usize, device: &B::Device) -> Tensor<B, 2> {
    let from_middle = |at: usize, length: usize| (2 * at + 1) as f64 / length as f64 - 1.0;
    let mut values = vec![1.0; rows * cols];
    values.reserve((RAMPS - 1) * rows * cols);
    for (down, sign) in [(false, 1.0), (false, -1.0), (true, 1.0), (true, -1.0)] {
        for knot in KNOTS {
            for row in 0..rows {
                for col in 0..cols {
                    let along = if down { from_middle(row, rows) } else { from_middle(col, cols) };
                    values.push((SLOPE * (sign * along - knot).max(0.0)) as f32);
                }
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [RAMPS, rows * cols]), device)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    type Cpu = burn_flex::Flex;

    #[test]
    fn a_fresh_prior_says_nothing_of_any_place() {
        let device = Default::default();
        let prior = PlacePriorConfig::new(8).init::<Cpu>(&device);
        let words = Tensor::<Cpu, 3>::ones([2, 3, 8], &device);
        let ignored = Tensor::<Cpu, 2, Bool>::full([2, 3], false, &device);
        let at = prior.at(prior.read(words, ignored), (4, 6));
        assert_eq!((at.dims(), at.abs().max().into_scalar()), ([2, 24], 0.0));
    }

    #[test]
    fn a_ramp_to_the_right_counts_against_the_left_and_is_the_same_in_every_row() {
        let device = Default::default();
        let prior = PlacePriorConfig::new(8).init::<Cpu>(&device);
        let mut weights = [0.0; RAMPS];
        // The first ramp of the first axis: from a quarter of the width on to the right edge.
        weights[1] = -1.0;
        let at = prior.at(Tensor::from_floats([weights], &device), (2, 4)).into_data().to_vec::<f32>().unwrap();
        // Middles of the columns at -0.75, -0.25, 0.25 and 0.75; the ramp begins at -0.5.
        for (value, raw) in at.iter().zip([0.0, -1.0, -3.0, -5.0].repeat(2)) {
            let expected = (raw / 8.0_f32).tanh() * 8.0;
            assert!((value - expected).abs() < 1e-5, "{at:?}");
        }
    }

    #[test]
    fn padding_says_nothing() {
        let device = Default::default();
        let mut prior = PlacePriorConfig::new(8).init::<Cpu>(&device);
        prior.output.weight = Param::from_tensor(Tensor::ones([4, RAMPS], &device));
        let words = |count: usize| Tensor::<Cpu, 3>::ones([1, count, 8], &device);
        let ignored = Tensor::<Cpu, 2, Bool>::from_data([[false, false, true]], &device);
        let padded = prior.read(words(3), ignored);
        let alone = prior.read(words(2), Tensor::full([1, 2], false, &device));
        assert!((padded - alone).abs().max().into_scalar() < 1e-6);
    }
}
