use core::fmt;
use core::time::Duration;

/// A rate that cannot be kept: see [`Rate::new`](super::Rate::new) for what it must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRate;

/// A breaker that could never open or never close: see [`BreakerConfig::new`](super::BreakerConfig::new).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBreaker;

/// Delays that are no backoff: see [`BackoffConfig::new`](super::BackoffConfig::new).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBackoff;

/// The bucket is empty. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimited {
    /// How long until one request is admitted, if none is before it. To the microsecond, and never zero.
    pub retry_after: Duration,
}

/// The circuit breaker refuses the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOpen {
    /// How long until a call is allowed, if no outcome is reported before it. To the microsecond, and never zero.
    pub retry_after: Duration,
}

impl fmt::Display for InvalidRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rate is zero, unbounded or not in whole microseconds")
    }
}

impl fmt::Display for InvalidBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("breaker needs a threshold, a duration and a number of trials above zero")
    }
}

impl fmt::Display for InvalidBackoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("backoff needs 0 < first <= max and a jitter of at most 100 %")
    }
}

impl fmt::Display for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rate limited, retry after {:?}", self.retry_after)
    }
}

impl fmt::Display for BreakerOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit breaker open, retry after {:?}", self.retry_after)
    }
}

impl core::error::Error for InvalidRate {}
impl core::error::Error for InvalidBreaker {}
impl core::error::Error for InvalidBackoff {}
impl core::error::Error for RateLimited {}
impl core::error::Error for BreakerOpen {}
