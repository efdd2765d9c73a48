//! Time as the caller tells it.

use core::ops::Add;
use core::time::Duration;

/// A moment on the caller's monotonic clock, in microseconds since an epoch of the caller's choice.
///
/// The core has no clock. A driver maps its own (`std::time::Instant`, a hardware timer, a simulator's
/// virtual clock) to this type, and must never let it run backwards; a stale value is clamped, not refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The caller's epoch.
    pub const ZERO: Self = Self(0);
    /// The last representable moment; used as "never".
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This moment plus `delay`, or [`Instant::MAX`] where that overflows. Fractions of a microsecond are dropped.
    #[must_use]
    pub fn saturating_add(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(micros(delay)))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, delay: Duration) -> Self {
        self.saturating_add(delay)
    }
}

/// Whole microseconds of a duration, saturating at `u64::MAX` (about 584,000 years).
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let late = Instant::from_micros(u64::MAX - 1);
        assert_eq!(late + Duration::from_secs(1), Instant::MAX);
        assert_eq!(Instant::ZERO.saturating_since(late), Duration::ZERO);
        assert_eq!(late.saturating_since(Instant::ZERO), Duration::from_micros(u64::MAX - 1));
        assert_eq!(Instant::ZERO + Duration::MAX, Instant::MAX);
    }
}
