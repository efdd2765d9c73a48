use core::time::Duration;

use super::error::InvalidBackoff;
use crate::crypto::rng::Rng;
use crate::time::micros;

/// The delays of a [`Backoff`].
///
/// The default is 100 ms doubling to 30 s, jittered ±50 % (section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffConfig {
    /// Microseconds.
    first: u64,
    /// Microseconds.
    max: u64,
    jitter_percent: u8,
}

impl BackoffConfig {
    /// `first`, doubling up to `max`, and each delay spread evenly over ± `jitter_percent` of itself. So the longest
    /// delay is `max` and its jitter. Fractions of a microsecond are dropped.
    ///
    /// # Errors
    /// [`InvalidBackoff`] if `first` is below a microsecond or above `max`, or the jitter is above 100 %.
    pub fn new(first: Duration, max: Duration, jitter_percent: u8) -> Result<Self, InvalidBackoff> {
        let (first, max) = (micros(first), micros(max));
        if first == 0 || first > max || jitter_percent > 100 {
            return Err(InvalidBackoff);
        }
        Ok(Self { first, max, jitter_percent })
    }

    /// The delay after `attempts` attempts that failed before.
    pub fn delay(&self, attempts: u32, rng: &mut Rng) -> Duration {
        let doublings = 1u64.checked_shl(attempts).unwrap_or(u64::MAX);
        let delay = self.first.saturating_mul(doublings).min(self.max);
        let spread = percent_of(delay, self.jitter_percent);
        let jitter = rng.below(spread.saturating_mul(2).saturating_add(1));
        Duration::from_micros((delay - spread).saturating_add(jitter))
    }
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { first: 100_000, max: 30_000_000, jitter_percent: 50 }
    }
}

/// Exponential backoff with jitter (section 8): how long to wait before the next attempt. Longer after each, and from
/// the start after a [`reset`](Self::reset).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    config: BackoffConfig,
    attempts: u32,
}

impl Backoff {
    /// No attempt yet.
    pub const fn new(config: BackoffConfig) -> Self {
        Self { config, attempts: 0 }
    }

    /// The delay before the next attempt, which it counts.
    pub fn next_delay(&mut self, rng: &mut Rng) -> Duration {
        let delay = self.config.delay(self.attempts, rng);
        self.attempts = self.attempts.saturating_add(1);
        delay
    }

    /// An attempt has succeeded: the next delay is the first again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// For tests that compare whole states by a hash: what the next delays depend on. Where all are the same without
    /// a draw, that is nothing.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn hash_state(&self, state: &mut impl core::hash::Hasher) {
        use core::hash::Hash;
        let BackoffConfig { first, max, jitter_percent } = self.config;
        (first < max || jitter_percent > 0).then_some(self.attempts).hash(state);
    }

    /// Delays given since the start or the last reset. Stops at `u32::MAX`.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// `value × percent / 100`, rounded down, for a percentage of at most 100.
fn percent_of(value: u64, percent: u8) -> u64 {
    let percent = u64::from(percent);
    value / 100 * percent + value % 100 * percent / 100
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::rng::Rng;

    /// The same rule in wide arithmetic, one doubling at a time.
    fn bounds(first: u64, max: u64, percent: u8, attempt: u32) -> (Duration, Duration) {
        let base = (0..attempt).fold(u128::from(first), |delay, _| (delay * 2).min(u128::from(max)));
        let spread = base * u128::from(percent) / 100;
        let clamp = |micros: u128| Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        (clamp(base - spread), clamp(base + spread))
    }

    proptest! {
        #[test]
        fn every_delay_is_within_its_bounds_and_follows_from_the_seed(
            (first, max) in prop_oneof![
                (1..=10_000_000_000u64, 0..=10_000_000_000u64),
                (1..=u64::MAX, 0..=u64::MAX),
            ].prop_map(|(first, more)| (first, first.saturating_add(more))),
            percent in 0..=100u8,
            seed: [u8; 32],
        ) {
            let config = BackoffConfig::new(Duration::from_micros(first), Duration::from_micros(max), percent).unwrap();
            let (mut one, mut two) = (Backoff::new(config), Backoff::new(config));
            let (mut rng, mut same) = (Rng::new(seed), Rng::new(seed));
            for attempt in 0..80 {
                prop_assert_eq!(one.attempts(), attempt);
                let (low, high) = bounds(first, max, percent, attempt);
                let delay = one.next_delay(&mut rng);
                prop_assert!((low..=high).contains(&delay), "{attempt}: {delay:?} not in {low:?}..={high:?}");
                prop_assert_eq!(delay, two.next_delay(&mut same));
            }
            one.reset();
            prop_assert_eq!(one, Backoff::new(config));
        }
    }

    #[test]
    fn without_jitter_the_defaults_are_the_table_of_section_8() {
        let mut backoff = Backoff::new(BackoffConfig { jitter_percent: 0, ..BackoffConfig::default() });
        let mut rng = Rng::new([0; 32]);
        for millis in [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000] {
            assert_eq!(backoff.next_delay(&mut rng), Duration::from_millis(millis));
        }
    }

    #[test]
    fn the_default_jitter_reaches_both_ends() {
        let mut rng = Rng::new([5; 32]);
        let first = |rng: &mut Rng| Backoff::new(BackoffConfig::default()).next_delay(rng);
        let (mut low, mut high) = (Duration::MAX, Duration::ZERO);
        for _ in 0..2_000 {
            let delay = first(&mut rng);
            (low, high) = (low.min(delay), high.max(delay));
        }
        assert!((50_000..51_000).contains(&low.as_micros()), "{low:?}");
        assert!((149_001..=150_000).contains(&high.as_micros()), "{high:?}");
    }

    #[test]
    fn attempts_do_not_overflow() {
        let mut backoff = Backoff { config: BackoffConfig::default(), attempts: u32::MAX };
        let delay = backoff.next_delay(&mut Rng::new([0; 32]));
        assert!((15_000..=45_000).contains(&delay.as_millis()));
        assert_eq!(backoff.attempts(), u32::MAX);
    }

    #[test]
    fn what_is_no_backoff_is_refused() {
        let (zero, one, two) = (Duration::ZERO, Duration::from_micros(1), Duration::from_micros(2));
        assert!(BackoffConfig::new(one, one, 100).is_ok());
        for (first, max, percent) in
            [(zero, one, 50), (Duration::from_nanos(999), one, 50), (two, one, 50), (one, two, 101)]
        {
            assert_eq!(BackoffConfig::new(first, max, percent), Err(InvalidBackoff));
        }
    }
}
