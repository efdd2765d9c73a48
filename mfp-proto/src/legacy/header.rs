use super::Refused;
use crate::frame::Depth;
use crate::id::{ChannelId, RuntimeId};
use crate::wire::cursor::{put, take};
use crate::wire::header::{HEADER_LEN, MAGIC, offset};

/// The version that this module speaks, and no other part of the crate.
pub const VERSION: u16 = 1;
/// Bytes of a runtime id that a header has room for.
pub const SENDER_LEN: usize = 16;
/// Where the sender stands; in version 2 it is the session.
const SENDER: usize = offset::SESSION;
/// Where the zeros stand; in version 2 it is the ack.
const RESERVED: usize = offset::ACK;

/// The flags of version 1. Nothing authenticates them, and no known implementation sets or reads one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// ACK, bit 0.
    pub ack: bool,
    /// RECOVERY, bit 1.
    pub recovery: bool,
}

impl Flags {
    /// The value on the wire.
    pub const fn bits(self) -> u16 {
        self.ack as u16 | (self.recovery as u16) << 1
    }

    /// The flags with this value on the wire; `None` if a reserved bit is set.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits < 4 { Some(Self { ack: bits & 1 != 0, recovery: bits & 2 != 0 }) } else { None }
    }
}

/// The header of a message of version 1: 64 bytes, nothing of it masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// What the sender says of it.
    pub flags: Flags,
    /// Frame depth of the channel.
    pub depth: Depth,
    /// Length of the sealed payload in bytes, with its tag. Any value can be written; the receiver has bounds.
    pub payload_len: u32,
    /// The channel.
    pub channel: ChannelId,
    /// The step of the pair of runtimes: messages before this one, over all channels and in both directions.
    pub step: u64,
    /// [`sender`] of the runtime that sends.
    pub sender: [u8; SENDER_LEN],
}

impl Header {
    /// Bytes in the whole message: header, two frames and body. Saturates where `usize` is too small.
    pub fn message_len(&self) -> usize {
        let body = usize::try_from(self.payload_len).unwrap_or(usize::MAX);
        body.saturating_add(HEADER_LEN + 2 * self.depth.frame_len())
    }

    /// The 64 bytes on the wire.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        put::<{ offset::MAGIC }, _, _>(&mut out, MAGIC);
        put::<{ offset::VERSION }, _, _>(&mut out, VERSION.to_be_bytes());
        put::<{ offset::FLAGS }, _, _>(&mut out, self.flags.bits().to_be_bytes());
        put::<{ offset::FRAME_DEPTH }, _, _>(&mut out, u32::from(self.depth.blocks()).to_be_bytes());
        put::<{ offset::PAYLOAD_LEN }, _, _>(&mut out, self.payload_len.to_be_bytes());
        put::<{ offset::CHANNEL }, _, _>(&mut out, *self.channel.as_bytes());
        put::<{ offset::STEP }, _, _>(&mut out, self.step.to_be_bytes());
        put::<SENDER, _, _>(&mut out, self.sender);
        out
    }

    /// Reads a header. What depends on the pair of runtimes is [`Peer`](super::Peer)'s to check.
    ///
    /// # Errors
    /// The first check that failed, of [`Refused::Magic`], [`Refused::Version`], [`Refused::Flags`],
    /// [`Refused::Reserved`] and [`Refused::FrameDepth`].
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, Refused> {
        if take::<{ offset::MAGIC }, _, _>(bytes) != MAGIC {
            return Err(Refused::Magic);
        }
        if u16::from_be_bytes(take::<{ offset::VERSION }, _, _>(bytes)) != VERSION {
            return Err(Refused::Version);
        }
        let flags = u16::from_be_bytes(take::<{ offset::FLAGS }, _, _>(bytes));
        let flags = Flags::from_bits(flags).ok_or(Refused::Flags)?;
        if take::<RESERVED, 8, _>(bytes) != [0; 8] {
            return Err(Refused::Reserved);
        }
        let blocks = u32::from_be_bytes(take::<{ offset::FRAME_DEPTH }, _, _>(bytes));
        let blocks = u8::try_from(blocks).map_err(|_| Refused::FrameDepth)?;
        let depth = Depth::new(blocks).map_err(|_| Refused::FrameDepth)?;
        Ok(Self {
            flags,
            depth,
            payload_len: u32::from_be_bytes(take::<{ offset::PAYLOAD_LEN }, _, _>(bytes)),
            channel: ChannelId::from_bytes(take::<{ offset::CHANNEL }, _, _>(bytes)),
            step: u64::from_be_bytes(take::<{ offset::STEP }, _, _>(bytes)),
            sender: take::<SENDER, _, _>(bytes),
        })
    }
}

/// What a header says of the runtime that sends: the first half of its id.
pub const fn sender(runtime: &RuntimeId) -> [u8; SENDER_LEN] {
    take::<0, SENDER_LEN, { RuntimeId::LEN }>(runtime.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire;

    fn any_header() -> impl Strategy<Value = Header> {
        (0..4_u16, 2..=32_u8, any::<u32>(), any::<[u8; 16]>(), any::<u64>(), any::<[u8; 16]>()).prop_map(
            |(flags, blocks, payload_len, channel, step, sender)| Header {
                flags: Flags::from_bits(flags).unwrap(),
                depth: Depth::new(blocks).unwrap(),
                payload_len,
                channel: channel.into(),
                step,
                sender,
            },
        )
    }

    #[test]
    fn the_first_failing_check_is_the_one_named() {
        let mut bytes = [0xff; HEADER_LEN];
        assert_eq!(Header::parse(&bytes), Err(Refused::Magic));
        bytes[..4].copy_from_slice(&MAGIC);
        assert_eq!(Header::parse(&bytes), Err(Refused::Version));
        bytes[4..6].copy_from_slice(&[0, 1]);
        assert_eq!(Header::parse(&bytes), Err(Refused::Flags));
        bytes[6..8].copy_from_slice(&[0, 3]);
        assert_eq!(Header::parse(&bytes), Err(Refused::Reserved));
        bytes[56..].fill(0);
        for (blocks, legal) in [(0, false), (1, false), (2, true), (32, true), (33, false), (258, false)] {
            bytes[8..12].copy_from_slice(&u32::to_be_bytes(blocks));
            assert_eq!(Header::parse(&bytes).is_ok(), legal, "{blocks}");
        }
    }

    #[test]
    fn only_the_two_lowest_flags_are_legal() {
        for bits in 0..=u16::MAX {
            assert_eq!(Flags::from_bits(bits).map(Flags::bits), (bits < 4).then_some(bits));
        }
    }

    proptest! {
        #[test]
        fn what_is_built_is_parsed_and_not_by_version_2(header in any_header()) {
            prop_assert_eq!(Header::parse(&header.encode()), Ok(header));
            prop_assert_eq!(wire::Header::parse(&header.encode()), Err(wire::header::HeaderError::Version));
        }

        #[test]
        fn what_is_parsed_is_built(mut bytes: [u8; HEADER_LEN], flags in 0..6_u8, blocks in 0..40_u8, zeros: bool) {
            bytes[..12].copy_from_slice(&[b'M', b'F', b'P', b'1', 0, 1, 0, flags, 0, 0, 0, blocks]);
            if zeros {
                bytes[56..].fill(0);
            }
            if let Ok(header) = Header::parse(&bytes) {
                prop_assert_eq!(header.encode(), bytes);
            }
        }
    }
}
