//! Planes of a convolution laid out as lines, so that a tap of the kernel is a fixed distance in memory.
//!
//! Each plane is copied into a padded one that is cut into `stride * stride` phases. There a tap is a fixed distance
//! in memory, whatever the row, so that the convolution and both its gradients run over the plane as one long line:
//! with `t` over the taps, `y[i] = sum w[t] x[i + t]`, `dx[j] = sum w[t] dy[j - t]` and `dw[t] = sum dy[i] x[i + t]`.
//! What falls between the end of one row and the start of the next is computed too and left out when rows are copied.

use super::convolution::ConvolutionGeometry;

/// Lines are padded to a multiple of this, the widest vector there is.
pub(super) const LANES: usize = 16;

/// One tap of the kernel: its phase and its distance within the phase.
#[derive(Clone, Copy)]
pub(super) struct Tap {
    pub(super) phase: usize,
    pub(super) distance: usize,
}

/// Where everything lies for one size of input.
pub(super) struct Plan {
    pub(super) geometry: ConvolutionGeometry,
    size: [usize; 2],
    pub(super) output: [usize; 2],
    /// Values from one row of a phase to the next.
    pub(super) pitch: usize,
    /// Values of one phase that are computed, a multiple of [`LANES`].
    pub(super) line: usize,
    /// The largest distance of a tap, which is also the margin before an output gradient.
    pub(super) margin: usize,
    pub(super) taps: Vec<Tap>,
}

impl Plan {
    pub(super) fn new(geometry: &ConvolutionGeometry, size: [usize; 2]) -> Self {
        let output = geometry.output(size);
        let (kernel, stride) = (geometry.kernel, geometry.stride);
        let halo = (kernel - 1) / stride;
        let pitch = output[1] + halo;
        let taps = (0..kernel * kernel).map(|tap| {
            let (dy, dx) = (tap / kernel, tap % kernel);
            Tap { phase: dy % stride * stride + dx % stride, distance: dy / stride * pitch + dx / stride }
        });
        Self {
            geometry: *geometry,
            size,
            output,
            pitch,
            line: ((output[0] + halo) * pitch).next_multiple_of(LANES),
            margin: halo * pitch + halo,
            taps: taps.collect(),
        }
    }

    /// Rows and columns of the input.
    pub(super) fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Values of one input plane.
    pub(super) fn area_in(&self) -> usize {
        self.size[0] * self.size[1]
    }

    pub(super) fn phases(&self) -> usize {
        self.geometry.stride * self.geometry.stride
    }

    /// Room for the phases of an input: vectors may read a margin and some lanes beyond each.
    pub(super) fn room(&self) -> usize {
        self.line + LANES
    }

    pub(super) fn empty_phases(&self) -> Vec<f32> {
        vec![0.0; self.phases() * self.room()]
    }

    /// Values to compute so that all outputs are among them.
    pub(super) fn outputs(&self) -> usize {
        ((self.output[0] - 1) * self.pitch + self.output[1]).next_multiple_of(LANES)
    }

    /// For each row of the input, and each phase along columns: the first column, and its place among the phases.
    #[inline(always)]
    fn places(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let stride = self.geometry.stride;
        let [top, left] = self.geometry.padding_start;
        (0..self.size[0]).flat_map(move |row| {
            (0..stride.min(self.size[1])).map(move |col| {
                let (y, x) = (row + top, col + left);
                let phase = y % stride * stride + x % stride;
                (row, col, phase * self.room() + y / stride * self.pitch + x / stride)
            })
        })
    }

    /// Copies a plane of the input among the zeros of `phases`.
    #[inline(always)]
    pub(super) fn split(&self, plane: &[f32], phases: &mut [f32]) {
        let cols = self.size[1];
        for (row, col, place) in self.places() {
            let values = &plane[row * cols + col..(row + 1) * cols];
            match self.geometry.stride {
                1 => phases[place..place + cols].copy_from_slice(values),
                stride => {
                    for (to, from) in phases[place..].iter_mut().zip(values.chunks(stride)) {
                        *to = from[0];
                    }
                }
            }
        }
    }

    /// The inverse of [`Self::split`].
    #[inline(always)]
    pub(super) fn join(&self, phases: &[f32], plane: &mut [f32]) {
        let cols = self.size[1];
        for (row, col, place) in self.places() {
            let values = &mut plane[row * cols + col..(row + 1) * cols];
            match self.geometry.stride {
                1 => values.copy_from_slice(&phases[place..place + cols]),
                stride => {
                    for (from, to) in phases[place..].iter().zip(values.chunks_mut(stride)) {
                        to[0] = *from;
                    }
                }
            }
        }
    }
}
