//! What a user may ask about views: pixel size, frame, several sizes at once.

use std::str::FromStr;

/// The pixel size at which the model sees the scene.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Resolution {
    /// The scene's own where the model was trained at it, else the nearest that it was trained at.
    #[default]
    Auto,
    /// The scene's own.
    Native,
    /// Metres.
    Metres(f64),
    /// Pixels of the scene.
    Px(f64),
}

impl FromStr for Resolution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no pixel size: give auto, native, metres (0.3) or pixels of the scene (2px)");
        let number =
            |text: &str| text.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0).ok_or_else(wrong);
        match text {
            "auto" => Ok(Self::Auto),
            "native" => Ok(Self::Native),
            _ => match text.strip_suffix("px") {
                Some(pixels) => number(pixels).map(Self::Px),
                None => number(text.strip_suffix('m').unwrap_or(text)).map(Self::Metres),
            },
        }
    }
}

impl std::fmt::Display for Resolution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Native => f.write_str("native"),
            Self::Metres(size) => write!(f, "{size} m"),
            Self::Px(size) => write!(f, "{size} px"),
        }
    }
}

/// What words such as left, largest or second refer to, as the user asked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameChoice {
    /// The scene where it is small and the prompt has such words, else each tile.
    #[default]
    Auto,
    /// Each tile.
    Tile,
    /// The scene, seen in one view.
    Scene,
}

impl FromStr for FrameChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "tile" => Ok(Self::Tile),
            "scene" => Ok(Self::Scene),
            _ => Err(format!("{text:?} is no frame: give auto, tile or scene")),
        }
    }
}

impl std::fmt::Display for FrameChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Tile => "tile",
            Self::Scene => "scene",
        })
    }
}

/// The sizes at which the model sees every view, as multiples of its side; answers are averaged.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewSizes(Vec<f64>);

impl ViewSizes {
    /// The sides in pixels, multiples of 32, each once.
    #[must_use]
    pub fn sides(&self, model_px: usize) -> Vec<usize> {
        let mut sides = Vec::new();
        for factor in &self.0 {
            let side = (model_px as f64 * factor / 32.0).round().max(1.0) as usize * 32;
            if !sides.contains(&side) {
                sides.push(side);
            }
        }
        sides
    }
}

impl Default for ViewSizes {
    fn default() -> Self {
        Self(vec![1.0])
    }
}

impl FromStr for ViewSizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let factors: Option<Vec<f64>> = text
            .split(',')
            .map(|part| part.trim().parse().ok().filter(|factor| (0.25..=4.0).contains(factor)))
            .collect();
        factors
            .filter(|factors| factors.len() <= 4)
            .map(Self)
            .ok_or_else(|| format!("{text:?} are no sizes: give one to four numbers from 0.25 to 4, such as 1,0.5"))
    }
}

impl std::fmt::Display for ViewSizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let factors: Vec<String> = self.0.iter().map(f64::to_string).collect();
        f.write_str(&factors.join(","))
    }
}

/// What was asked about views.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewConfig {
    /// The pixel size at which the model sees the scene.
    pub resolution: Resolution,
    /// What words that depend on the frame refer to.
    pub frame: FrameChoice,
    /// The sizes at which the model sees every view.
    pub sizes: ViewSizes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolution_is_a_word_metres_or_pixels() {
        assert_eq!("auto".parse(), Ok(Resolution::Auto));
        assert_eq!("native".parse(), Ok(Resolution::Native));
        assert_eq!("0.3".parse(), Ok(Resolution::Metres(0.3)));
        assert_eq!("0.3m".parse(), Ok(Resolution::Metres(0.3)));
        assert_eq!("2px".parse(), Ok(Resolution::Px(2.0)));
        for wrong in ["", "0", "-1", "NaN", "inf", "px", "m", "fine", "2x"] {
            assert!(wrong.parse::<Resolution>().unwrap_err().contains("is no pixel size"), "{wrong}");
        }
    }

    #[test]
    fn a_frame_is_one_of_three_words() {
        for choice in [FrameChoice::Auto, FrameChoice::Tile, FrameChoice::Scene] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("world".parse::<FrameChoice>().is_err());
    }

    #[test]
    fn sizes_become_sides_that_are_multiples_of_32() {
        let sizes: ViewSizes = "1, 0.5,0.52".parse().unwrap();
        // 0.52 * 320 = 166.4 goes to 160, which is there already.
        assert_eq!(sizes.sides(320), [320, 160]);
        assert_eq!(ViewSizes::default().sides(416), [416]);
        assert_eq!(sizes.to_string(), "1,0.5,0.52");
        for wrong in ["", "0.1", "5", "1,,2", "NaN", "1,1,1,1,1"] {
            assert!(wrong.parse::<ViewSizes>().is_err(), "{wrong}");
        }
    }
}
