//! Matrix products within slices: the one place of this crate that calls unsafe code.
//!
//! The `gemm` crate, which Burn's CPU backend multiplies with too, chooses its instruction set at run time and takes any
//! strides, but through pointers. Here every access is checked against the slices first.

use gemm::Parallelism;

/// A matrix within a slice: element `(i, j)` lies at `i * rows_apart + j * cols_apart`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    pub(super) rows_apart: usize,
    pub(super) cols_apart: usize,
}

impl Matrix<'_> {
    /// Rows for columns.
    pub(super) fn transposed(self) -> Self {
        Self { rows_apart: self.cols_apart, cols_apart: self.rows_apart, ..self }
    }
}

/// A matrix to add to, laid out as [`Matrix`].
pub(super) struct MatrixMut<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) rows_apart: usize,
    pub(super) cols_apart: usize,
}

/// `to += factor * left * right`, with `left` of `rows x inner` and `right` of `inner x cols`, on the calling thread.
///
/// # Panics
/// Where a matrix reaches beyond its slice.
pub(super) fn add_product(
    to: MatrixMut<'_>,
    left: Matrix<'_>,
    right: Matrix<'_>,
    [rows, cols, inner]: [usize; 3],
    factor: f32,
) {
    let MatrixMut { values: sums, rows_apart, cols_apart } = to;
    if rows == 0 || cols == 0 || inner == 0 {
        return;
    }
    let last = |rows: usize, cols: usize, apart: [usize; 2]| (rows - 1) * apart[0] + (cols - 1) * apart[1];
    assert!(last(rows, cols, [rows_apart, cols_apart]) < sums.len(), "the sum reaches beyond its slice");
    assert!(last(rows, inner, [left.rows_apart, left.cols_apart]) < left.values.len(), "left reaches beyond its slice");
    assert!(
        last(inner, cols, [right.rows_apart, right.cols_apart]) < right.values.len(),
        "right reaches beyond its slice"
    );
    #[expect(unsafe_code, reason = "gemm takes pointers; the three assertions above keep every access within a slice")]
    // SAFETY: all offsets are at most `last(..)`, which lies within the slice; `sums` is borrowed exclusively.
    unsafe {
        gemm::gemm(
            rows,
            cols,
            inner,
            sums.as_mut_ptr(),
            cols_apart.cast_signed(),
            rows_apart.cast_signed(),
            true,
            left.values.as_ptr(),
            left.cols_apart.cast_signed(),
            left.rows_apart.cast_signed(),
            right.values.as_ptr(),
            right.cols_apart.cast_signed(),
            right.rows_apart.cast_signed(),
            1.0,
            factor,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_matrices_are_multiplied_and_added() {
        // left = [[1, 2], [3, 4]] along rows, right = [[5, 6], [7, 8]] along columns, to = ones.
        let left = Matrix { values: &[1.0, 2.0, 3.0, 4.0], rows_apart: 2, cols_apart: 1 };
        let right = Matrix { values: &[5.0, 7.0, 6.0, 8.0], rows_apart: 1, cols_apart: 2 };
        let mut sum = [1.0; 5];
        add_product(MatrixMut { values: &mut sum, rows_apart: 3, cols_apart: 1 }, left, right, [2, 2, 2], 1.0);
        assert_eq!(sum, [20.0, 23.0, 1.0, 44.0, 51.0]);
        add_product(MatrixMut { values: &mut sum, rows_apart: 3, cols_apart: 1 }, left, right, [2, 2, 2], -0.5);
        assert_eq!(sum, [10.5, 12.0, 1.0, 22.5, 26.0]);
    }

    #[test]
    #[should_panic(expected = "right reaches beyond its slice")]
    fn a_matrix_that_reaches_beyond_its_slice_is_refused() {
        let values = [1.0; 4];
        let matrix = Matrix { values: &values, rows_apart: 2, cols_apart: 1 };
        let mut sum = [0.0; 6];
        add_product(MatrixMut { values: &mut sum, rows_apart: 3, cols_apart: 1 }, matrix, matrix, [2, 3, 2], 1.0);
    }
}
