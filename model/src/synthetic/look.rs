//! How a scene looks: sun, season, soil, haze and sensor.

use super::noise::sin_cos;
use super::rng::Dice;

/// A colour as red, green and blue in `[0, 1]`.
pub(crate) type Rgb = [f32; 3];

/// Light, ground palette and sensor of one scene.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Look {
    /// Where shadows point, in radians, clockwise from the map's x axis.
    pub shadow_azimuth_rad: f64,
    /// Metres of shadow per metre of height.
    pub shadow_per_m: f64,
    /// Share of light that a shadow takes away.
    pub shadow_depth: f32,
    /// Colour of grass.
    pub grass: [f32; 3],
    /// Colour of tree crowns.
    pub crown: [f32; 3],
    /// Colour of bare soil.
    pub soil: [f32; 3],
    /// Colour of deep water.
    pub water: [f32; 3],
    /// Colour of concrete.
    pub concrete: [f32; 3],
    /// Colour of asphalt.
    pub asphalt: [f32; 3],
    /// Share of the picture that is haze.
    pub haze: f32,
    /// Gain per band.
    pub gain: [f32; 3],
    /// Standard deviation of the blur, in pixels.
    pub blur_px: f32,
    /// Standard deviation of the sensor noise, on the 8-bit scale.
    pub noise: f32,
}

impl Look {
    /// A plausible look; another seed gives another season, sun and sensor.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut dice = Dice::new(&[seed, 0x100C]);
        let dry = dice.unit() as f32;
        let shade = |dice: &mut Dice, base: Rgb, spread: f64| -> Rgb {
            let light = dice.range(1.0 - spread, 1.0 + spread) as f32;
            base.map(|v| v * light * dice.range(0.97, 1.03) as f32)
        };
        let grass = mix([0.30, 0.38, 0.19], [0.50, 0.46, 0.29], dry * dry);
        let crown = mix([0.13, 0.23, 0.11], [0.27, 0.28, 0.14], dry * dry);
        let waters =
            [[0.10, 0.20, 0.24], [0.13, 0.25, 0.25], [0.21, 0.26, 0.20], [0.07, 0.13, 0.19], [0.16, 0.30, 0.36]];
        let soils = [[0.52, 0.43, 0.32], [0.60, 0.52, 0.40], [0.45, 0.34, 0.26], [0.57, 0.42, 0.31]];
        let water = *dice.pick(&waters);
        let soil = *dice.pick(&soils);
        Self {
            shadow_azimuth_rad: dice.range(0.0, std::f64::consts::TAU),
            shadow_per_m: dice.range(0.35, 1.5),
            shadow_depth: dice.range(0.45, 0.68) as f32,
            grass: shade(&mut dice, grass, 0.12),
            crown: shade(&mut dice, crown, 0.15),
            soil: shade(&mut dice, soil, 0.1),
            water: shade(&mut dice, water, 0.15),
            concrete: shade(&mut dice, [0.62, 0.61, 0.58], 0.1),
            asphalt: shade(&mut dice, [0.37, 0.37, 0.38], 0.16),
            haze: dice.range(0.0, 0.2) as f32,
            gain: {
                let exposure = dice.range(0.92, 1.2) as f32;
                [0, 1, 2].map(|_| exposure * dice.range(0.96, 1.04) as f32)
            },
            blur_px: dice.range(0.3, 0.85) as f32,
            noise: dice.range(0.8, 5.0) as f32,
        }
    }

    /// Metres east and south that the shadow of one metre of height reaches.
    pub(crate) fn shadow_step(&self) -> (f64, f64) {
        let (s, c) = sin_cos(self.shadow_azimuth_rad);
        (c * self.shadow_per_m, s * self.shadow_per_m)
    }

    /// Brightness of a slope whose downhill direction is this unit vector.
    pub(crate) fn slope_light(&self, downhill: (f64, f64)) -> f32 {
        let (s, c) = sin_cos(self.shadow_azimuth_rad);
        let away = downhill.0 * c + downhill.1 * s;
        (1.0 - 0.2 * away) as f32
    }
}

/// `a` at 0, `b` at 1.
#[inline]
pub(crate) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

/// A colour made lighter or darker.
#[inline]
pub(crate) fn lit(a: Rgb, light: f32) -> Rgb {
    [a[0] * light, a[1] * light, a[2] * light]
}
