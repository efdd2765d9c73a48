use crate::wire::Malformed;

/// Messages refused, by the first check that each failed (section 12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Not this protocol.
    pub magic: u64,
    /// Another version.
    pub version: u64,
    /// Not the flags of the next message.
    pub flags: u64,
    /// Another frame depth.
    pub frame_depth: u64,
    /// A body that is too short or too long.
    pub payload_len: u64,
    /// Another session.
    pub session: u64,
    /// Not the next step: replayed, reordered or lost.
    pub step: u64,
    /// A channel that is not known, or another mask.
    pub channel: u64,
    /// The ack of a handshake, which is zero.
    pub ack: u64,
    /// Not the expected opening frame.
    pub frame_open: u64,
    /// Not the mirror of the opening frame.
    pub frame_close: u64,
    /// A body that does not authenticate.
    pub aead: u64,
    /// Authentic, and not an item that is legal there.
    pub item: u64,
}

impl Rejected {
    /// Counts one.
    pub fn count(&mut self, check: Malformed) {
        let counter = match check {
            Malformed::Magic => &mut self.magic,
            Malformed::Version => &mut self.version,
            Malformed::Flags => &mut self.flags,
            Malformed::FrameDepth => &mut self.frame_depth,
            Malformed::PayloadLen => &mut self.payload_len,
            Malformed::Session => &mut self.session,
            Malformed::Step => &mut self.step,
            Malformed::Channel => &mut self.channel,
            Malformed::Ack => &mut self.ack,
            Malformed::FrameOpen => &mut self.frame_open,
            Malformed::FrameClose => &mut self.frame_close,
            Malformed::Aead => &mut self.aead,
            Malformed::Item => &mut self.item,
        };
        *counter = counter.saturating_add(1);
    }
}
