use core::fmt;

/// The first check that a message of version 1 failed. Nothing has changed but, with [`Refused::Aead`], the caller's buffer.
///
/// Close the connection without a reply: what follows on it cannot be understood either. The name is for counters and
/// tests; it is never told to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// The first four bytes are not `MFP1`.
    Magic,
    /// The version is not 1.
    Version,
    /// A flag beside ACK and RECOVERY is set.
    Flags,
    /// The last eight bytes of the header are not zero.
    Reserved,
    /// The frame depth is outside 2 to 32, or not that of the channel.
    FrameDepth,
    /// No such channel with this peer.
    Channel,
    /// The sender is not the peer. Its own messages, reflected, end here.
    Sender,
    /// Not the next step of the pair: replayed, reordered, lost, or both have sent at once.
    Step,
    /// The pair has used every step there is.
    StepsExhausted,
    /// The body has no room for its tag, or is above the limit.
    PayloadLen,
    /// The opening frame is not the expected one. No byte of the body has been asked for.
    FrameOpen,
    /// The closing frame is not the mirror of the opening one.
    FrameClose,
    /// The body does not open under the key of this step.
    Aead,
    /// The end has come before the end of the message.
    Truncated,
    /// Bytes follow the message, where there must be none.
    Trailing,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Magic => "magic is not MFP1",
            Self::Version => "version is not 1",
            Self::Flags => "flags are not legal",
            Self::Reserved => "reserved bytes are not zero",
            Self::FrameDepth => "frame depth is not that of the channel",
            Self::Channel => "channel is not known",
            Self::Sender => "sender is not the peer",
            Self::Step => "step is not the next",
            Self::StepsExhausted => "no steps are left",
            Self::PayloadLen => "payload length is out of range",
            Self::FrameOpen => "opening frame is not that expected",
            Self::FrameClose => "closing frame is not the mirror of the opening one",
            Self::Aead => "body does not authenticate",
            Self::Truncated => "message is cut short",
            Self::Trailing => "bytes follow the message",
        })
    }
}

impl core::error::Error for Refused {}
