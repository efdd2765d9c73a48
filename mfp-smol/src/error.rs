use std::error::Error as StdError;
use std::fmt;

use mfp_proto::error::InvalidLabel;
use mfp_proto::runtime::{AdminError, LoadError, LossCause, SendError as Refusal};
use mfp_proto::wire::item::Code;

/// Any error, boxed.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a handler could not handle a message, in its own words. They are logged.
pub type HandlerError = BoxError;

/// Why a runtime could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The operating system gave no entropy.
    Entropy(getrandom::Error),
    /// The default identity could not be made.
    Identity(InvalidLabel),
    /// The store could not be read.
    Store(BoxError),
    /// The configuration cannot work, or the store contradicts itself.
    Load(LoadError),
}

/// Why an operation on agents or channels failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A name is 1 to 64 bytes of UTF-8.
    Name(InvalidLabel),
    /// The core refused it, and nothing has changed.
    Refused(AdminError),
    /// A commit failed, or the runtime has stopped: whether the operation is durable is not known.
    Uncertain,
}

/// Why a message was not sent, or is not known to have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The core refused it: it was not sent.
    Refused(Refusal),
    /// The message was accepted, and certainly does not reach its receiver.
    Lost(LossCause),
    /// A commit failed, the link with the peer has ended, or the runtime has stopped: whether the message was accepted, or
    /// has reached the peer, is not known.
    Uncertain,
}

/// Why a channel to a peer did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The peer refused it.
    Rejected(Code),
    /// It was closed, by either side.
    Closed,
    /// There is no such channel, or the runtime has stopped.
    Unknown,
}

impl SendError {
    /// Whether the receiver has no room for the message now.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Refused(Refusal::Full))
    }
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was not sent, or is not known to have been.
    Send(SendError),
    /// It was accepted, and no answer came in time. One that comes later goes to the agent's handler.
    Unanswered,
}

macro_rules! from {
    ($($cause:ty => $error:ident::$variant:ident),* $(,)?) => {$(
        impl From<$cause> for $error {
            fn from(error: $cause) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

from! {
    getrandom::Error => BuildError::Entropy,
    InvalidLabel => BuildError::Identity,
    BoxError => BuildError::Store,
    LoadError => BuildError::Load,
    InvalidLabel => Error::Name,
    AdminError => Error::Refused,
    Refusal => SendError::Refused,
    SendError => RequestError::Send,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entropy(_) => f.write_str("the operating system gave no entropy"),
            Self::Identity(_) => f.write_str("the identity could not be made"),
            Self::Store(_) => f.write_str("the store could not be read"),
            Self::Load(_) => f.write_str("the runtime could not start"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(_) => f.write_str("a name is 1 to 64 bytes of UTF-8"),
            Self::Refused(error) => error.fmt(f),
            Self::Uncertain => f.write_str("whether the operation is durable is not known"),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Lost(cause) => write!(f, "the message was accepted and then lost: {cause}"),
            Self::Uncertain => f.write_str("whether the message was accepted, or has arrived, is not known"),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(code) => write!(f, "the peer refused the channel: {code}"),
            Self::Closed => f.write_str("the channel was closed"),
            Self::Unknown => f.write_str("there is no such channel"),
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => error.fmt(f),
            Self::Unanswered => f.write_str("no answer came in time"),
        }
    }
}

impl StdError for BuildError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Entropy(error) => Some(error),
            Self::Identity(error) => Some(error),
            Self::Store(error) => Some(&**error),
            Self::Load(error) => Some(error),
        }
    }
}

impl StdError for Error {}
impl StdError for OpenError {}
impl StdError for SendError {}
impl StdError for RequestError {}
