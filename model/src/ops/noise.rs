//! Random masks of training, drawn so that a resumed run draws the same ones.
//!
//! The backends draw from one generator for all threads, so what a worker gets would depend on who comes first. Here a
//! worker opens a scope with a seed of its own, and everything that is drawn inside follows from that seed. Outside of a
//! scope, and on a backend without gradients, nothing is dropped.

use std::cell::RefCell;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

thread_local! {
    static SOURCE: RefCell<Option<ChaCha8Rng>> = const { RefCell::new(None) };
}

/// Does `work` with random masks that follow from `seed` and `stream` alone.
pub(crate) fn seeded<T>(seed: u64, stream: u64, work: impl FnOnce() -> T) -> T {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let before = SOURCE.replace(Some(rng));
    let result = work();
    SOURCE.set(before);
    result
}

/// Zeroes each value with a probability and scales the others, so that the expected value stays.
pub(crate) fn dropout<B: Backend, const D: usize>(values: Tensor<B, D>, probability: f64) -> Tensor<B, D> {
    let shape = values.dims();
    match factors::<B>(shape.iter().product(), probability, &values.device()) {
        Some(factors) => {
            let factors = Tensor::from_data(TensorData::new(factors, shape), &values.device());
            values * factors
        }
        None => values,
    }
}

/// Zeroes whole samples, counted along the first dimension, with a probability and scales the others.
pub(crate) fn drop_path<B: Backend, const D: usize>(branch: Tensor<B, D>, probability: f64) -> Tensor<B, D> {
    let samples = branch.dims()[0];
    match factors::<B>(samples, probability, &branch.device()) {
        Some(factors) => {
            let mut shape = [1; D];
            shape[0] = samples;
            let factors = Tensor::from_data(TensorData::new(factors, shape), &branch.device());
            branch * factors
        }
        None => branch,
    }
}

/// `count` factors of 0 or `1 / (1 - probability)`; `None` where nothing is dropped.
fn factors<B: Backend>(count: usize, probability: f64, device: &B::Device) -> Option<Vec<f32>> {
    if probability <= 0.0 || !B::ad_enabled(device) {
        return None;
    }
    let kept = (1.0 / (1.0 - probability)) as f32;
    SOURCE.with_borrow_mut(|source| {
        let rng = source.as_mut()?;
        Some((0..count).map(|_| if rng.random_bool(probability.min(1.0)) { 0.0 } else { kept }).collect())
    })
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::backend::Autodiff;
    use burn_flex::Flex;

    use super::*;

    fn dropped<B: Backend>(seed: u64) -> Vec<f32> {
        let ones = Tensor::<B, 2>::ones([1_000, 2], &Default::default());
        seeded(seed, 3, || dropout(ones, 0.25)).into_data().to_vec().expect("floats")
    }

    #[test]
    fn a_quarter_is_dropped_and_the_mean_stays() {
        let values = dropped::<Autodiff<Flex>>(1);
        let zeros = values.iter().filter(|&&value| value == 0.0).count();
        // 2,000 draws at 0.25: 500, give or take four deviations of sqrt(2000 * 0.25 * 0.75) = 19.
        assert!((424..576).contains(&zeros), "{zeros}");
        assert!(values.iter().all(|&value| value == 0.0 || (value - 4.0 / 3.0).abs() < 1e-6));
    }

    #[test]
    fn the_seed_decides_what_is_dropped() {
        assert_eq!(dropped::<Autodiff<Flex>>(1), dropped::<Autodiff<Flex>>(1));
        assert_ne!(dropped::<Autodiff<Flex>>(1), dropped::<Autodiff<Flex>>(2));
    }

    #[test]
    fn nothing_is_dropped_without_gradients_or_outside_of_a_scope() {
        assert!(dropped::<Flex>(1).iter().all(|&value| value == 1.0));
        let ones = Tensor::<Autodiff<Flex>, 2>::ones([10, 2], &Default::default());
        assert_eq!(dropout(ones.clone(), 0.5).into_data(), ones.into_data());
    }

    #[test]
    fn a_path_is_dropped_for_a_whole_sample() {
        let ones = Tensor::<Autodiff<Flex>, 2>::ones([100, 8], &Default::default());
        let values: Vec<f32> = seeded(1, 0, || drop_path(ones, 0.5)).into_data().to_vec().expect("floats");
        let samples: Vec<f32> = values.chunks(8).map(|sample| sample.iter().sum()).collect();
        // A sample is 0 or eight times 1 / (1 - 0.5).
        assert!(samples.iter().all(|&sum| sum == 0.0 || sum == 16.0));
        assert!(samples.contains(&0.0) && samples.contains(&16.0));
    }
}
