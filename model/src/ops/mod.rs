//! Tensor operations that Burn lacks, or does slowly: attention, deformable sampling, feed-forward layers, matrix
//! resizes, flat linears.

pub mod attention;
#[cfg(feature = "cpu")]
mod attention_cpu;
mod autodiff;
mod backend;
pub mod convolution;
#[cfg(feature = "cpu")]
mod convolution_cpu;
#[cfg(feature = "cpu")]
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
pub mod deformable;
#[cfg(feature = "cpu")]
mod deformable_cpu;
#[cfg(feature = "cpu")]
mod depthwise_cpu;
pub mod feed_forward;
#[cfg(feature = "cpu")]
mod feed_forward_cpu;
#[cfg(feature = "cpu")]
mod flat;
#[cfg(feature = "cpu")]
mod gemm_cpu;
pub mod group_norm;
pub mod layer_norm;
#[cfg(feature = "cpu")]
mod layer_norm_cpu;
pub mod linear;
#[cfg(feature = "cpu")]
mod lines_cpu;
#[cfg(feature = "cpu")]
mod middle_cpu;
pub(crate) mod noise;
pub mod resize;
pub mod transpose;
#[cfg(feature = "cpu")]
mod transpose_cpu;

pub use backend::{ModelBackend, SamplingGeometry};
