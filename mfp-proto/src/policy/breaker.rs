use core::time::Duration;

use super::error::{BreakerOpen, InvalidBreaker};
use crate::time::Instant;

/// When a breaker opens, for how long, and what closes it.
///
/// The default opens after 5 failures in a row for 30 s, and closes after 1 success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    failure_threshold: u32,
    open_duration: Duration,
    trial_successes: u32,
}

impl BreakerConfig {
    /// Opens after `failure_threshold` failures in a row for `open_duration`; then one call at a time is tried, and
    /// `trial_successes` successes in a row close the breaker. A trial without an outcome for `open_duration` makes
    /// room for the next.
    ///
    /// # Errors
    /// [`InvalidBreaker`] if a number is zero or the duration is below a microsecond.
    pub const fn new(
        failure_threshold: u32,
        open_duration: Duration,
        trial_successes: u32,
    ) -> Result<Self, InvalidBreaker> {
        if failure_threshold == 0 || trial_successes == 0 || open_duration.as_micros() == 0 {
            return Err(InvalidBreaker);
        }
        Ok(Self { failure_threshold, open_duration, trial_successes })
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failure_threshold: 5, open_duration: Duration::from_secs(30), trial_successes: 1 }
    }
}

/// What a [`Breaker`] does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Allows every call.
    Closed,
    /// Refuses every call.
    Open,
    /// Allows one call at a time.
    HalfOpen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed {
        /// In a row.
        failures: u32,
    },
    Open {
        until: Instant,
    },
    HalfOpen {
        successes: u32,
        /// No trial before this: one is under way.
        next_trial: Instant,
    },
}

/// A circuit breaker: spares a callee that keeps failing, and finds out with single trials when it works again.
///
/// | state | `allow` | `on_success` | `on_failure` |
/// |---|---|---|---|
/// | closed | yes | the count starts again | counts; open at the threshold |
/// | open | no | ignored | ignored |
/// | half-open | if no trial is under way | counts, and the next trial may begin; closed at the threshold | open |
///
/// An open breaker is half-open when its time is up. A `now` before the latest that the breaker has seen counts as
/// that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    /// The latest `now`.
    seen: Instant,
}

impl Breaker {
    /// A closed breaker.
    pub const fn new(config: BreakerConfig) -> Self {
        Self { config, phase: Phase::Closed { failures: 0 }, seen: Instant::ZERO }
    }

    /// Whether a call may be made now. Who gets `Ok` makes the call and reports its outcome.
    ///
    /// # Errors
    /// [`BreakerOpen`] while the breaker is open, or half-open with a trial under way.
    pub fn allow(&mut self, now: Instant) -> Result<(), BreakerOpen> {
        self.handle_timeout(now);
        let refused_until = match &mut self.phase {
            Phase::Closed { .. } => return Ok(()),
            Phase::Open { until } => *until,
            Phase::HalfOpen { next_trial, .. } if *next_trial <= self.seen => {
                *next_trial = self.seen + self.config.open_duration;
                return Ok(());
            }
            Phase::HalfOpen { next_trial, .. } => *next_trial,
        };
        Err(BreakerOpen { retry_after: refused_until.saturating_since(self.seen) })
    }

    /// A call has succeeded.
    pub fn on_success(&mut self, now: Instant) {
        self.handle_timeout(now);
        match &mut self.phase {
            Phase::Closed { failures } => *failures = 0,
            Phase::Open { .. } => {}
            Phase::HalfOpen { successes, next_trial } => {
                *successes += 1;
                *next_trial = self.seen;
                if *successes >= self.config.trial_successes {
                    self.phase = Phase::Closed { failures: 0 };
                }
            }
        }
    }

    /// A call has failed.
    pub fn on_failure(&mut self, now: Instant) {
        self.handle_timeout(now);
        match &mut self.phase {
            Phase::Closed { failures } => {
                *failures += 1;
                if *failures >= self.config.failure_threshold {
                    self.open();
                }
            }
            Phase::Open { .. } => {}
            Phase::HalfOpen { .. } => self.open(),
        }
    }

    /// The state at `now`.
    pub fn state(&self, now: Instant) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Makes an open breaker half-open if its time is up. Every other input does this too.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.seen = self.seen.max(now);
        if let Phase::Open { until } = self.phase
            && until <= self.seen
        {
            self.phase = Phase::HalfOpen { successes: 0, next_trial: self.seen };
        }
    }

    /// When the state next changes by itself: the end of being open. Clears with the first input at or after it.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until } => Some(until),
            Phase::Closed { .. } | Phase::HalfOpen { .. } => None,
        }
    }

    /// For tests that compare whole states by a hash, with moments as `moment` gives them. Failures do not matter where
    /// no number of them opens it.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn hash_state<M: core::hash::Hash>(
        &self,
        state: &mut impl core::hash::Hasher,
        moment: impl Fn(Instant) -> M,
    ) {
        use core::hash::Hash;
        match self.phase {
            Phase::Closed { failures } => {
                (0, (self.config.failure_threshold < u32::MAX).then_some(failures)).hash(state);
            }
            Phase::Open { until } => (1, moment(until)).hash(state),
            Phase::HalfOpen { successes, next_trial } => (2, successes, moment(next_trial)).hash(state),
        }
    }

    fn open(&mut self) {
        self.phase = Phase::Open { until: self.seen + self.config.open_duration };
    }
}

#[cfg(test)]
mod tests;
