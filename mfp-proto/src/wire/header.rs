//! The header of every message (section 4).

use core::fmt;

use crate::frame::Depth;
use crate::id::{ChannelId, SessionId};

use super::cursor::{put, take};

/// Bytes in a header.
pub const HEADER_LEN: usize = 64;
/// The first four bytes of every message.
pub const MAGIC: [u8; 4] = *b"MFP1";
/// The version that this crate speaks.
pub const VERSION: u16 = 2;
/// The control channel, `0^16`: every item but DATA travels on it.
pub const CONTROL: ChannelId = ChannelId::from_bytes([0; 16]);
/// Bytes in the mask of a header: 16 for the channel, 8 for the ack.
pub const MASK_LEN: usize = 24;

/// Where each field starts, in bytes.
pub mod offset {
    /// `MFP1`, 4 bytes.
    pub const MAGIC: usize = 0;
    /// Version, 2 bytes.
    pub const VERSION: usize = 4;
    /// Flags, 2 bytes.
    pub const FLAGS: usize = 6;
    /// Frame depth k in blocks, 4 bytes.
    pub const FRAME_DEPTH: usize = 8;
    /// Length of the body, 4 bytes.
    pub const PAYLOAD_LEN: usize = 12;
    /// Channel id, 16 bytes, masked in a session.
    pub const CHANNEL: usize = 16;
    /// Lane step, 8 bytes.
    pub const STEP: usize = 32;
    /// Session id, 16 bytes.
    pub const SESSION: usize = 40;
    /// Ack, 8 bytes, masked in a session.
    pub const ACK: usize = 56;
}

/// The legal values of the flags field, and no others (section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flags {
    /// ACK: every transport message but one.
    Transport,
    /// ACK and RECOVERY: step 0 of lane ir, which is NEGOTIATE and nothing else is.
    Negotiate,
    /// HANDSHAKE.
    Handshake,
}

impl Flags {
    /// The value on the wire.
    pub const fn bits(self) -> u16 {
        match self {
            Self::Transport => 1,
            Self::Negotiate => 3,
            Self::Handshake => 4,
        }
    }

    /// The flags with this value on the wire; `None` if it is not legal.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        match bits {
            1 => Some(Self::Transport),
            3 => Some(Self::Negotiate),
            4 => Some(Self::Handshake),
            _ => None,
        }
    }
}

/// The header of a message, as on the wire: in a session `channel` and `ack` are masked there, and so they are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// What the message is.
    pub flags: Flags,
    /// Frame depth k, fixed for a session; 2 in a handshake.
    pub depth: Depth,
    /// Length of the body in bytes. Any value can be written; the receiver's bounds are section 12's.
    pub payload_len: u32,
    /// Channel, [`CONTROL`] for all but DATA. Masked in a session.
    pub channel: ChannelId,
    /// Step t of the lane; in a handshake the number of the message, 1 or 2.
    pub step: u64,
    /// The session; in a handshake 16 random bytes of the initiator.
    pub session: SessionId,
    /// Highest n of the peer that is durably stored here; 0 in a handshake. Masked in a session.
    pub ack: u64,
}

/// Which check a header failed: those that need no state (section 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HeaderError {
    /// The first four bytes are not `MFP1`: not this protocol.
    Magic,
    /// Not version 2.
    Version,
    /// A value of the flags field that section 4 does not allow.
    Flags,
    /// A frame depth outside 2 to 32.
    FrameDepth,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Magic => "magic is not MFP1",
            Self::Version => "version is not 2",
            Self::Flags => "flags are not legal",
            Self::FrameDepth => "frame depth is not between 2 and 32 blocks",
        })
    }
}

impl core::error::Error for HeaderError {}

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
        put::<{ offset::SESSION }, _, _>(&mut out, *self.session.as_bytes());
        put::<{ offset::ACK }, _, _>(&mut out, self.ack.to_be_bytes());
        out
    }

    /// Reads a header, in the order of checks of section 12.
    ///
    /// What depends on state (the depth of this session, the length of the body, session, step and channel) is
    /// the caller's to check.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, HeaderError> {
        if take::<{ offset::MAGIC }, _, _>(bytes) != MAGIC {
            return Err(HeaderError::Magic);
        }
        if u16::from_be_bytes(take::<{ offset::VERSION }, _, _>(bytes)) != VERSION {
            return Err(HeaderError::Version);
        }
        let flags = u16::from_be_bytes(take::<{ offset::FLAGS }, _, _>(bytes));
        let flags = Flags::from_bits(flags).ok_or(HeaderError::Flags)?;
        let blocks = u32::from_be_bytes(take::<{ offset::FRAME_DEPTH }, _, _>(bytes));
        let blocks = u8::try_from(blocks).map_err(|_| HeaderError::FrameDepth)?;
        let depth = Depth::new(blocks).map_err(|_| HeaderError::FrameDepth)?;
        Ok(Self {
            flags,
            depth,
            payload_len: u32::from_be_bytes(take::<{ offset::PAYLOAD_LEN }, _, _>(bytes)),
            channel: ChannelId::from_bytes(take::<{ offset::CHANNEL }, _, _>(bytes)),
            step: u64::from_be_bytes(take::<{ offset::STEP }, _, _>(bytes)),
            session: SessionId::from_bytes(take::<{ offset::SESSION }, _, _>(bytes)),
            ack: u64::from_be_bytes(take::<{ offset::ACK }, _, _>(bytes)),
        })
    }
}

/// `channel_id ^= mask[0..16]`, `ack ^= mask[16..24]` in an encoded header (section 6, step 2). Its own inverse.
pub fn mask(header: &mut [u8; HEADER_LEN], mask: &[u8; MASK_LEN]) {
    let (channel, ack) = mask.split_at(ChannelId::LEN);
    for (byte, key) in header.iter_mut().skip(offset::CHANNEL).zip(channel) {
        *byte ^= key;
    }
    for (byte, key) in header.iter_mut().skip(offset::ACK).zip(ack) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_header() -> impl Strategy<Value = Header> {
        let flags = prop_oneof![Just(Flags::Transport), Just(Flags::Negotiate), Just(Flags::Handshake)];
        (flags, 2..=32_u8, any::<u32>(), any::<[u8; 16]>(), any::<u64>(), any::<[u8; 16]>(), any::<u64>()).prop_map(
            |(flags, blocks, payload_len, channel, step, session, ack)| Header {
                flags,
                depth: Depth::new(blocks).unwrap(),
                payload_len,
                channel: channel.into(),
                step,
                session: session.into(),
                ack,
            },
        )
    }

    fn example() -> Header {
        Header {
            flags: Flags::Transport,
            depth: Depth::default(),
            payload_len: 0x0102_0304,
            channel: ChannelId::from_bytes([0xcc; 16]),
            step: 0x1112_1314_1516_1718,
            session: SessionId::from_bytes([0x55; 16]),
            ack: 0x2122_2324_2526_2728,
        }
    }

    #[test]
    fn each_field_is_where_section_4_says() {
        let mut expected = [0; HEADER_LEN];
        expected[..16].copy_from_slice(&[b'M', b'F', b'P', b'1', 0, 2, 0, 1, 0, 0, 0, 4, 1, 2, 3, 4]);
        expected[16..32].fill(0xcc);
        expected[32..40].copy_from_slice(&[0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]);
        expected[40..56].fill(0x55);
        expected[56..].copy_from_slice(&[0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28]);
        assert_eq!(example().encode(), expected);
    }

    #[test]
    fn only_three_values_of_the_flags_are_legal() {
        for bits in 0..=u16::MAX {
            let mut bytes = example().encode();
            bytes[offset::FLAGS..offset::FLAGS + 2].copy_from_slice(&bits.to_be_bytes());
            match Header::parse(&bytes) {
                Ok(header) => assert_eq!((header.flags.bits(), matches!(bits, 1 | 3 | 4)), (bits, true)),
                Err(error) => assert_eq!((error, matches!(bits, 1 | 3 | 4)), (HeaderError::Flags, false)),
            }
        }
    }

    #[test]
    fn the_first_failing_check_is_the_one_named() {
        let mut bytes = [0xff; HEADER_LEN];
        assert_eq!(Header::parse(&bytes), Err(HeaderError::Magic));
        bytes[..4].copy_from_slice(&MAGIC);
        assert_eq!(Header::parse(&bytes), Err(HeaderError::Version));
        bytes[4..6].copy_from_slice(&[0, 2]);
        assert_eq!(Header::parse(&bytes), Err(HeaderError::Flags));
        bytes[6..8].copy_from_slice(&[0, 4]);
        assert_eq!(Header::parse(&bytes), Err(HeaderError::FrameDepth));
        for (blocks, legal) in [(0, false), (1, false), (2, true), (32, true), (33, false), (258, false)] {
            bytes[8..12].copy_from_slice(&u32::to_be_bytes(blocks));
            assert_eq!(Header::parse(&bytes).is_ok(), legal, "{blocks}");
        }
    }

    proptest! {
        #[test]
        fn what_is_built_is_parsed(header in any_header()) {
            prop_assert_eq!(Header::parse(&header.encode()), Ok(header));
        }

        #[test]
        fn what_is_parsed_is_built(mut bytes: [u8; HEADER_LEN], flags in 0..6_u8, blocks in 0..40_u8) {
            bytes[..12].copy_from_slice(&[b'M', b'F', b'P', b'1', 0, 2, 0, flags, 0, 0, 0, blocks]);
            if let Ok(header) = Header::parse(&bytes) {
                prop_assert_eq!(header.encode(), bytes);
            }
        }

        #[test]
        fn masking_twice_is_nothing_and_touches_two_fields(header in any_header(), key: [u8; MASK_LEN]) {
            let clear = header.encode();
            let mut bytes = clear;
            mask(&mut bytes, &key);
            let masked = Header::parse(&bytes).unwrap();
            let (channel, ack) = (*masked.channel.as_bytes(), masked.ack);
            prop_assert_eq!(Header { channel: header.channel, ack: header.ack, ..masked }, header);
            prop_assert!((0..16).all(|at| channel[at] == header.channel.as_bytes()[at] ^ key[at]));
            prop_assert_eq!(ack, header.ack ^ u64::from_be_bytes(key[16..].try_into().unwrap()));
            mask(&mut bytes, &key);
            prop_assert_eq!(bytes, clear);
        }
    }
}
