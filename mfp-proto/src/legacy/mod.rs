//! Version 1 of the protocol (section 15). **Insecure by design: read this before you use it.**
//!
//! It is here so that a peer that speaks nothing else can be met, and so that the constructions that version 2 has kept can
//! be checked against the public implementation. Compiled in by the feature `legacy-v1` alone, off by default.
//!
//! # What version 1 does not give
//! - **No secrecy after a deterministic [`Bootstrap`].** Its first state is a hash of the two runtime ids, and those are not
//!   secret: half of the sender's is in every header, and the whole is a hash of two names. Whoever knows both ids computes
//!   every key from the first message on, reads everything and forges anything.
//! - **No sender.** Both directions share one state, so frame, key and nonce of a step are the same in both. If both
//!   sides send at the same step, one key and nonce have sealed two messages (which for AES-GCM gives away the XOR of both
//!   and the key that authenticates), and neither side takes the other's message: from then on they have diverged for good.
//!   The application has to keep turns.
//! - **No authenticated header.** Flags and sender are anybody's word. What is authenticated is the channel, the step and
//!   the payload.
//! - **No freshness.** A state that is restored from a backup seals other payloads under keys and nonces that were used.
//! - **No recovery.** One message that is lost, or whose sender advanced without it, ends the conversation of all channels.
//! - **Unauthenticated rotation.** Who stands between the two puts in keys of his own, unless the messages of the
//!   [`rotation`] travel inside the channels themselves.
//!
//! A ceremonial [`Bootstrap`] with a key exchange whose public keys came by a safe way gives secrecy towards those who have
//! never known a state, and nothing of the rest.
//!
//! # What keeps it apart
//! It is chosen for one peer, by a constructor that says what it is: [`Peer::insecure_v1`]. Nothing negotiates it: the
//! handshake of version 2 has no fallback, [`wire`](crate::wire) refuses every byte of version 1, and [`Peer`] every byte of
//! version 2. A program that offers it shows [`WARNING`] to its operator, each time.
//!
//! # What is here
//! [`Peer`] is a peer as a machine without IO: bytes go in and out, and nothing else. Beneath it are the constructions, each
//! by itself: [`Header`], [`State`], [`frame`], [`rotation`], [`recovery`], [`global`], [`identity`], [`storage`],
//! [`negotiate`]. What both versions share is not here: the frames of channels inside one runtime are those of
//! [`local`](crate::local) with the AES suite and [`global::merkle_root`] as global state.
//!
//! ```
//! use mfp_proto::crypto::aead::RustCrypto;
//! use mfp_proto::frame::Depth;
//! use mfp_proto::id::ChannelId;
//! use mfp_proto::legacy::{Bootstrap, Config, Input, Peer, identity};
//!
//! let a = identity::runtime_id(b"example.org", b"one")?;
//! let b = identity::runtime_id(b"example.org", b"two")?;
//! let config = |own, peer| Config { own, peer, max_payload: 65_536, aead: &RustCrypto };
//! let mut alice: Peer<8> = Peer::insecure_v1(config(a, b), Bootstrap::Deterministic)?;
//! let mut bob: Peer<8> = Peer::insecure_v1(config(b, a), Bootstrap::Deterministic)?;
//! let channel = ChannelId::from_bytes([7; 16]);
//! alice.open_channel(channel, Depth::default())?;
//! bob.open_channel(channel, Depth::default())?;
//!
//! let mut wire = [0; 512];
//! let len = alice.send(&channel, b"anybody can read this", &mut wire)?;
//! assert_eq!(bob.handle_input(&mut wire[..10])?, Input::Need(64));
//! let Input::Message { len: taken, delivery } = bob.handle_input(&mut wire[..len])? else { panic!("it is whole") };
//! assert_eq!((taken, delivery.payload), (len, b"anybody can read this".as_slice()));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

pub mod frame;
pub mod global;
mod header;
pub mod identity;
mod negotiate;
mod peer;
pub mod recovery;
mod refused;
pub mod rotation;
mod state;
pub mod storage;

pub use header::{Flags, Header, SENDER_LEN, VERSION, sender};
pub use negotiate::{NoCommonAlgorithm, negotiate};
pub use peer::{Bootstrap, Config, Delivery, Input, InvalidPeer, Peer, RekeyError, SendError};
pub use refused::Refused;
pub use state::{State, StepsExhausted};

/// What an operator has to be told, loudly, whenever a peer of version 1 is configured or met (section 15).
pub const WARNING: &str = "version 1 of the Mirror Frame Protocol is insecure by design: after a deterministic bootstrap \
                           whoever knows the two runtime ids reads and forges everything; use it for nothing that matters";
