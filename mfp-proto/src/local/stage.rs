use core::fmt;

/// A stage of the pipeline (section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// May this message be sent at all?
    Accept,
    /// Sampling of the frame.
    Frame,
    /// Sealing of the payload.
    Encode,
    /// Comparison of the frame and its mirror with the expected frame.
    Validate,
    /// Opening of the payload.
    Decode,
    /// Handing over to the receiver.
    Deliver,
}

/// Why a stage refused a message. The channel is as it was, but for the count of failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StageError {
    /// The channel is frozen: quarantined itself, or an agent of it is.
    Frozen,
    /// The payload is larger than the limit.
    TooLarge {
        /// The limit, in bytes.
        max: u32,
    },
    /// The channel has used every step there is (2^64 − 1 messages).
    StepsExhausted,
    /// The buffer is not `32k + payload + 16` bytes long.
    BufferLength,
    /// The step belongs to another channel, or another message has been committed since it was framed.
    StaleStep,
    /// The opening frame is not the expected one.
    FrameOpen,
    /// The closing frame is not the mirror of the expected one.
    FrameClose,
    /// The payload could not be sealed: the suite is not supported by the back end.
    Seal,
    /// The payload could not be opened.
    Aead,
}

impl StageError {
    /// The stage that refused.
    pub const fn stage(self) -> Stage {
        match self {
            Self::Frozen | Self::TooLarge { .. } | Self::StepsExhausted => Stage::Accept,
            Self::BufferLength | Self::Seal => Stage::Encode,
            Self::StaleStep | Self::FrameOpen | Self::FrameClose => Stage::Validate,
            Self::Aead => Stage::Decode,
        }
    }

    /// Whether this counts towards quarantine: validation or decoding failed.
    pub const fn is_validation_failure(self) -> bool {
        matches!(self.stage(), Stage::Validate | Stage::Decode)
    }
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frozen => f.write_str("the channel is frozen"),
            Self::TooLarge { max } => write!(f, "the payload exceeds {max} bytes"),
            Self::StepsExhausted => f.write_str("the channel has no steps left"),
            Self::BufferLength => f.write_str("the buffer does not fit the message"),
            Self::StaleStep => f.write_str("the step is not the channel's current one"),
            Self::FrameOpen => f.write_str("the opening frame is not the expected one"),
            Self::FrameClose => f.write_str("the closing frame does not mirror the opening one"),
            Self::Seal => f.write_str("the payload could not be sealed"),
            Self::Aead => f.write_str("the payload failed authentication"),
        }
    }
}

impl core::error::Error for StageError {}
