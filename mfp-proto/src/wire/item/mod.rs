//! Items (section 7): what is sealed in the body of a message.
//!
//! `P' = u8 kind ‖ u64 n ‖ u32 len ‖ body(len) ‖ padding zeros`. An [`Item`] borrows the bytes in which it came.

mod code;
mod error;
mod kind;
mod meta;
mod open;
mod pos;

use core::fmt;
use core::num::NonZeroU64;

pub use code::{Code, WireCode};
pub use error::{EncodeError, ItemError};
pub use kind::Kind;
pub use meta::{ContentType, Meta, MetaBuf, TraceContext};
pub use open::{Accept, Open};
pub use pos::{Pos, Proof};

use super::bind::AgentChannel;
use super::cursor::{Reader, Writer};
use crate::crypto::dh::PublicKey;
use crate::id::ChannelId;

/// Bytes of an item before its body: kind, n and length.
pub const HEAD_LEN: usize = 13;

/// A message of an agent: `u64 q ‖ u8 m ‖ meta(m) ‖ payload` (section 7).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// Counts the messages accepted for a channel and direction, from 1; rises, with holes where messages expired.
    pub q: NonZeroU64,
    /// What the message says about itself.
    pub meta: Meta<'a>,
    /// The message.
    pub payload: &'a [u8],
}

/// Shows the length of the payload, not the payload.
impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data")
            .field("q", &self.q)
            .field("meta", &self.meta)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}

/// An item (section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Nothing but the ack in the header; also a dummy for padding traffic.
    Ack,
    /// A message of an agent. Numbered.
    Data(Data<'a>),
    /// Asks for a channel. Numbered.
    Open(Open),
    /// Grants a channel. Numbered.
    Accept(Accept),
    /// Refuses a channel. Numbered.
    Reject {
        /// The channel.
        channel: AgentChannel,
        /// Why.
        code: WireCode,
    },
    /// Ends a channel. Numbered.
    Close {
        /// The channel.
        channel: AgentChannel,
        /// Why.
        code: WireCode,
    },
    /// The initiator's cursor (section 9).
    Negotiate(Pos),
    /// Starts rotation `g` (section 10).
    RotateReq {
        /// Counts the rotations of a session, from 1.
        g: u32,
        /// Ephemeral public key of the sender.
        ephemeral: PublicKey,
    },
    /// Answers rotation `g` (section 10).
    RotateAck {
        /// Of the request.
        g: u32,
        /// Ephemeral public key of the sender.
        ephemeral: PublicKey,
    },
    /// Ends rotation `g` (section 10).
    RotateDone {
        /// Of the request.
        g: u32,
    },
    /// The lane goes on with `next` (section 9).
    Gap {
        /// The next number.
        next: NonZeroU64,
    },
    /// The session ends (section 8).
    Bye {
        /// Why.
        code: WireCode,
    },
    /// The sender of DATA on `channel` may schedule its items up to `limit` (section 8).
    Credit {
        /// The channel.
        channel: AgentChannel,
        /// The highest index i of an item that may be scheduled.
        limit: u64,
    },
}

impl<'a> Item<'a> {
    /// Reads a whole item: its number, 0 for a kind that has none, and the item.
    ///
    /// # Errors
    /// The first rule of section 7 that it breaks.
    pub fn parse(bytes: &'a [u8]) -> Result<(u64, Self), ItemError> {
        let mut reader = Reader(bytes);
        let kind = reader.u8().ok_or(ItemError::Truncated)?;
        let n = reader.u64().ok_or(ItemError::Truncated)?;
        let len = reader.u32().ok_or(ItemError::Truncated)?;
        let kind = Kind::from_byte(kind).ok_or(ItemError::Kind)?;
        if kind.is_numbered() != (n != 0) {
            return Err(ItemError::Number);
        }
        let len = usize::try_from(len).map_err(|_| ItemError::Truncated)?;
        let body = reader.bytes(len).ok_or(ItemError::Truncated)?;
        if reader.0.iter().any(|byte| *byte != 0) {
            return Err(ItemError::Padding);
        }
        Ok((n, Self::parse_body(kind, body)?))
    }

    /// Reads the body of an item of this kind: what a store keeps of it beside kind and number.
    ///
    /// # Errors
    /// The first rule of section 7 that it breaks.
    pub fn parse_body(kind: Kind, body: &'a [u8]) -> Result<Self, ItemError> {
        let mut reader = Reader(body);
        let item = Self::read(kind, &mut reader)?;
        if reader.is_empty() { Ok(item) } else { Err(ItemError::Length) }
    }

    fn read(kind: Kind, body: &mut Reader<'a>) -> Result<Self, ItemError> {
        Ok(match kind {
            Kind::Ack => Self::Ack,
            Kind::Data => Self::Data(Data::read(body)?),
            Kind::Open => Self::Open(Open::read(body)?),
            Kind::Accept => Self::Accept(Accept::read(body)?),
            Kind::Reject => Self::Reject { channel: open::read_channel(body)?, code: read_code(body)? },
            Kind::Close => Self::Close { channel: open::read_channel(body)?, code: read_code(body)? },
            Kind::Negotiate => {
                Self::Negotiate(Pos::parse(body.array().ok_or(ItemError::Length)?).ok_or(ItemError::Pos)?)
            }
            Kind::RotateReq => Self::RotateReq { g: read_g(body)?, ephemeral: read_key(body)? },
            Kind::RotateAck => Self::RotateAck { g: read_g(body)?, ephemeral: read_key(body)? },
            Kind::RotateDone => Self::RotateDone { g: read_g(body)? },
            Kind::Gap => Self::Gap { next: read_nonzero(body)? },
            Kind::Bye => Self::Bye { code: read_code(body)? },
            Kind::Credit => {
                let channel = open::read_channel(body)?;
                Self::Credit { channel, limit: body.u64().ok_or(ItemError::Length)? }
            }
        })
    }

    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Ack => Kind::Ack,
            Self::Data(_) => Kind::Data,
            Self::Open(_) => Kind::Open,
            Self::Accept(_) => Kind::Accept,
            Self::Reject { .. } => Kind::Reject,
            Self::Close { .. } => Kind::Close,
            Self::Negotiate(_) => Kind::Negotiate,
            Self::RotateReq { .. } => Kind::RotateReq,
            Self::RotateAck { .. } => Kind::RotateAck,
            Self::RotateDone { .. } => Kind::RotateDone,
            Self::Gap { .. } => Kind::Gap,
            Self::Bye { .. } => Kind::Bye,
            Self::Credit { .. } => Kind::Credit,
        }
    }

    /// Bytes of its body.
    pub fn body_len(&self) -> usize {
        match self {
            Self::Ack => 0,
            Self::Data(data) => 8 + 1 + data.meta.as_bytes().len() + data.payload.len(),
            Self::Open(open) => open.body_len(),
            Self::Accept(accept) => accept.body_len(),
            Self::Reject { .. } | Self::Close { .. } => ChannelId::LEN + 1,
            Self::Negotiate(_) => Pos::LEN,
            Self::RotateReq { .. } | Self::RotateAck { .. } => 4 + 32,
            Self::RotateDone { .. } => 4,
            Self::Gap { .. } => 8,
            Self::Bye { .. } => 1,
            Self::Credit { .. } => ChannelId::LEN + 8,
        }
    }

    /// Bytes of the item without padding.
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + self.body_len()
    }

    /// Writes the item with number `n` (0 for a kind that has none) to the front of `out`, and zeros behind it up to
    /// `padded` bytes in all if that is longer. Returns the bytes written.
    ///
    /// # Errors
    /// See [`EncodeError`]; `out` is unchanged.
    pub fn encode_into(&self, n: u64, out: &mut [u8], padded: Option<usize>) -> Result<usize, EncodeError> {
        let kind = self.kind();
        if kind.is_numbered() != (n != 0) {
            return Err(EncodeError::Number);
        }
        let len = u32::try_from(self.body_len()).map_err(|_| EncodeError::TooLong)?;
        let need = self.encoded_len().max(padded.unwrap_or(0));
        let too_small = EncodeError::TooSmall { need };
        let mut out = Writer(out.get_mut(..need).ok_or(too_small)?);
        out.put(&[kind.byte()]).ok_or(too_small)?;
        out.put(&n.to_be_bytes()).ok_or(too_small)?;
        out.put(&len.to_be_bytes()).ok_or(too_small)?;
        self.write_body(&mut out).ok_or(too_small)?;
        out.0.fill(0);
        Ok(need)
    }

    /// Writes the body alone to the front of `out` and returns its length: what a store keeps, and what `bind_c` hashes.
    ///
    /// # Errors
    /// [`EncodeError::TooSmall`]; `out` is unchanged.
    pub fn encode_body(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let need = self.body_len();
        let too_small = EncodeError::TooSmall { need };
        self.write_body(&mut Writer(out.get_mut(..need).ok_or(too_small)?)).ok_or(too_small)?;
        Ok(need)
    }

    fn write_body(&self, out: &mut Writer<'_>) -> Option<()> {
        match self {
            Self::Ack => Some(()),
            Self::Data(data) => data.write(out),
            Self::Open(open) => open.write(out),
            Self::Accept(accept) => accept.write(out),
            Self::Reject { channel, code } | Self::Close { channel, code } => {
                out.put(channel.id().as_bytes())?;
                out.put(&[code.byte()])
            }
            Self::Negotiate(pos) => out.put(&pos.encode()),
            Self::RotateReq { g, ephemeral } | Self::RotateAck { g, ephemeral } => {
                out.put(&g.to_be_bytes())?;
                out.put(ephemeral.as_bytes())
            }
            Self::RotateDone { g } => out.put(&g.to_be_bytes()),
            Self::Gap { next } => out.put(&next.get().to_be_bytes()),
            Self::Bye { code } => out.put(&[code.byte()]),
            Self::Credit { channel, limit } => {
                out.put(channel.id().as_bytes())?;
                out.put(&limit.to_be_bytes())
            }
        }
    }
}

impl<'a> Data<'a> {
    fn read(body: &mut Reader<'a>) -> Result<Self, ItemError> {
        let q = read_nonzero(body)?;
        let meta = Meta::parse(body.short().ok_or(ItemError::Length)?)?;
        Ok(Self { q, meta, payload: core::mem::take(&mut body.0) })
    }

    fn write(&self, out: &mut Writer<'_>) -> Option<()> {
        out.put(&self.q.get().to_be_bytes())?;
        out.put_short(self.meta.as_bytes())?;
        out.put(self.payload)
    }
}

fn read_nonzero(body: &mut Reader<'_>) -> Result<NonZeroU64, ItemError> {
    NonZeroU64::new(body.u64().ok_or(ItemError::Length)?).ok_or(ItemError::Zero)
}

fn read_code(body: &mut Reader<'_>) -> Result<WireCode, ItemError> {
    body.u8().map(WireCode::from_byte).ok_or(ItemError::Length)
}

fn read_g(body: &mut Reader<'_>) -> Result<u32, ItemError> {
    body.u32().ok_or(ItemError::Length)
}

fn read_key(body: &mut Reader<'_>) -> Result<PublicKey, ItemError> {
    body.array().map(|bytes| PublicKey::from_bytes(*bytes)).ok_or(ItemError::Length)
}

#[cfg(test)]
mod tests;
