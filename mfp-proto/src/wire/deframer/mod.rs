//! Messages out of a stream of bytes (sections 4 and 12).
//!
//! A [`Deframer`] looks at what has arrived and owns none of it. Before the caller has found the opening frame valid
//! it asks for at most 64 + 16k bytes, whatever the header claims.
//!
//! ```
//! use mfp_proto::wire::deframer::{Deframer, Expect, Progress};
//!
//! let mut deframer = Deframer::new();
//! let mut arrived = Vec::new();
//! assert_eq!(deframer.poll(&arrived, &Expect::Message1), Ok(Progress::Need(64)));
//! arrived.extend_from_slice(b"GET / HTTP/1.1\r\nHost: example.invalid\r\nAccept: */*\r\nConnection: close\r\n\r\n");
//! assert_eq!(deframer.poll(&arrived, &Expect::Message1), Err(mfp_proto::wire::Malformed::Magic));
//! ```

use super::Malformed;
use super::header::{CONTROL, Flags, HEADER_LEN, Header};
use crate::frame::Depth;
use crate::id::SessionId;

/// Bytes in the body of handshake message 1 (section 5).
pub const MESSAGE1_BODY: u32 = 168;
/// Bytes in the body of handshake message 2 (section 5).
pub const MESSAGE2_BODY: u32 = 120;
/// Bytes in the shortest body of a session: the head of an item and a tag (section 12).
pub const MIN_BODY: u32 = 29;

/// What the next message of a connection must be. Fixed from its first byte to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Handshake message 1.
    Message1,
    /// Handshake message 2.
    Message2 {
        /// As in message 1.
        session: SessionId,
    },
    /// A message of a session.
    Transport {
        /// Whether it is step 0 of lane ir.
        negotiate: bool,
        /// Frame depth of the session.
        depth: Depth,
        /// Longest body in bytes, as agreed.
        max_body: u32,
        /// The session.
        session: SessionId,
        /// The next step of the lane.
        step: u64,
    },
}

impl Expect {
    /// Checks of section 12 that need the header and nothing else: flags, depth, length, session, step. In a handshake
    /// also channel and ack, which are not masked there.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn judge(&self, header: &Header) -> Result<(), Malformed> {
        let (flags, depth, lengths, session, step) = match *self {
            Self::Message1 => (Flags::Handshake, Depth::MIN, MESSAGE1_BODY..=MESSAGE1_BODY, header.session, 1),
            Self::Message2 { session } => (Flags::Handshake, Depth::MIN, MESSAGE2_BODY..=MESSAGE2_BODY, session, 2),
            Self::Transport { negotiate, depth, max_body, session, step } => {
                let flags = if negotiate { Flags::Negotiate } else { Flags::Transport };
                (flags, depth, MIN_BODY..=max_body, session, step)
            }
        };
        let clear = flags == Flags::Handshake;
        let checks = [
            (header.flags == flags, Malformed::Flags),
            (header.depth == depth, Malformed::FrameDepth),
            (lengths.contains(&header.payload_len), Malformed::PayloadLen),
            (header.session == session, Malformed::Session),
            (header.step == step, Malformed::Step),
            (!clear || header.channel == CONTROL, Malformed::Channel),
            (!clear || header.ack == 0, Malformed::Ack),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, error)| Err(error))
    }
}

/// What a message still needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// That many bytes in all, counted from the first byte of the message. More than have arrived.
    Need(usize),
    /// Header and opening frame are there, and the header passed. The caller judges channel and frame: if both are
    /// good it calls [`Deframer::accept_frame`] and polls again, else it closes the connection.
    Head(Header),
    /// The whole message is there. The caller opens it, takes `len` bytes off the front, calls
    /// [`Deframer::next_message`] and polls again.
    Whole {
        /// Bytes in the message.
        len: usize,
    },
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    /// Nothing is known.
    #[default]
    Header,
    /// The header passed.
    Frame(Header),
    /// The caller has found the opening frame valid.
    Body(Header),
}

/// Where one connection is in the message that is arriving.
///
/// What has been judged of a message is remembered and not judged again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deframer {
    stage: Stage,
}

impl Deframer {
    /// At the first byte of a message.
    pub const fn new() -> Self {
        Self { stage: Stage::Header }
    }

    /// Looks at `arrived`, all bytes since the first of this message. The same bytes give the same answer.
    ///
    /// [`Progress::Need`] never exceeds 64 + 16k before [`Self::accept_frame`], nor 64 + 32k + `max_body` after it.
    ///
    /// # Errors
    /// The first check of section 12 that the header failed: close the connection without a reply.
    pub fn poll(&mut self, arrived: &[u8], expect: &Expect) -> Result<Progress, Malformed> {
        if matches!(self.stage, Stage::Header)
            && let Some(bytes) = arrived.first_chunk()
        {
            let header = Header::parse(bytes)?;
            expect.judge(&header)?;
            self.stage = Stage::Frame(header);
        }
        let (need, ready) = match self.stage {
            Stage::Header => return Ok(Progress::Need(HEADER_LEN)),
            Stage::Frame(header) => (HEADER_LEN + header.depth.frame_len(), Progress::Head(header)),
            Stage::Body(header) => {
                let len = header.message_len();
                (len, Progress::Whole { len })
            }
        };
        Ok(if arrived.len() < need { Progress::Need(need) } else { ready })
    }

    /// The caller has found channel and opening frame valid, after [`Progress::Head`]: the body may be read.
    pub fn accept_frame(&mut self) {
        if let Stage::Frame(header) = self.stage {
            self.stage = Stage::Body(header);
        }
    }

    /// The caller has taken the message, after [`Progress::Whole`]: another begins.
    pub fn next_message(&mut self) {
        self.stage = Stage::Header;
    }
}

#[cfg(test)]
mod tests;
