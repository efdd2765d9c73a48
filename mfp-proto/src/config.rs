//! Limits and policies of a runtime, with their defaults and units.

use core::fmt;
use core::num::NonZeroU16;
use core::time::Duration;

use crate::crypto::aead::{Aead, RustCrypto, Suite};
use crate::frame::Depth;
use crate::handshake::AdmissionConfig;
use crate::policy::{BackoffConfig, Rate};
use crate::time::micros;

/// How a runtime is set up. [`Config::default`] is meant to be used as it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The AEAD back end. Default: [`RustCrypto`], which is always there.
    pub aead: &'static dyn Aead,
    /// The suite of channels inside the runtime. Default: ChaCha20-Poly1305.
    pub suite: Suite,
    /// The frame depth of channels that do not choose their own. Default: 4 blocks.
    pub depth: Depth,
    /// Bounds on what the runtime holds.
    pub limits: Limits,
    /// How messages are handed to agents.
    pub delivery: DeliveryPolicy,
    /// When agents and channels are slowed down or quarantined.
    pub quarantine: QuarantinePolicy,
    /// What is let in of handshakes that others begin.
    pub admission: AdmissionConfig,
    /// How long [`Runtime::shutdown`](crate::runtime::Runtime::shutdown) waits for handlers. Default: 30 s.
    pub drain_timeout: Duration,
}

/// Bounds on what a runtime holds. Beyond each, the caller gets a typed error and nothing changes.
///
/// An answer that a request waits for is taken up to twice `channel_items` and `inbox_bytes`: it is handed over out of
/// turn, so that two agents that ask each other cannot block each other with their questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Agents. Default: 10,000.
    pub agents: u32,
    /// Channels of one agent. Default: 100.
    pub channels_per_agent: u32,
    /// Bytes of one payload. Default: 1 MiB.
    pub payload: u32,
    /// Unfinished messages in one direction of a channel. Default: 64.
    pub channel_items: u16,
    /// Bytes of the unfinished messages to one agent. Default: 64 MiB.
    pub inbox_bytes: u64,
    /// Dead letters kept; beyond, the oldest is dropped, with an event. Default: 10,000.
    pub dead_letters: u32,
    /// Requests of one runtime that wait for an answer. Default: 65,536.
    pub requests: u32,
}

/// How messages are handed to agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryPolicy {
    /// How long a handler may take before it is reported and its message tried again; at least a microsecond.
    /// Default: 120 s.
    pub agent_timeout: Duration,
    /// Attempts before a message becomes a dead letter. Default: 3.
    pub max_attempts: NonZeroU16,
    /// The wait between attempts. Default: 100 ms doubling to 30 s, ±50 %.
    pub retry: BackoffConfig,
}

/// When agents and channels are slowed down or quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuarantinePolicy {
    /// Validation failures in a row after which a channel is quarantined; 0: never. Default: 3.
    pub validation_failures: u16,
    /// Messages that one agent may send. Default: no limit.
    pub rate: Option<Rate>,
    /// Refusals by `rate` that one agent may collect; beyond, it is quarantined. Default: never.
    pub abuse: Option<Rate>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            aead: &RustCrypto,
            suite: Suite::default(),
            depth: Depth::default(),
            limits: Limits::default(),
            delivery: DeliveryPolicy::default(),
            quarantine: QuarantinePolicy::default(),
            admission: AdmissionConfig::default(),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            agents: 10_000,
            channels_per_agent: 100,
            payload: 1 << 20,
            channel_items: 64,
            inbox_bytes: 64 << 20,
            dead_letters: 10_000,
            requests: 65_536,
        }
    }
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        Self {
            agent_timeout: Duration::from_mins(2),
            max_attempts: NonZeroU16::MIN.saturating_add(2),
            retry: BackoffConfig::default(),
        }
    }
}

impl Default for QuarantinePolicy {
    fn default() -> Self {
        Self { validation_failures: 3, rate: None, abuse: None }
    }
}

/// A configuration that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidConfig {
    /// The back end does not compute the suite in this build.
    UnsupportedSuite(Suite),
    /// This limit is zero, or a duration below a microsecond.
    ZeroLimit(&'static str),
    /// `limits.inbox_bytes` is smaller than `limits.payload`.
    InboxSmallerThanPayload,
}

impl Config {
    /// Whether the configuration can work.
    ///
    /// # Errors
    /// [`InvalidConfig`] names the first part that cannot.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if !self.aead.supports(self.suite) {
            return Err(InvalidConfig::UnsupportedSuite(self.suite));
        }
        let limits = &self.limits;
        for (name, zero) in [
            ("agents", limits.agents == 0),
            ("channels_per_agent", limits.channels_per_agent == 0),
            ("payload", limits.payload == 0),
            ("channel_items", limits.channel_items == 0),
            ("agent_timeout", micros(self.delivery.agent_timeout) == 0),
            ("max_pending", self.admission.max_pending == 0),
        ] {
            if zero {
                return Err(InvalidConfig::ZeroLimit(name));
            }
        }
        if limits.inbox_bytes < u64::from(limits.payload) {
            Err(InvalidConfig::InboxSmallerThanPayload)
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedSuite(suite) => write!(f, "the AEAD back end does not support {}", suite.name()),
            Self::ZeroLimit(name) => write!(f, "the limit `{name}` is zero"),
            Self::InboxSmallerThanPayload => f.write_str("inbox_bytes is smaller than the largest payload"),
        }
    }
}

impl core::error::Error for InvalidConfig {}
