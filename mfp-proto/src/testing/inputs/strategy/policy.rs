use core::time::Duration;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::build;
use super::{depth, suite};
use crate::config::{Config, DeliveryPolicy, Limits, QuarantinePolicy};
use crate::policy::{BackoffConfig, BreakerConfig, Rate};
use crate::time::Instant;

/// Any [`Instant`]; more often one within an hour of the epoch, and sometimes the first or the last.
pub fn instant() -> impl Strategy<Value = Instant> {
    prop_oneof![
        8 => (0..3_600_000_000_u64).prop_map(Instant::from_micros),
        1 => select(&[Instant::ZERO, Instant::MAX][..]),
        1 => any::<u64>().prop_map(Instant::from_micros),
    ]
}

/// Steps of time: none, microseconds, milliseconds, up to a minute, up to a day, and all there is.
pub fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        2 => Just(Duration::ZERO),
        4 => (1..1_000_u64).prop_map(Duration::from_micros),
        8 => (1..1_000_u64).prop_map(Duration::from_millis),
        4 => (1..=60_u64).prop_map(Duration::from_secs),
        1 => (60..=86_400_u64).prop_map(Duration::from_secs),
        1 => Just(Duration::MAX),
    ]
}

/// Numbers of which the small ones matter most.
fn count() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 1..=10_u32, 2 => 1..=10_000_u32, 1 => any::<u32>()]
}

/// Microseconds: up to a second, up to an hour, and all there is.
fn micros() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1..=1_000_000_u64, 2 => 1..=3_600_000_000_u64, 1 => any::<u64>()]
}

/// Any valid [`Rate`].
pub fn rate() -> impl Strategy<Value = Rate> {
    (count(), micros(), count()).prop_map(|(count, per, burst)| build::rate(count, per, burst))
}

/// Any valid [`BackoffConfig`].
pub fn backoff_config() -> impl Strategy<Value = BackoffConfig> {
    (micros(), micros(), 0..=100_u8).prop_map(|(first, more, jitter)| build::backoff(first, more, jitter))
}

/// Any valid [`BreakerConfig`].
pub fn breaker_config() -> impl Strategy<Value = BreakerConfig> {
    (count(), micros(), count()).prop_map(|(failures, open, successes)| build::breaker(failures, open, successes))
}

/// Any valid [`Limits`], most of them small enough to be reached.
pub fn limits() -> impl Strategy<Value = Limits> {
    let items = prop_oneof![4 => 1..=8_u16, 1 => any::<u16>()];
    let room = prop_oneof![4 => 0..=4_096_u64, 1 => any::<u64>()];
    (count(), count(), items, 1..=1_u32 << 20, room, prop_oneof![Just(0), count()], prop_oneof![Just(0), count()])
        .prop_map(build::limits)
}

/// Any valid [`DeliveryPolicy`].
pub fn delivery_policy() -> impl Strategy<Value = DeliveryPolicy> {
    (duration(), prop_oneof![4 => 1..=5_u16, 1 => any::<u16>()], backoff_config())
        .prop_map(|(agent_timeout, attempts, retry)| build::delivery_policy(agent_timeout, attempts, retry))
}

/// Any [`QuarantinePolicy`].
pub fn quarantine_policy() -> impl Strategy<Value = QuarantinePolicy> {
    (prop_oneof![4 => 0..=5_u16, 1 => any::<u16>()], option::of(rate()), option::of(rate()))
        .prop_map(|(validation_failures, rate, abuse)| QuarantinePolicy { validation_failures, rate, abuse })
}

/// Any valid [`Config`] with the back end that is always there.
pub fn config() -> impl Strategy<Value = Config> {
    ((suite(), depth(), limits()), delivery_policy(), quarantine_policy(), duration()).prop_map(
        |(channels, delivery, quarantine, drain_timeout)| build::config(channels, delivery, quarantine, drain_timeout),
    )
}
