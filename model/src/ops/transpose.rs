//! Swapping the last two dimensions of a stack of matrices.

use burn::tensor::{Tensor, TensorPrimitive};

use super::backend::ModelBackend;

/// Every matrix of the stack transposed.
///
/// On the CPU this copies in blocks; Burn's own view is made contiguous later, element by element.
///
/// # Shapes
/// `[batch, row, col]` to `[batch, col, row]`
pub fn transpose<B: ModelBackend>(stack: Tensor<B, 3>) -> Tensor<B, 3> {
    Tensor::from_primitive(TensorPrimitive::Float(B::stack_transpose(stack.into_primitive().tensor())))
}
