//! Mirror Frame Protocol, version 2, as pure state machines: sans-IO, `no_std`, deterministic.
//!
//! The protocol is a value that you drive. It reads no clock, no socket, no disk and no entropy: time, the results of a
//! store and a seed go in, and what there is to do and the next deadline come out. So it fits any event loop, and the
//! same inputs give the same outputs, byte for byte.
//!
//! A [`Runtime`](runtime::Runtime) holds agents, the channels between them and their inboxes. Each message goes through
//! the six stages of section 3, is durable before its sender has a receipt, and is handed over until its handler has
//! said that it is done. Beneath it everything can be used by itself: [`local`] is the six stages, [`handshake`] and
//! [`link`] are what two runtimes need between them, [`merkle`] is the global state.
//!
//! The normative text is `PROTOCOL.md` beside this crate; "section n" in these pages means a section of it.
//!
//! # The drive loop
//! After every input, do what [`poll_effect`](runtime::Runtime::poll_effect) asks for, until it asks for nothing.
//! Nothing happens behind your back.
//!
//! ```
//! use std::time::Duration;
//!
//! use mfp_proto::config::Config;
//! use mfp_proto::id::{AgentName, Identity};
//! use mfp_proto::runtime::{CommitFailed, Delivery, Effect, Message, Outcome, Runtime};
//! use mfp_proto::store::{MemoryStore, Store};
//! use mfp_proto::time::Instant;
//!
//! type Failure = Box<dyn std::error::Error>;
//!
//! /// What an agent does with a message: whatever asks gets an answer.
//! fn handle(rt: &mut Runtime, now: Instant, message: &Delivery) -> Outcome {
//!     if message.reply_to.is_some() {
//!         return Outcome::Done;
//!     }
//!     let answer = Message::new(b"hello, alice").reply_to(message.message);
//!     match rt.send(now, message.to, message.channel, answer) {
//!         Ok(_) => Outcome::Done,
//!         Err(_) => Outcome::Failed, // handed over again later, and in the end a dead letter
//!     }
//! }
//!
//! /// Does all that the runtime asks for.
//! fn drive(rt: &mut Runtime, store: &mut MemoryStore, now: Instant) -> Result<(), Failure> {
//!     while let Some(effect) = rt.poll_effect() {
//!         match effect {
//!             Effect::Persist(batch) => {
//!                 let result = store.commit(&batch.ops).map_err(|_| CommitFailed);
//!                 rt.handle_persisted(now, batch.id, result);
//!             }
//!             Effect::Load => rt.handle_loaded(now, store.load()?)?,
//!             Effect::Deliver(message) => {
//!                 println!("{}: {:?}", message.from.name, message.payload);
//!                 let outcome = handle(rt, now, &message);
//!                 rt.handle_processed(now, message.id, outcome)?;
//!             }
//!             other => println!("{other:?}"), // receipts, and the audit trail
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let identity = Identity::new([7; 32], "example.org", "runtime-1")?; // 32 bytes of entropy, made once and kept
//! let seed = [9; 32]; // 32 bytes of entropy, fresh at every start
//! let (mut store, mut now) = (MemoryStore::new(), Instant::ZERO);
//! let mut rt = Runtime::new(Config::default(), identity, seed, now, store.load()?)?;
//!
//! let alice = rt.bind(now, &AgentName::new("alice")?)?;
//! let bob = rt.bind(now, &AgentName::new("bob")?)?;
//! drive(&mut rt, &mut store, now)?;
//! let channel = rt.establish_channel(now, &alice, &bob, None)?;
//! let question = Message::new(b"hello, bob").answer_within(Duration::from_secs(5));
//! rt.send(now, alice, channel, question)?;
//! drive(&mut rt, &mut store, now)?;
//!
//! // Time is yours: sleep until the deadline, then say what time it is. Here nothing is due any more.
//! while let Some((deadline, _)) = rt.poll_timeout() {
//!     now = deadline;
//!     rt.handle_timeout(now);
//!     drive(&mut rt, &mut store, now)?;
//! }
//! assert_eq!((rt.stats().messages_processed, rt.stats().requests_unanswered), (2, 0));
//! # Ok::<(), Failure>(())
//! ```
//!
//! # Features
//! | feature | default | what it adds |
//! |---|---|---|
//! | `alloc` | yes | [`runtime`], [`store`], [`config`] and the trie that grows; without it everything else is there, in storage of fixed capacity |
//! | `std` | | the standard library, for the features that need it |
//! | `ring` | | a faster AEAD back end; the bytes are the same |
//! | `aes-gcm` | | suite 2, AES-256-GCM, in the back end that is always there |
//! | `legacy-v1` | | the module `legacy`: version 1 of the protocol. **It is insecure by design**, and is there for peers that speak nothing else; implies `aes-gcm` |
//! | `testing` | | the module `testing`: proptest strategies, `Arbitrary`, back ends that fail or record |
//!
//! # Time
//! The core has no clock. Every input takes the time, in microseconds since an epoch of yours
//! ([`time::Instant`]). Your clock must not run backwards; if it does, the latest time counts. Deadlines are told by
//! [`poll_timeout`](runtime::Runtime::poll_timeout); [`handle_timeout`](runtime::Runtime::handle_timeout) may come too
//! late or for nothing, and then does what is due, or nothing.
//!
//! # Panics
//! Nothing in here panics, whatever it is given: by a peer, a store or a caller. What cannot be done is a typed error, and
//! then nothing has changed but what the error says. Only an allocator that has nothing left can still abort.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod agents;
#[cfg(feature = "alloc")]
pub mod config;
pub mod crypto;
pub mod encoding;
pub mod error;
pub mod frame;
pub mod handshake;
pub mod id;
#[cfg(feature = "legacy-v1")]
pub mod legacy;
pub mod link;
pub mod local;
pub mod merkle;
pub mod policy;
pub mod ratchet;
#[cfg(feature = "alloc")]
pub mod runtime;
#[cfg(feature = "alloc")]
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod wire;
