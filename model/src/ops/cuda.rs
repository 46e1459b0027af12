//! The CUDA backend takes every operation in its plain formulation.

use super::backend::ModelBackend;

impl ModelBackend for crate::device::Cuda {}
