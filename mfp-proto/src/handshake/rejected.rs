use super::HandshakeError;

/// Handshakes refused, by the first check that each failed (sections 5 and 12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Attempts that were too old, or had ended.
    pub deadline: u64,
    /// Messages of another length.
    pub length: u64,
    /// Not the exact header.
    pub header: u64,
    /// Not the expected opening frame.
    pub frame_open: u64,
    /// Not the mirror of the opening frame.
    pub frame_close: u64,
    /// Sources whose token bucket was empty.
    pub rate_limited: u64,
    /// While as many responder sessions were pending as may be.
    pub too_many_pending: u64,
    /// From peers whose link is suspended, or shutting down.
    pub suspended: u64,
    /// While an attempt of this side was pending that counts more.
    pub crossing: u64,
    /// Public keys of low order.
    pub dh: u64,
    /// Static keys with which no peer is configured.
    pub unknown_peer: u64,
    /// Messages 1 that did not authenticate.
    pub noise1: u64,
    /// Messages 2 that did not authenticate.
    pub noise2: u64,
    /// Payloads 1 with a field that cannot be.
    pub payload1: u64,
    /// Payloads 2 with a field that cannot be.
    pub payload2: u64,
    /// Parameters outside their limits.
    pub parameters: u64,
    /// Runtime ids that do not belong to the static key.
    pub rid: u64,
    /// Links that are durable on one side and volatile on the other.
    pub mode: u64,
    /// No suite in common.
    pub suite: u64,
}

impl Rejected {
    /// Counts one.
    pub fn count(&mut self, check: HandshakeError) {
        let counter = match check {
            HandshakeError::Deadline => &mut self.deadline,
            HandshakeError::Length => &mut self.length,
            HandshakeError::Header => &mut self.header,
            HandshakeError::FrameOpen => &mut self.frame_open,
            HandshakeError::FrameClose => &mut self.frame_close,
            HandshakeError::RateLimited => &mut self.rate_limited,
            HandshakeError::TooManyPending => &mut self.too_many_pending,
            HandshakeError::Suspended => &mut self.suspended,
            HandshakeError::Crossing => &mut self.crossing,
            HandshakeError::Dh => &mut self.dh,
            HandshakeError::UnknownPeer => &mut self.unknown_peer,
            HandshakeError::Noise1 => &mut self.noise1,
            HandshakeError::Noise2 => &mut self.noise2,
            HandshakeError::Payload1 => &mut self.payload1,
            HandshakeError::Payload2 => &mut self.payload2,
            HandshakeError::Parameters => &mut self.parameters,
            HandshakeError::Rid => &mut self.rid,
            HandshakeError::Mode => &mut self.mode,
            HandshakeError::Suite => &mut self.suite,
        };
        *counter = counter.saturating_add(1);
    }
}
