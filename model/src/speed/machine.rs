//! What the machine can do at best: multiply matrices, and move memory.

use std::hint::black_box;
use std::time::Instant;

use burn::tensor::backend::Backend;
use burn::tensor::{Distribution, Tensor};
use rayon::prelude::*;

use crate::device::{DeviceChoice, ResolvedDevice};
use crate::error::ModelError;

/// Side of the matrices.
const SIDE: usize = 1024;
/// Values of each of the three arrays that memory is measured with: 64 MiB, more than caches hold.
const VALUES: usize = 1 << 24;
/// Values that one task works through.
const PIECE: usize = 1 << 18;
/// Rounds of each measurement; the best counts.
const ROUNDS: usize = 9;

/// The best that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MachineSpeed {
    /// Billions of floating point operations a second in products of f32 matrices, by the library the model uses.
    pub gflop_per_s: f64,
    /// Billions of bytes a second that the processor reads and writes in `a = b + s * c` over arrays that no cache holds.
    pub gbyte_per_s: f64,
}

/// Measures the device, and the memory of the processor.
///
/// # Errors
/// A device that is not there or fails.
pub fn measure_machine(device: DeviceChoice) -> Result<MachineSpeed, ModelError> {
    let gflop_per_s = match device.resolve()? {
        #[cfg(feature = "cpu")]
        ResolvedDevice::Cpu(device) => products::<crate::device::Cpu>(&device)?,
        #[cfg(feature = "cuda")]
        ResolvedDevice::Cuda(device) => products::<crate::device::Cuda>(&device)?,
    };
    Ok(MachineSpeed { gflop_per_s, gbyte_per_s: memory() })
}

fn products<B: Backend>(device: &B::Device) -> Result<f64, ModelError> {
    let matrix = || Tensor::<B, 2>::random([SIDE, SIDE], Distribution::Default, device);
    let (left, right) = (matrix(), matrix());
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let product = left.clone().matmul(right.clone());
        // A queueing device has finished once a value has been read.
        let corner = product.narrow(0, 0, 1).narrow(1, 0, 1).try_into_data();
        black_box(corner.map_err(|cause| ModelError::Device(cause.to_string()))?);
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(2.0 * (SIDE as f64).powi(3) / 1e9 / best)
}

fn memory() -> f64 {
    let (from, other) = (vec![1.0_f32; VALUES], vec![2.0_f32; VALUES]);
    let mut to = vec![0.0_f32; VALUES];
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let pieces = to.par_chunks_mut(PIECE).zip(from.par_chunks(PIECE).zip(other.par_chunks(PIECE)));
        pieces.for_each(|(to, (from, other))| {
            to.iter_mut().zip(from.iter().zip(other)).for_each(|(to, (from, other))| *to = from + 3.0 * other);
        });
        black_box(&mut to);
        best = best.min(start.elapsed().as_secs_f64());
    }
    3.0 * (VALUES * size_of::<f32>()) as f64 / 1e9 / best
}
