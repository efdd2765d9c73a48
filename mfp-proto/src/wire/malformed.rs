use core::fmt;

use super::header::HeaderError;

/// The first check of section 12, in its order, that a message failed.
///
/// Whichever it is, the connection is closed without a reply and no state changes. The name is for counters
/// and tests; it is never told to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Malformed {
    /// The first four bytes are not `MFP1`.
    Magic,
    /// The version is not 2.
    Version,
    /// The flags are not those of the message that is expected here.
    Flags,
    /// The frame depth is not that of the session, or of a handshake.
    FrameDepth,
    /// The length of the body is not the expected one (handshake), or outside 29 to `max_body`.
    PayloadLen,
    /// Another session.
    Session,
    /// Not the next step of the lane.
    Step,
    /// The unmasked channel is not known; in a handshake, not the control channel.
    Channel,
    /// In a handshake, where it is not masked: the ack is not zero.
    Ack,
    /// The opening frame is not the expected one. No byte of the body has been read.
    FrameOpen,
    /// The closing frame is not the mirror of the opening one.
    FrameClose,
    /// The body does not open under the key of this step.
    Aead,
    /// The body opened, and is not an item that is legal on this channel.
    Item,
}

impl From<HeaderError> for Malformed {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Magic => Self::Magic,
            HeaderError::Version => Self::Version,
            HeaderError::Flags => Self::Flags,
            HeaderError::FrameDepth => Self::FrameDepth,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Magic => "magic is not MFP1",
            Self::Version => "version is not 2",
            Self::Flags => "flags are not those expected",
            Self::FrameDepth => "frame depth is not that expected",
            Self::PayloadLen => "payload length is out of range",
            Self::Session => "session is another",
            Self::Step => "step is not the next",
            Self::Channel => "channel is not known",
            Self::Ack => "ack of a handshake is not zero",
            Self::FrameOpen => "opening frame is not that expected",
            Self::FrameClose => "closing frame is not the mirror of the opening one",
            Self::Aead => "body does not authenticate",
            Self::Item => "item is malformed",
        })
    }
}

impl core::error::Error for Malformed {}
