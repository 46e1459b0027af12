//! Group normalisation of feature maps, in shapes that Burn's CPU backend runs over quickly.
//!
//! Burn's own layer multiplies `[batch, channel, row, col]` by `[1, channel, 1, 1]`, which its CPU backend walks element
//! by element; by `[batch, channel, 1, 1]` it runs over whole planes.

use burn::nn::GroupNorm;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// `norm` applied to a feature map.
///
/// # Shapes
/// `[batch, channel, row, col]`
pub fn group_norm<B: Backend>(norm: &GroupNorm<B>, map: Tensor<B, 4>) -> Tensor<B, 4> {
    let (Some(gamma), Some(beta)) = (&norm.gamma, &norm.beta) else {
        return norm.forward(map);
    };
    let [batch, channels, rows, cols] = map.dims();
    let groups = map.reshape([batch, norm.num_groups, channels / norm.num_groups * rows * cols]);
    let centred = groups.clone() - groups.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let normal = (centred / variance.add_scalar(norm.epsilon).sqrt()).reshape([batch, channels, rows, cols]);
    let each = |values: Tensor<B, 1>| values.reshape([1, channels, 1, 1]).repeat_dim(0, batch);
    normal * each(gamma.val()) + each(beta.val())
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::module::Param;
    use burn::nn::GroupNormConfig;
    use burn::tensor::Distribution;

    use super::*;

    #[test]
    fn it_is_burns_layer() {
        let device = Default::default();
        let spread = Distribution::Normal(1.0, 2.0);
        let mut norm = GroupNormConfig::new(3, 6).init::<burn_flex::Flex>(&device);
        norm.gamma = Some(Param::from_tensor(Tensor::random([6], spread, &device)));
        norm.beta = Some(Param::from_tensor(Tensor::random([6], spread, &device)));
        let map = Tensor::random([2, 6, 5, 7], spread, &device);
        let difference = (group_norm(&norm, map.clone()) - norm.forward(map)).abs().max();
        assert!(difference.into_scalar() < 1e-5);
    }
}
