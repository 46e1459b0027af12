//! Transposing a stack of matrices on the CPU, block by block.

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::flat::{slice, tensor};

/// Side of the blocks: both the rows read and the rows written stay in the first-level cache.
const BLOCK: usize = 32;

/// `[batch, rows, cols]` to `[batch, cols, rows]`.
pub(super) fn transpose(stack: &FlexTensor) -> FlexTensor {
    let shape = stack.layout().shape();
    let (batch, rows, cols) = (shape[0], shape[1], shape[2]);
    let stack = stack.to_contiguous();
    let mut output = vec![0.0_f32; batch * rows * cols];
    if output.is_empty() {
        return tensor(output, [batch, cols, rows]);
    }
    let values = slice(&stack);
    // One task writes a band of output rows, which is a band of input columns.
    output.par_chunks_mut(rows * cols).zip(values.par_chunks(rows * cols)).for_each(|(output, values)| {
        output.par_chunks_mut(BLOCK * rows).enumerate().for_each(|(band, output)| {
            let first = band * BLOCK;
            for start in (0..rows).step_by(BLOCK) {
                let end = (start + BLOCK).min(rows);
                for (i, out) in output.chunks_exact_mut(rows).enumerate() {
                    for (row, value) in (start..end).zip(&mut out[start..end]) {
                        *value = values[row * cols + first + i];
                    }
                }
            }
        });
    });
    tensor(output, [batch, cols, rows])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tensor};
    use burn_flex::Flex;

    use super::super::transpose::transpose;

    #[test]
    fn blocks_agree_with_a_view_on_odd_sizes() {
        let stack = Tensor::<Flex, 3>::random([3, 70, 33], Distribution::Default, &Default::default());
        let own: Vec<f32> = transpose(stack.clone()).into_data().to_vec().expect("f32 data");
        let view: Vec<f32> = stack.swap_dims(1, 2).into_data().to_vec().expect("f32 data");
        assert_eq!(own, view);
    }
}
