//! Learning rates over a run.

use serde::{Deserialize, Serialize};

/// Linear warm-up, then polynomial decay to zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Peak learning rate.
    pub rate: f64,
    /// Steps of linear warm-up.
    pub warm_up: usize,
    /// Power of the decay.
    pub power: f64,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { rate: 5e-5, warm_up: 0, power: 0.9 }
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
        self.rate * (1.0 - done.min(1.0)).powf(self.power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_linearly_and_falls_by_the_power() {
        let schedule = ScheduleConfig { rate: 1.0, warm_up: 4, power: 1.0 };
        assert!((schedule.at(1, 14) - 0.5).abs() < 1e-12);
        // Half of the ten steps after the warm-up: 1 - 5 / 10.
        assert!((schedule.at(9, 14) - 0.5).abs() < 1e-12);
        assert!(schedule.at(14, 14).abs() < 1e-12);
    }
}
