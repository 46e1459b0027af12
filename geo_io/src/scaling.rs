//! From stored values to the 8-bit scale, decided once per scene.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::GeoIoError;

/// How stored values become the 0 to 255 the model was trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ScaleChoice {
    /// 8-bit as it is; anything else from its 2nd to its 98th percentile over the whole scene.
    #[default]
    Auto,
    /// From `min` to `max` in stored values (after the band's own scale and offset).
    MinMax {
        /// Becomes 0.
        min: f64,
        /// Becomes 255.
        max: f64,
    },
    /// From one percentile to another over the whole scene, for each band.
    Percentile {
        /// Percentile that becomes 0.
        low: f64,
        /// Percentile that becomes 255.
        high: f64,
    },
    /// Reflectance stored as integers: 0 becomes 0, this value becomes 255.
    Reflectance(f64),
}

impl std::fmt::Display for ScaleChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::MinMax { min, max } => write!(f, "{min},{max}"),
            Self::Percentile { low, high } => write!(f, "p{low},p{high}"),
            Self::Reflectance(full) => write!(f, "reflectance:{full}"),
        }
    }
}

impl FromStr for ScaleChoice {
    type Err = GeoIoError;

    /// Reads `auto`, `min,max`, `p2,p98` or `reflectance:10000`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || GeoIoError::Usage {
            reason: format!("scale {text:?} is none of auto, min,max, p2,p98, reflectance:10000"),
        };
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let text = text.trim();
        if text == "auto" {
            return Ok(Self::Auto);
        }
        if let Some(full) = text.strip_prefix("reflectance:") {
            return number(full).filter(|full| *full > 0.0).map(Self::Reflectance).ok_or_else(wrong);
        }
        let (low, high) = text.split_once(',').ok_or_else(wrong)?;
        let (low, high) = (low.trim(), high.trim());
        if let (Some(low), Some(high)) = (low.strip_prefix('p'), high.strip_prefix('p')) {
            let (low, high) = number(low).zip(number(high)).ok_or_else(wrong)?;
            let ordered = 0.0 <= low && low < high && high <= 100.0;
            return if ordered { Ok(Self::Percentile { low, high }) } else { Err(wrong()) };
        }
        let (min, max) = number(low).zip(number(high)).ok_or_else(wrong)?;
        if min < max { Ok(Self::MinMax { min, max }) } else { Err(wrong()) }
    }
}

/// The stored values of one band that become 0 and 255.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandRange {
    /// Becomes 0.
    pub min: f64,
    /// Becomes 255.
    pub max: f64,
}

/// What was decided about the scale of a scene, for the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum ScalingInfo {
    /// 8-bit values are used as they are.
    None,
    /// Values are stretched linearly between `min` and `max`.
    Linear {
        /// How the ranges were chosen, in words.
        chosen: String,
        /// One range for each of red, green and blue.
        ranges: [BandRange; 3],
    },
}
