//! Bilinear resizing as two small constant matrices, which differentiates on every backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::backend::ModelBackend;
use super::transpose::transpose;

/// Where the corners of the two grids meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corners {
    /// Corner pixels' centres coincide (`align_corners=True`).
    Aligned,
    /// Corner pixels' outer edges coincide (`align_corners=False`).
    Free,
}

/// `map` resampled bilinearly to `rows` x `cols`.
///
/// # Shapes
/// `[batch, channel, row, col]` to `[batch, channel, rows, cols]`
pub fn bilinear<B: ModelBackend>(map: Tensor<B, 4>, rows: usize, cols: usize, corners: Corners) -> Tensor<B, 4> {
    let [batch, channels, rows_in, cols_in] = map.dims();
    if (rows_in, cols_in) == (rows, cols) {
        return map;
    }
    let device = map.device();
    let across = weights::<B>(cols_in, cols, corners, &device);
    let down = weights::<B>(rows_in, rows, corners, &device);
    let planes = batch * channels;
    let wide = map.reshape([planes * rows_in, cols_in]).matmul(across).reshape([planes, rows_in, cols]);
    let tall = transpose(wide).reshape([planes * cols, rows_in]).matmul(down).reshape([planes, cols, rows]);
    transpose(tall).reshape([batch, channels, rows, cols])
}

/// `[from, to]`: column `j` holds the weights with which output `j` mixes the inputs.
fn weights<B: Backend>(from: usize, to: usize, corners: Corners, device: &B::Device) -> Tensor<B, 2> {
    let mut matrix = vec![0.0_f32; from * to];
    for (j, (low, share)) in positions(from, to, corners).enumerate() {
        let high = (low + 1).min(from - 1);
        matrix[low * to + j] += 1.0 - share;
        matrix[high * to + j] += share;
    }
    Tensor::from_data(TensorData::new(matrix, [from, to]), device)
}

/// For each output the lower of its two inputs, and the share of the upper one.
fn positions(from: usize, to: usize, corners: Corners) -> impl Iterator<Item = (usize, f32)> {
    (0..to).map(move |j| {
        let place = match corners {
            Corners::Aligned if to == 1 => 0.0,
            Corners::Aligned => j as f64 * (from - 1) as f64 / (to - 1) as f64,
            Corners::Free => ((j as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0),
        };
        let low = (place.floor() as usize).min(from - 1);
        (low, (place - low as f64) as f32)
    })
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    type Cpu = burn_flex::Flex;

    fn row(values: [f32; 2], to: usize, corners: Corners) -> Vec<f32> {
        let map = Tensor::<Cpu, 4>::from_data([[[values]]], &Default::default());
        bilinear(map, 1, to, corners).into_data().to_vec().expect("f32 data")
    }

    #[test]
    fn aligned_corners_keep_the_end_values_in_place() {
        // Three outputs over two inputs: 0, the middle, 1.
        assert_eq!(row([0.0, 1.0], 3, Corners::Aligned), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn free_corners_sample_at_pixel_centres() {
        // Centres at (j + 0.5) / 2 - 0.5 = -0.25, 0.25, 0.75, 1.25, clamped to the grid.
        assert_eq!(row([0.0, 1.0], 4, Corners::Free), [0.0, 0.25, 0.75, 1.0]);
    }
}
