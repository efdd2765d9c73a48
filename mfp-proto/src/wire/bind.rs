//! Channels between agents of two runtimes: their ids, and what binds their keys to them (section 11).

use crate::crypto::hash::sha256;
use crate::id::{ChannelId, RuntimeId};

use super::header::CONTROL;

/// The id of a channel between agents: never [`CONTROL`] (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentChannel(ChannelId);

impl AgentChannel {
    /// The channel with this id; `None` for the control channel, which belongs to the runtimes.
    pub fn new(id: ChannelId) -> Option<Self> {
        (id != CONTROL).then_some(Self(id))
    }

    /// An id for a channel that `opener` opens, from 16 random bytes of which the top bit is replaced (section 11).
    ///
    /// `None` if that leaves the id of the control channel, in one case of 2^127: draw again.
    pub fn draw(random: [u8; 16], opener: &RuntimeId, acceptor: &RuntimeId) -> Option<Self> {
        let mut bytes = random;
        let [first, ..] = &mut bytes;
        *first = (*first & 0x7f) | if opener < acceptor { 0 } else { 0x80 };
        Self::new(ChannelId::from_bytes(bytes))
    }

    /// The id.
    pub const fn id(self) -> ChannelId {
        self.0
    }
}

impl From<AgentChannel> for ChannelId {
    fn from(channel: AgentChannel) -> Self {
        channel.0
    }
}

/// Whether `channel` is one that `opener` may open towards `acceptor`: its top bit is 0 if the opener has the smaller
/// id, else 1 (section 11). So two runtimes that open at once never choose the same id. `false` for [`CONTROL`].
pub fn opener_bit_matches(opener: &RuntimeId, acceptor: &RuntimeId, channel: &ChannelId) -> bool {
    let [first, ..] = channel.as_bytes();
    let top_is_clear = first & 0x80 == 0;
    *channel != CONTROL && top_is_clear == (opener < acceptor)
}

/// `bind_c = H("mfp2-bind" ‖ u32|OPEN| ‖ OPEN ‖ u32|ACCEPT| ‖ ACCEPT)` (section 11), from the bodies of the two items.
///
/// A body has at most 180 bytes; a length beyond 32 bits, which no body has, is hashed as 2^32 − 1.
pub fn bind(open: &[u8], accept: &[u8]) -> [u8; 32] {
    let len = |body: &[u8]| u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    sha256(&[b"mfp2-bind", &len(open), open, &len(accept), accept])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bodies_do_not_run_together() {
        assert_ne!(bind(b"ab", b"c"), bind(b"a", b"bc"));
        assert_eq!(bind(b"a", b""), sha256(&[b"mfp2-bind\0\0\0\x01a\0\0\0\0"]));
    }

    #[test]
    fn the_control_channel_is_nobodys() {
        let (low, high) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
        assert_eq!(AgentChannel::new(CONTROL), None);
        assert!(!opener_bit_matches(&low, &high, &CONTROL));
        assert_eq!(AgentChannel::draw([0; 16], &low, &high), None);
        let mut top = [0; 16];
        top[0] = 0x80;
        assert_eq!(AgentChannel::draw(top, &low, &high), None);
        assert_eq!(AgentChannel::draw([0; 16], &high, &low).map(ChannelId::from), Some(top.into()));
    }

    proptest! {
        #[test]
        fn a_drawn_id_is_the_openers_alone(random in any::<[u8; 16]>(), one: [u8; 32], two: [u8; 32]) {
            let (one, two) = (RuntimeId::from_bytes(one), RuntimeId::from_bytes(two));
            prop_assume!(one != two && random[1..] != [0; 15]);
            let id = AgentChannel::draw(random, &one, &two).unwrap().id();
            prop_assert!(opener_bit_matches(&one, &two, &id));
            prop_assert!(!opener_bit_matches(&two, &one, &id));
            prop_assert_eq!(&id.as_bytes()[1..], &random[1..]);
            prop_assert_eq!(id.as_bytes()[0] & 0x7f, random[0] & 0x7f);
        }
    }
}
