use crate::id::ChannelId;
use crate::wire::header::{CONTROL, Flags};

/// The kind of an item: the first byte of what is sealed (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An acknowledgement alone, or padding traffic.
    Ack = 0x00,
    /// A message of an agent.
    Data = 0x01,
    /// Asks for a channel.
    Open = 0x02,
    /// Grants it.
    Accept = 0x03,
    /// Refuses it.
    Reject = 0x04,
    /// Ends it.
    Close = 0x05,
    /// The initiator's cursor, at step 0 of lane ir.
    Negotiate = 0x10,
    /// Starts a rotation.
    RotateReq = 0x11,
    /// Answers it.
    RotateAck = 0x12,
    /// Ends it.
    RotateDone = 0x13,
    /// The lane goes on at a later number.
    Gap = 0x14,
    /// The session ends.
    Bye = 0x15,
    /// Credit of a channel.
    Credit = 0x16,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Ack,
        Self::Data,
        Self::Open,
        Self::Accept,
        Self::Reject,
        Self::Close,
        Self::Negotiate,
        Self::RotateReq,
        Self::RotateAck,
        Self::RotateDone,
        Self::Gap,
        Self::Bye,
        Self::Credit,
    ];

    /// The kind with this byte; `None` if there is none.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }

    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Whether items of this kind are numbered, and so durable: n ≥ 1. The others have n = 0.
    pub const fn is_numbered(self) -> bool {
        matches!(self, Self::Data | Self::Open | Self::Accept | Self::Reject | Self::Close)
    }

    /// Whether an item of this kind is legal in a message with these flags on this (unmasked) channel: DATA alone
    /// uses the channels of agents (section 7), and NEGOTIATE alone the flags of that name (section 4).
    pub fn is_legal(self, flags: Flags, channel: &ChannelId) -> bool {
        let expected = if self == Self::Negotiate { Flags::Negotiate } else { Flags::Transport };
        flags == expected && (self == Self::Data) == (*channel != CONTROL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_kinds_are_one_to_one() {
        for byte in 0..=u8::MAX {
            let known = matches!(byte, 0..=5 | 0x10..=0x16);
            assert_eq!(Kind::from_byte(byte).map(Kind::byte), known.then_some(byte));
        }
    }

    #[test]
    fn each_kind_has_its_flags_and_channel() {
        let data = ChannelId::from_bytes([1; 16]);
        for kind in Kind::ALL {
            for (flags, negotiates) in [(Flags::Transport, false), (Flags::Negotiate, true), (Flags::Handshake, false)]
            {
                let fits = flags != Flags::Handshake && negotiates == (kind == Kind::Negotiate);
                assert_eq!(kind.is_legal(flags, &CONTROL), fits && kind != Kind::Data, "{kind:?} {flags:?}");
                assert_eq!(kind.is_legal(flags, &data), fits && kind == Kind::Data, "{kind:?} {flags:?}");
            }
        }
    }
}
