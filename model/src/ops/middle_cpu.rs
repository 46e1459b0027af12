//! The activation in the middle of a feed-forward layer, and its slope, on the CPU.

use pulp::{Arch, Simd, WithSimd};

use super::feed_forward::Middle;
use super::flat::exp;

/// The activation of every value, in place.
pub(super) fn activate(middle: Middle, values: &mut [f32]) {
    Arch::new().dispatch(Activate { middle, values });
}

/// Multiplies gradients after the activation by its slope at `values`.
pub(super) fn multiply_by_slope(middle: Middle, values: &[f32], gradients: &mut [f32]) {
    Arch::new().dispatch(Slope { middle, values, gradients });
}

struct Activate<'a> {
    middle: Middle,
    values: &'a mut [f32],
}

impl WithSimd for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.middle {
            Middle::Relu => self.values.iter_mut().for_each(|value| *value = value.max(0.0)),
            Middle::Gelu => self.values.iter_mut().for_each(|value| *value *= share_below(*value)),
        }
    }
}

struct Slope<'a> {
    middle: Middle,
    values: &'a [f32],
    gradients: &'a mut [f32],
}

impl WithSimd for Slope<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let pairs = self.gradients.iter_mut().zip(self.values);
        match self.middle {
            Middle::Relu => pairs.for_each(|(gradient, &x)| *gradient = if x > 0.0 { *gradient } else { 0.0 }),
            Middle::Gelu => pairs.for_each(|(gradient, &x)| {
                // One over the square root of two pi.
                let density = exp(-0.5 * x * x) * 0.398_942_3;
                *gradient *= share_below(x) + x * density;
            }),
        }
    }
}

/// The distribution function of the normal distribution.
#[inline(always)]
fn share_below(x: f32) -> f32 {
    0.5 + 0.5 * erf(x * std::f32::consts::FRAC_1_SQRT_2)
}

/// The error function, to about 4e-7.
///
/// # Source
/// The rational approximation of degrees 13 and 8 on -4 to 4 that Eigen (`generic_fast_erf_float`) and XLA use.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let mut above = -2.726_142_3e-10_f32;
    for coefficient in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_4e-2] {
        above = above * square + coefficient;
    }
    let mut below = -1.456_607_2e-5_f32;
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2] {
        below = below * square + coefficient;
    }
    x * above / below
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;
    use burn::tensor::activation::gelu;
    use burn_flex::Flex;

    use super::*;

    #[test]
    fn gelu_is_that_of_burn_from_minus_to_plus_twelve() {
        let values: Vec<f32> = (-12_000..=12_000).map(|step| step as f32 / 1_000.0).collect();
        let reference: Vec<f32> = gelu(Tensor::<Flex, 1>::from_floats(values.as_slice(), &Default::default()))
            .into_data()
            .to_vec()
            .expect("f32 data");
        let mut own = values.clone();
        activate(Middle::Gelu, &mut own);
        for ((x, own), reference) in values.iter().zip(&own).zip(&reference) {
            assert!((own - reference).abs() < 4e-7 * x.abs().max(1.0), "at {x}: {own} and {reference}");
        }
    }

    #[test]
    fn the_slope_is_the_difference_quotient() {
        for step in -60..=60 {
            let x = step as f32 / 10.0;
            let mut slope = [2.0];
            multiply_by_slope(Middle::Gelu, &[x], &mut slope);
            let mut ends = [x - 0.01, x + 0.01];
            activate(Middle::Gelu, &mut ends);
            // The quotient over 0.02 is off by at most 0.01^2 / 6 times the third derivative, and by rounding.
            assert!((slope[0] / 2.0 - (ends[1] - ends[0]) / 0.02).abs() < 2e-4, "at {x}");
        }
    }
}
