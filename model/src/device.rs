//! Which device the model runs on: the one place that knows cargo features.

use std::str::FromStr;

use crate::error::ModelError;

/// The CPU backend.
#[cfg(feature = "cpu")]
pub type Cpu = burn_flex::Flex;

/// The NVIDIA backend.
#[cfg(feature = "cuda")]
pub type Cuda = burn_cuda::Cuda;

/// The device that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best device that this binary can use.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA card by number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        let unknown = || ModelError::UnknownDevice(name.to_owned());
        match name.split_once(':') {
            None if name == "auto" => Ok(Self::Auto),
            None if name == "cpu" => Ok(Self::Cpu),
            None if name == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", number)) => number.parse().map(Self::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

/// A device that exists, on a backend of this build.
#[derive(Clone, Debug)]
pub enum ResolvedDevice {
    /// The processor.
    #[cfg(feature = "cpu")]
    Cpu(burn_flex::FlexDevice),
    /// An NVIDIA card.
    #[cfg(feature = "cuda")]
    Cuda(burn_cuda::CudaDevice),
}

impl std::fmt::Display for ResolvedDevice {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(_) => formatter.write_str("cpu"),
            #[cfg(feature = "cuda")]
            Self::Cuda(device) => write!(formatter, "cuda:{}", device.index),
        }
    }
}

impl DeviceChoice {
    /// The device behind the choice.
    ///
    /// # Errors
    /// [`ModelError::DeviceAbsent`] when this build or this machine does not have it; never a silent fall-back.
    pub fn resolve(self) -> Result<ResolvedDevice, ModelError> {
        match self {
            Self::Auto => cuda(0).or_else(|_| cpu()),
            Self::Cpu => cpu(),
            Self::Cuda(index) => cuda(index),
        }
    }
}

#[cfg(feature = "cpu")]
fn cpu() -> Result<ResolvedDevice, ModelError> {
    Ok(ResolvedDevice::Cpu(burn_flex::FlexDevice))
}

#[cfg(not(feature = "cpu"))]
fn cpu() -> Result<ResolvedDevice, ModelError> {
    Err(absent("cpu".into(), "this build has no CPU backend".into()))
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<ResolvedDevice, ModelError> {
    let device = burn_cuda::CudaDevice { index };
    // The driver is loaded at run time and panics where there is none, so a tiny tensor is the question.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let answer = std::panic::catch_unwind(|| {
        let one = burn::tensor::Tensor::<Cuda, 1>::ones([1], &burn_cuda::CudaDevice { index });
        one.try_into_data().map(drop).map_err(|cause| cause.to_string())
    });
    std::panic::set_hook(hook);
    match answer {
        Ok(Ok(())) => Ok(ResolvedDevice::Cuda(device)),
        Ok(Err(cause)) => Err(absent(format!("cuda:{index}"), cause)),
        Err(_) => Err(absent(format!("cuda:{index}"), "no usable NVIDIA driver or card was found".into())),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(index: usize) -> Result<ResolvedDevice, ModelError> {
    Err(absent(format!("cuda:{index}"), "this build has no CUDA support; build with `--features cuda`".into()))
}

fn absent(device: String, reason: String) -> ModelError {
    ModelError::DeviceAbsent { device, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_read_and_others_refused() {
        assert_eq!("cuda:3".parse::<DeviceChoice>().expect("a device"), DeviceChoice::Cuda(3));
        assert!("gpu".parse::<DeviceChoice>().is_err());
        assert!("cuda:x".parse::<DeviceChoice>().is_err());
    }
}
