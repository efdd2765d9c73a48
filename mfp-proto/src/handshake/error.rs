use core::fmt;

use super::noise::NoiseError;

/// The first check that a handshake failed. Nothing has changed then, and the connection is closed without a reply.
///
/// In the order of the checks. The name is for counters, events and tests; it is never told to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HandshakeError {
    /// The attempt is too old, or has ended.
    Deadline,
    /// Not the length of the message that is due.
    Length,
    /// Not the exact header.
    Header,
    /// The opening frame is wrong: the sender does not know this runtime's public key, or the message was altered.
    FrameOpen,
    /// The closing frame is not the mirror of the opening one.
    FrameClose,
    /// The token bucket of the source is empty.
    RateLimited,
    /// As many responder sessions are pending as may be.
    TooManyPending,
    /// The link with the peer is suspended (section 9), or shutting down.
    Suspended,
    /// An attempt of this side is pending, and counts more (section 5, "Crossing").
    Crossing,
    /// The output of an exchange is all zero: a key is of low order.
    Dh,
    /// No peer is configured with the static key that the initiator showed.
    UnknownPeer,
    /// Message 1 does not authenticate: altered, or made for another runtime.
    Noise1,
    /// Message 2 does not authenticate: altered, not from this peer, or made with another psk.
    Noise2,
    /// A field of payload 1 cannot be.
    Payload1,
    /// A field of payload 2 cannot be, or its suite was not offered.
    Payload2,
    /// A parameter of the peer is outside its limits.
    Parameters,
    /// The id that the initiator claims is not the one configured with its key.
    Rid,
    /// The initiator has the other mode configured. An operator has to be told.
    Mode,
    /// No suite that the initiator offers can be chosen; or, at the initiator, the chosen one is not in this build.
    Suite,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "handshake attempt is too old or has ended",
            Self::Length => "handshake message has the wrong length",
            Self::Header => "handshake header is not the exact one",
            Self::FrameOpen => "opening frame is not that expected",
            Self::FrameClose => "closing frame is not the mirror of the opening one",
            Self::RateLimited => "too many handshakes from this source",
            Self::TooManyPending => "too many handshakes are pending",
            Self::Suspended => "the link is suspended or shutting down",
            Self::Crossing => "an attempt of this side is pending",
            Self::Dh => "a public key is of low order",
            Self::UnknownPeer => "no peer is configured with this public key",
            Self::Noise1 => "message 1 does not authenticate",
            Self::Noise2 => "message 2 does not authenticate, or the pre-shared keys differ",
            Self::Payload1 => "payload 1 is malformed",
            Self::Payload2 => "payload 2 is malformed",
            Self::Parameters => "a parameter of the peer is outside its limits",
            Self::Rid => "runtime id is not the one configured with this public key",
            Self::Mode => "one side has the link as durable, the other as volatile",
            Self::Suite => "no suite in common",
        })
    }
}

impl core::error::Error for HandshakeError {}

impl HandshakeError {
    /// What a failed step of Noise means, where `tag` is the error of a wrong tag.
    pub(super) fn from_noise(error: NoiseError, tag: Self) -> Self {
        match error {
            NoiseError::Length => Self::Length,
            NoiseError::Dh => Self::Dh,
            NoiseError::Aead => tag,
        }
    }
}

/// The first parameter of this side's configuration that is outside its limits (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidParams {
    /// `max_body` is below 1,024.
    MaxBody,
    /// `win_items` is zero.
    WinItems,
    /// `win_bytes` is below `max_body`.
    WinBytes,
    /// `chan_items` is zero.
    ChanItems,
}

impl fmt::Display for InvalidParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxBody => "max_body is below 1024",
            Self::WinItems => "win_items is zero",
            Self::WinBytes => "win_bytes is below max_body",
            Self::ChanItems => "chan_items is zero",
        })
    }
}

impl core::error::Error for InvalidParams {}

/// A list of suites must have 1 to 6 numbers, none of them zero (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvalidSuites;

impl fmt::Display for InvalidSuites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of suites has 1 to 6 numbers, none of them zero")
    }
}

impl core::error::Error for InvalidSuites {}
