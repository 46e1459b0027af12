//! Sine position encoding of feature maps.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

/// Sine and cosine of every pixel's place: half the channels for rows, half for columns.
///
/// # Shapes
/// returns `[rows * cols, width]`; `width` must be a multiple of four
///
/// # Source
/// Carion et al., DETR: normalised to 2 pi, temperature 10,000, rows first.
pub fn sine_positions<B: Backend>(rows: usize, cols: usize, width: usize, device: &B::Device) -> Tensor<B, 2> {
    let half = width / 2;
    let frequency = |i: usize| 10_000_f64.powf((2 * (i / 2)) as f64 / half as f64);
    let place = |at: usize, size: usize| (at + 1) as f64 / (size as f64 + 1e-6) * std::f64::consts::TAU;
    let encode = |at: f64, i: usize| {
        let angle = at / frequency(i);
        (if i.is_multiple_of(2) { angle.sin() } else { angle.cos() }) as f32
    };
    // Each row and each column is encoded once, not once a pixel.
    let along = |size: usize| -> Vec<f32> {
        (0..size).flat_map(|at| (0..half).map(move |i| encode(place(at, size), i))).collect()
    };
    let (down, across) = (along(rows), along(cols));
    let mut values = Vec::with_capacity(rows * cols * width);
    for row in down.chunks_exact(half) {
        for col in across.chunks_exact(half) {
            values.extend_from_slice(row);
            values.extend_from_slice(col);
        }
    }
    Tensor::from_data(TensorData::new(values, [rows * cols, width]), device)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_and_column_lie_at_a_full_turn() {
        // One pixel: place = 1 / (1 + 1e-6) of a turn, so sin is near 0 and cos near 1 at the lowest frequency.
        let values: Vec<f32> =
            sine_positions::<burn_flex::Flex>(1, 1, 4, &Default::default()).into_data().to_vec().expect("f32 data");
        for (value, expected) in values.into_iter().zip([0.0, 1.0, 0.0, 1.0]) {
            assert!((value - expected).abs() < 1e-4, "{value} is not {expected}");
        }
    }
}
