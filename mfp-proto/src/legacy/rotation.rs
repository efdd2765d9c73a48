//! The two messages of a rotation. 104 bytes each, without a type and without authentication: send them as payloads, so that
//! the channel authenticates them. How a machine uses them is in [`Peer`](super::Peer).

use core::fmt;

use crate::crypto::dh::PublicKey;
use crate::id::RuntimeId;
use crate::wire::cursor::{put, take};

/// Bytes in a message of a rotation.
pub const REKEY_LEN: usize = 104;

/// Not 104 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLength;

impl fmt::Display for InvalidLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of a rotation has 104 bytes")
    }
}

impl core::error::Error for InvalidLength {}

macro_rules! rekey_message {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// On the wire `sender ‖ receiver ‖ public ‖ u64(step)`; nothing there tells a request from an acceptance.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            /// The runtime that sends it.
            pub sender: RuntimeId,
            /// The runtime that it is for.
            pub receiver: RuntimeId,
            /// An ephemeral public key of the sender.
            pub public: PublicKey,
            /// The step of the pair from which on the new state is in use.
            pub step: u64,
        }

        impl $name {
            /// Its bytes.
            pub fn encode(&self) -> [u8; REKEY_LEN] {
                let mut out = [0; REKEY_LEN];
                put::<0, _, _>(&mut out, *self.sender.as_bytes());
                put::<32, _, _>(&mut out, *self.receiver.as_bytes());
                put::<64, _, _>(&mut out, *self.public.as_bytes());
                put::<96, _, _>(&mut out, self.step.to_be_bytes());
                out
            }

            /// Reads one. Whether it is for this runtime, and whether the step is a good one, the machine judges.
            ///
            /// # Errors
            /// [`InvalidLength`].
            pub fn parse(bytes: &[u8]) -> Result<Self, InvalidLength> {
                let bytes: &[u8; REKEY_LEN] = bytes.try_into().map_err(|_| InvalidLength)?;
                Ok(Self {
                    sender: RuntimeId::from_bytes(take::<0, _, _>(bytes)),
                    receiver: RuntimeId::from_bytes(take::<32, _, _>(bytes)),
                    public: PublicKey::from_bytes(take::<64, _, _>(bytes)),
                    step: u64::from_be_bytes(take::<96, _, _>(bytes)),
                })
            }
        }
    };
}

rekey_message! {
    /// Asks for a rotation.
    RekeyRequest
}
rekey_message! {
    /// Accepts one.
    RekeyAccept
}
