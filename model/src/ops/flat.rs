//! What the CPU kernels share: contiguous slices of tensors, and an exponential that vectorises.

use burn::tensor::TensorData;
use burn_flex::FlexTensor;

/// The values of a contiguous f32 tensor.
pub(super) fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("the tensor was made contiguous and the model is f32")
}

/// A tensor of these values.
pub(super) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// `e^x` for every value at or below zero, to about one unit in the last place.
///
/// # Source
/// Range reduction to `[-ln 2 / 2, ln 2 / 2]` and the Taylor polynomial of degree seven.
#[inline(always)]
pub(super) fn exp_in_place(values: &mut [f32]) {
    for value in values {
        *value = exp(*value);
    }
}

/// `e^x` of one value, as [`exp_in_place`].
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Below this the result is zero in f32 terms that matter to a softmax.
    let x = x.max(-87.0);
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer without a call.
    let turns = x * std::f32::consts::LOG2_E + 12_582_912.0 - 12_582_912.0;
    let rest = x - turns * 0.693_359_4 + turns * 2.121_944_4e-4;
    let mut sum = 1.984_127e-4_f32;
    for coefficient in [1.388_889e-3, 8.333_333e-3, 4.166_666_8e-2, 0.166_666_67, 0.5, 1.0, 1.0] {
        sum = sum * rest + coefficient;
    }
    sum * f32::from_bits((((turns as i32) + 127) << 23).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_agrees_with_the_library_over_its_range() {
        for step in 0..8_700 {
            let x = -f32::from(step as u16) / 100.0;
            let mut value = [x];
            exp_in_place(&mut value);
            assert!((value[0] / x.exp() - 1.0).abs() < 4e-7, "at {x}: {} and {}", value[0], x.exp());
        }
    }
}
