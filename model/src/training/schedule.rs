//! Learning rates over a run.

use serde::{Deserialize, Serialize};

/// Linear warm-up, then a decay to zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The curve of the decay.
    pub decay: Decay,
    /// Peak learning rate.
    pub rate: f64,
    /// Steps of linear warm-up.
    pub warm_up: usize,
    /// Power of the polynomial decay.
    pub power: f64,
}

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// By a power of the share of steps that are left; the paper's.
    #[default]
    Poly,
    /// Along half a cosine.
    Cosine,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { decay: Decay::Poly, rate: 5e-5, warm_up: 0, power: 0.9 }
    }
}

impl ScheduleConfig {
    /// The rate at `step` of `steps`, counted from zero.
    #[must_use]
    pub fn at(&self, step: usize, steps: usize) -> f64 {
        if step < self.warm_up {
            return self.rate * (step + 1) as f64 / self.warm_up as f64;
        }
        let done = (step - self.warm_up) as f64 / steps.saturating_sub(self.warm_up).max(1) as f64;
        let done = done.min(1.0);
        let share = match self.decay {
            Decay::Poly => (1.0 - done).powf(self.power),
            Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        };
        self.rate * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_linearly_and_falls_by_the_power() {
        let schedule = ScheduleConfig { rate: 1.0, warm_up: 4, power: 1.0, decay: Decay::Poly };
        assert!((schedule.at(1, 14) - 0.5).abs() < 1e-12);
        // Half of the ten steps after the warm-up: 1 - 5 / 10.
        assert!((schedule.at(9, 14) - 0.5).abs() < 1e-12);
        assert!(schedule.at(14, 14).abs() < 1e-12);
    }

    #[test]
    fn a_cosine_is_flat_at_both_ends() {
        let schedule = ScheduleConfig { rate: 1.0, decay: Decay::Cosine, ..ScheduleConfig::default() };
        // A third of the way: (1 + cos 60 degrees) / 2.
        assert!((schedule.at(10, 30) - 0.75).abs() < 1e-12);
        assert!((schedule.at(0, 30) - 1.0).abs() < 1e-12);
        assert!(schedule.at(30, 30).abs() < 1e-12);
    }
}
