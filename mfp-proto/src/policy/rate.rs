use core::time::Duration;

use super::error::{InvalidRate, RateLimited};
use crate::time::{Instant, micros};

/// A rate: `count` requests each `per`, and `burst` of them at once.
///
/// The default is 5 a second with a burst of 10, the token bucket of a source (sections 5 and 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    /// Microseconds.
    per: u64,
    burst: u32,
}

impl Rate {
    /// `count` requests each `per`, of which `burst` may come at once. In every span of time `w` at most
    /// `burst + w × count / per` requests are admitted.
    ///
    /// Every rate from 1 an hour to 1,000,000 a second is possible, with every burst from 1.
    ///
    /// # Errors
    /// [`InvalidRate`] if `count`, `per` or `burst` is zero, if `per` has a fraction of a microsecond, or if
    /// `burst × per` is above `u64::MAX` microseconds.
    pub fn new(count: u32, per: Duration, burst: u32) -> Result<Self, InvalidRate> {
        let micros = micros(per);
        let exact = Duration::from_micros(micros) == per;
        let bounded = micros.checked_mul(u64::from(burst)).is_some();
        if count == 0 || micros == 0 || burst == 0 || !exact || !bounded {
            return Err(InvalidRate);
        }
        Ok(Self { count, per: micros, burst })
    }

    /// What an empty bucket owes.
    fn capacity(&self) -> u64 {
        self.per.saturating_mul(u64::from(self.burst))
    }

    /// The most that may be owed for one more request to be admitted.
    fn tolerance(&self) -> u64 {
        self.capacity().saturating_sub(self.per)
    }

    /// What is paid back in `elapsed`.
    fn drained(&self, elapsed: Duration) -> u64 {
        micros(elapsed).saturating_mul(u64::from(self.count))
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { count: 5, per: 1_000_000, burst: 10 }
    }
}

/// A token bucket: 16 bytes, full when new. The [`Rate`] is the caller's, so that a table of buckets holds it once.
///
/// It is the generic cell rate algorithm (GCRA) in its continuous-state form, which keeps what is owed and since when, and
/// needs no ticking. In units of 1/count of a microsecond everything is an integer, so no rate is rounded: three a
/// second are three a second for ever.
///
/// A `now` before the last admitted request counts as the moment of that request. A bucket that is checked against
/// another rate than before is wrong by at most one bucketful, and for no longer than it takes to fill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimiter {
    /// Owed at `since`; a request costs `per`, and `count` are paid back each microsecond.
    owed: u64,
    /// The last admitted request.
    since: Instant,
}

impl RateLimiter {
    /// A full bucket.
    pub const fn new() -> Self {
        Self { owed: 0, since: Instant::ZERO }
    }

    /// Admits one request, or says when to come again.
    ///
    /// # Errors
    /// [`RateLimited`], and nothing has changed.
    pub fn check(&mut self, now: Instant, rate: &Rate) -> Result<(), RateLimited> {
        let owed = self.owed_at(now, rate);
        let excess = owed.saturating_sub(rate.tolerance());
        if excess > 0 {
            let wait = excess.div_ceil(u64::from(rate.count));
            return Err(RateLimited { retry_after: Duration::from_micros(wait) });
        }
        self.owed = owed.saturating_add(rate.per);
        self.since = self.since.max(now);
        Ok(())
    }

    /// Whether the bucket is full again, so that a new one can take its place.
    pub fn is_full(&self, now: Instant, rate: &Rate) -> bool {
        self.owed_at(now, rate) == 0
    }

    fn owed_at(&self, now: Instant, rate: &Rate) -> u64 {
        self.owed.min(rate.capacity()).saturating_sub(rate.drained(now.saturating_since(self.since)))
    }
}

#[cfg(test)]
mod tests;
