use crate::crypto::aead::{Aead, Suite};

/// What all channels inside one runtime share.
#[derive(Clone, Copy, Debug)]
pub struct Pipeline {
    /// The AEAD back end.
    pub aead: &'static dyn Aead,
    /// The AEAD suite.
    pub suite: Suite,
    /// The largest payload, in bytes.
    pub max_payload: u32,
    /// Validation failures in a row after which a channel quarantines itself; 0: never.
    pub quarantine_after: u16,
}
