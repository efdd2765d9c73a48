use core::fmt;

/// Why bytes are no item (section 7). Each is [`Malformed::Item`](crate::wire::Malformed::Item) to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ItemError {
    /// Shorter than a head, or than the head says.
    Truncated,
    /// An unknown kind.
    Kind,
    /// n is 0 in a numbered kind, or not 0 in another.
    Number,
    /// The body is longer or shorter than what it should hold.
    Length,
    /// q or next is 0.
    Zero,
    /// A POS with n = 0 that is not all zero.
    Pos,
    /// The control channel's id in a body.
    Channel,
    /// A name that is empty, longer than 64 bytes or not UTF-8.
    Name,
    /// An unknown option bit of OPEN.
    Options,
    /// Metadata that is cut off, or a known entry with a bad value or repeated.
    Meta,
    /// Padding that is not zero.
    Padding,
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "item is cut off",
            Self::Kind => "kind is unknown",
            Self::Number => "number does not fit the kind",
            Self::Length => "body has not the length of its fields",
            Self::Zero => "q or next is zero",
            Self::Pos => "position without a number is not all zero",
            Self::Channel => "channel is the control channel",
            Self::Name => "name is not 1 to 64 bytes of UTF-8",
            Self::Options => "option is unknown",
            Self::Meta => "metadata is malformed",
            Self::Padding => "padding is not zero",
        })
    }
}

impl core::error::Error for ItemError {}

/// Why an item is not written. Nothing is written then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small.
    TooSmall {
        /// Bytes that it needs.
        need: usize,
    },
    /// n is 0 for a numbered kind, or not 0 for another.
    Number,
    /// A body of 4 GiB or more.
    TooLong,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { need } => write!(f, "buffer is too small: {need} bytes are needed"),
            Self::Number => f.write_str("number does not fit the kind"),
            Self::TooLong => f.write_str("body is longer than 4 GiB"),
        }
    }
}

impl core::error::Error for EncodeError {}
