//! Limits and times of a link, with their defaults and units (the table of section 8).

use core::fmt;
use core::time::Duration;

use crate::policy::{BackoffConfig, BreakerConfig};

const HOUR: Duration = Duration::from_hours(1);

/// How a link behaves. [`LinkConfig::default`] is the table of section 8, and is meant to be used as it is.
///
/// What the two sides tell each other (frame depth, windows, credit, mode) is in
/// [`handshake::Params`](crate::handshake::Params).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkConfig {
    /// How long a message may come to a halt between its first byte and its last. Default: 10 s.
    pub message_idle: Duration,
    /// The slowest pace of a message, in bytes per second: it may take `message_idle` and its size at this pace.
    /// Default: 16 KiB/s.
    pub message_pace: u32,
    /// How long a session may be pending, on either side. Default: 5 s.
    pub handshake: Duration,
    /// An ACK is sent after so long without sending. Default: 15 s.
    pub keep_alive: Duration,
    /// A live session that has received no byte for so long is dropped. Default: 45 s.
    pub dead: Duration,
    /// A session is dropped if items are unacked and for so long nothing was acked and none of their bytes went.
    /// Default: 30 s.
    pub ack_timeout: Duration,
    /// How long an ack waits for other traffic to carry it. Default: 5 ms.
    pub lone_ack: Duration,
    /// The wait before an attempt to connect; it starts again when a session is confirmed. Default: 100 ms doubling to
    /// 30 s, ±50 %.
    pub backoff: BackoffConfig,
    /// When attempts to connect pause because none succeeds. Default: after 5 failures in a row, for 30 s.
    pub breaker: BreakerConfig,
    /// Sessions without progress after which attempts are `recovery_pause` apart (section 9). Default: 256.
    pub max_recovery_attempts: u32,
    /// The wait between attempts after `max_recovery_attempts`. Default: 30 s.
    pub recovery_pause: Duration,
    /// When the keys of a session are rotated (section 10).
    pub rotation: RotationConfig,
    /// How old a session may become (section 5).
    pub age: AgeConfig,
    /// Answers (ACCEPT, REJECT, answering CLOSE) that are not yet acked. Default: 4,096.
    pub max_answers: u32,
}

/// When the keys of a session are rotated (section 10): whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RotationConfig {
    /// Messages of a lane. Default: 2^16.
    pub messages: u64,
    /// Bytes of a lane. Default: 1 GiB.
    pub bytes: u64,
    /// Time in which numbered items have flowed in either lane. Default: 10 minutes.
    pub interval: Duration,
    /// How long a rotation may take; then the session is dropped. Default: 60 s.
    pub timeout: Duration,
}

/// How old a session may become, and how it is replaced (section 5, planned handshake).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgeConfig {
    /// Age at which the session's initiator plans a handshake. Default: 23 h.
    pub planned: Duration,
    /// The age is drawn evenly between this much less and this much more. Default: 30 min.
    pub spread: Duration,
    /// How long items in flight may take to be acked before a planned handshake. Default: 5 s.
    pub drain: Duration,
    /// The wait after a planned handshake that failed. Default: 5 min.
    pub retry: Duration,
    /// Age at which a session ends. Default: 24 h.
    pub end: Duration,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            message_idle: Duration::from_secs(10),
            message_pace: 16 << 10,
            handshake: crate::handshake::TIMEOUT,
            keep_alive: Duration::from_secs(15),
            dead: Duration::from_secs(45),
            ack_timeout: Duration::from_secs(30),
            lone_ack: Duration::from_millis(5),
            backoff: BackoffConfig::default(),
            breaker: BreakerConfig::default(),
            max_recovery_attempts: 256,
            recovery_pause: Duration::from_secs(30),
            rotation: RotationConfig::default(),
            age: AgeConfig::default(),
            max_answers: 4_096,
        }
    }
}

impl Default for RotationConfig {
    fn default() -> Self {
        Self { messages: 1 << 16, bytes: 1 << 30, interval: Duration::from_mins(10), timeout: Duration::from_mins(1) }
    }
}

impl Default for AgeConfig {
    fn default() -> Self {
        Self {
            planned: 23 * HOUR,
            spread: HOUR / 2,
            drain: Duration::from_secs(5),
            retry: Duration::from_mins(5),
            end: 24 * HOUR,
        }
    }
}

/// A configuration that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidLinkConfig {
    /// This limit is zero.
    Zero(&'static str),
    /// `keep_alive` is not shorter than `dead`: an idle link would be dropped.
    KeepAlive,
    /// A session could end before its planned handshake: `planned + spread` is not below `end`, or `spread` is above
    /// `planned`.
    Age,
}

impl LinkConfig {
    /// Whether the configuration can work.
    ///
    /// # Errors
    /// [`InvalidLinkConfig`] names the first part that cannot.
    pub fn validate(&self) -> Result<(), InvalidLinkConfig> {
        let Self { rotation, age, .. } = self;
        for (name, zero) in [
            ("message_idle", self.message_idle.is_zero()),
            ("message_pace", self.message_pace == 0),
            ("handshake", self.handshake.is_zero()),
            ("keep_alive", self.keep_alive.is_zero()),
            ("ack_timeout", self.ack_timeout.is_zero()),
            ("max_recovery_attempts", self.max_recovery_attempts == 0),
            ("rotation.messages", rotation.messages == 0),
            ("rotation.bytes", rotation.bytes == 0),
            ("rotation.interval", rotation.interval.is_zero()),
            ("rotation.timeout", rotation.timeout.is_zero()),
            ("age.retry", age.retry.is_zero()),
            ("max_answers", self.max_answers == 0),
        ] {
            if zero {
                return Err(InvalidLinkConfig::Zero(name));
            }
        }
        if self.keep_alive >= self.dead {
            return Err(InvalidLinkConfig::KeepAlive);
        }
        if age.spread > age.planned || age.planned.saturating_add(age.spread) >= age.end {
            return Err(InvalidLinkConfig::Age);
        }
        Ok(())
    }

    /// How long a message of `len` bytes may take from its first byte to its last: 10 s + size / (16 KiB/s).
    pub fn message_deadline(&self, len: usize) -> Duration {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        self.message_idle.saturating_add(Duration::from_secs(len / u64::from(self.message_pace.max(1))))
    }
}

impl fmt::Display for InvalidLinkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero(name) => write!(f, "the limit `{name}` is zero"),
            Self::KeepAlive => f.write_str("keep_alive is not shorter than dead"),
            Self::Age => f.write_str("a session could end before its planned handshake"),
        }
    }
}

impl core::error::Error for InvalidLinkConfig {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work_and_what_cannot_is_named() {
        let default = LinkConfig::default();
        assert_eq!(default.validate(), Ok(()));
        let zero = LinkConfig { max_answers: 0, ..default };
        assert_eq!(zero.validate(), Err(InvalidLinkConfig::Zero("max_answers")));
        let quiet = LinkConfig { keep_alive: default.dead, ..default };
        assert_eq!(quiet.validate(), Err(InvalidLinkConfig::KeepAlive));
        for age in [
            AgeConfig { end: Duration::from_mins(23 * 60 + 30), ..default.age },
            AgeConfig { planned: Duration::from_mins(29), ..default.age },
            AgeConfig { planned: Duration::MAX, ..default.age },
        ] {
            assert_eq!(LinkConfig { age, ..default }.validate(), Err(InvalidLinkConfig::Age));
        }
    }

    #[test]
    fn a_message_may_take_ten_seconds_and_its_size() {
        let config = LinkConfig::default();
        assert_eq!(config.message_deadline(0), Duration::from_secs(10));
        assert_eq!(config.message_deadline(1 << 20), Duration::from_secs(10 + 64));
    }
}
