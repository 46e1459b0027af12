//! How long and how often a server is waited for.

use std::time::Duration;

/// How long and how often a server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next byte, and the time over which speed is measured.
    pub stall: Duration,
    /// Bytes that must come in a second.
    pub slowest: u64,
    /// Tries one after the other in which nothing new comes.
    pub tries: u32,
    /// The pause after the first of them; it doubles each time.
    pub pause: Duration,
    /// The longest pause, whatever the server asks for.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            slowest: 1000,
            tries: 5,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

impl Patience {
    /// The pause after so many tries in vain.
    pub(super) fn pause_after(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.pause.saturating_mul(1 << tries.saturating_sub(1).min(16));
        doubled.max(asked.unwrap_or_default()).min(self.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_49_pauses_double_and_are_as_long_as_the_server_asks_but_never_longer_than_a_minute() {
        let pause = |tries, asked: Option<u64>| {
            Patience::default().pause_after(tries, asked.map(Duration::from_secs)).as_secs()
        };
        assert_eq!([1, 2, 3, 4].map(|tries| pause(tries, None)), [1, 2, 4, 8]);
        assert_eq!((pause(1, Some(20)), pause(1, Some(3600)), pause(40, None)), (20, 60, 60));
    }
}
