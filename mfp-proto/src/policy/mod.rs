//! Policies: rate limiter, circuit breaker, backoff. Tiny pure machines under the caller's clock.
//!
//! None of them waits, retries or calls anything. Each says what is allowed now, or how long until it is.

mod backoff;
mod breaker;
mod error;
mod rate;

pub use backoff::{Backoff, BackoffConfig};
pub use breaker::{Breaker, BreakerConfig, BreakerState};
pub use error::{BreakerOpen, InvalidBackoff, InvalidBreaker, InvalidRate, RateLimited};
pub use rate::{Rate, RateLimiter};
