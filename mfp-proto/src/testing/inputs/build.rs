//! From raw numbers and text to the nearest value that keeps the type's rules. Strategies and `Arbitrary` share them.

use std::string::String;

use core::num::NonZeroU16;
use core::time::Duration;

use crate::config::{Config, DeliveryPolicy, Limits, QuarantinePolicy};
use crate::crypto::aead::Suite;
use crate::frame::Depth;
use crate::id::AgentName;
use crate::local::Freeze;
use crate::policy::{BackoffConfig, BreakerConfig, Rate};
use crate::runtime::MAX_CONTENT_TYPE;

/// Each cause, if it is to be there.
pub(super) fn freeze(causes: [bool; 3]) -> Freeze {
    let all = [Freeze::QUARANTINED, Freeze::FIRST_AGENT, Freeze::SECOND_AGENT];
    all.into_iter().zip(causes).filter(|(_, there)| *there).fold(Freeze::OPEN, |freeze, (cause, _)| freeze.with(cause))
}

pub(super) fn depth(blocks: u8) -> Depth {
    Depth::new(2 + blocks % 31).unwrap_or_default()
}

/// The first 64 bytes, but for a character that they cut in two; "a" if nothing is left.
pub(super) fn name(mut text: String) -> AgentName {
    text.truncate(text.floor_char_boundary(AgentName::MAX_LEN));
    if text.is_empty() {
        text.push('a');
    }
    // The bounds are kept above.
    AgentName::new(&text).unwrap_or_else(|_| name(String::new()))
}

/// Each byte as one of the printable ASCII characters.
pub(super) fn content_type(bytes: impl IntoIterator<Item = u8>) -> String {
    let mut text: String = bytes.into_iter().take(MAX_CONTENT_TYPE).map(|byte| char::from(b' ' + byte % 95)).collect();
    if text.is_empty() {
        text.push('a');
    }
    text
}

pub(super) fn rate(count: u32, per: u64, burst: u32) -> Rate {
    let per = per.max(1);
    let most = u32::try_from(u64::MAX / per).unwrap_or(u32::MAX);
    Rate::new(count.max(1), Duration::from_micros(per), burst.clamp(1, most)).unwrap_or_default()
}

pub(super) fn backoff(first: u64, more: u64, jitter: u8) -> BackoffConfig {
    let first = first.max(1);
    let max = first.saturating_add(more);
    BackoffConfig::new(Duration::from_micros(first), Duration::from_micros(max), jitter % 101).unwrap_or_default()
}

pub(super) fn breaker(failures: u32, open: u64, successes: u32) -> BreakerConfig {
    let open = Duration::from_micros(open.max(1));
    BreakerConfig::new(failures.max(1), open, successes.max(1)).unwrap_or_default()
}

/// Agents, channels of one agent, items of a channel, payload, room for more than one payload, dead letters, requests.
pub(super) type RawLimits = (u32, u32, u16, u32, u64, u32, u32);

pub(super) fn limits((agents, channels, items, payload, room, dead_letters, requests): RawLimits) -> Limits {
    let payload = payload.max(1);
    Limits {
        agents: agents.max(1),
        channels_per_agent: channels.max(1),
        payload,
        channel_items: items.max(1),
        inbox_bytes: u64::from(payload).saturating_add(room),
        dead_letters,
        requests,
    }
}

pub(super) fn delivery_policy(agent_timeout: Duration, attempts: u16, retry: BackoffConfig) -> DeliveryPolicy {
    let max_attempts = NonZeroU16::new(attempts).unwrap_or(NonZeroU16::MIN);
    DeliveryPolicy { agent_timeout: agent_timeout.max(Duration::from_micros(1)), max_attempts, retry }
}

/// The suite becomes the default one where the back end of the build lacks it.
pub(super) fn config(
    (suite, depth, limits): (Suite, Depth, Limits),
    delivery: DeliveryPolicy,
    quarantine: QuarantinePolicy,
    drain_timeout: Duration,
) -> Config {
    let mut config = Config { depth, limits, delivery, quarantine, drain_timeout, ..Config::default() };
    if config.aead.supports(suite) {
        config.suite = suite;
    }
    config
}
