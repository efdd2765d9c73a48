//! The Mirror Frame Protocol on smol: agents, channels between them, requests and answers, in one process or between
//! peers.
//!
//! A thin driver around [`mfp_proto`]. Deadlines, retries, order, whom to connect to and who may do what are the core's;
//! this crate gives it the time, connections, a store that may block, and tasks for the handlers.
//!
//! ```
//! use mfp_smol::{Context, Delivery, Runtime};
//! use std::time::Duration;
//!
//! # async fn example() -> Result<(), mfp_smol::BoxError> {
//! let runtime = Runtime::builder().build().await?;
//! let bob = runtime
//!     .bind("bob", |context: Context, message: Delivery| async move {
//!         context.reply(&message.payload.to_ascii_uppercase()).await?;
//!         Ok(())
//!     })
//!     .await?;
//! let (alice, _inbox) = runtime.bind_stream("alice").await?;
//! let channel = runtime.establish_channel(&alice.id(), &bob.id()).await?;
//! let answer = alice.request(channel, "hello", Duration::from_secs(5)).await?;
//! assert_eq!(&*answer.payload, b"HELLO");
//! runtime.shutdown().await;
//! # Ok(())
//! # }
//! # smol::block_on(example())?;
//! # Ok::<(), mfp_smol::BoxError>(())
//! ```
//!
//! # Between runtimes
//!
//! Two runtimes that know each other's keys share channels as agents of one runtime do, with the same calls. One of them
//! at least listens; the other connects, and connects again whenever the link is lost. What was accepted in between waits.
//!
//! ```
//! use mfp_smol::{AcceptPolicy, Address, ChannelOptions, PeerConfig, Runtime};
//! use std::time::Duration;
//!
//! # async fn example() -> Result<(), mfp_smol::BoxError> {
//! let (one, other) = (Runtime::builder().build().await?, Runtime::builder().build().await?);
//! let address = one.listen("127.0.0.1:0").await?;
//! // Each side knows the other's id and public key; one of them knows where to connect to.
//! let mut config = PeerConfig::new(other.public_key(), other.id());
//! config.accept = AcceptPolicy::all();
//! one.add_peer(config, Address::None).await?;
//! other.add_peer(PeerConfig::new(one.public_key(), one.id()), Address::tcp(address.to_string())).await?;
//!
//! let bob = one.bind("bob", |_context, message| async move {
//!     println!("{} bytes", message.payload.len());
//!     Ok(())
//! });
//! bob.await?;
//! let (alice, _inbox) = other.bind_stream("alice").await?;
//! let channel = other.open_channel(&alice.id(), &one.id(), "bob", ChannelOptions::default()).await?;
//! // Durable at bob's runtime when this returns.
//! alice.send_acked(channel, "hello").await?;
//! # other.shutdown().await;
//! # Ok(())
//! # }
//! # smol::block_on(example())?;
//! # Ok::<(), mfp_smol::BoxError>(())
//! ```
//!
//! Whatever is [`Io`] can carry a link: [`Address::with`] connects to it, and [`Runtime::carry`] takes it.
//!
//! # What it promises
//!
//! - A receipt means that the message is durable: it reaches its receiver, or becomes a dead letter. A handler may see
//!   it more than once, always under the same [`MessageId`].
//! - Messages of one sender on one channel are handled one at a time, in order; channels and agents do not wait for
//!   each other.
//! - [`AgentHandle::send_acked`] returns when the message is durable at the peer too.
//! - A full inbox, and a full queue to a peer, make senders wait. An answer that a request waits for always finds room.
//! - Every future may be dropped.

mod agent;
mod bell;
mod buffer;
mod drive;
mod error;
mod link;
mod net;
mod peer;
mod runtime;
mod send;
mod store;
mod timer;

pub use agent::{AgentHandle, Context, Inbox, Incoming, Sent};
pub use error::{BoxError, BuildError, Error, HandlerError, OpenError, RequestError, SendError};
pub use link::Io;
pub use mfp_proto;
pub use mfp_proto::config::Config;
pub use mfp_proto::handshake::{Mode, Source};
pub use mfp_proto::id::{AgentId, ChannelId, Identity, MessageId, RuntimeId};
pub use mfp_proto::runtime::{
    AcceptPolicy, AdminError, AgentStatus, ChannelOptions, ChannelStatus, Delivery, Event, Message, Origin, PeerConfig,
    PeerStatus, Receipt, SendError as Refusal, Stats,
};
pub use mfp_proto::store::{DeadLetter, MemoryStore, Store};
pub use mfp_store::{self, Key, StoreOptions};
pub use net::{Address, Dial, NetLimits, NetStats};
pub use runtime::{Events, Notice, Runtime, RuntimeBuilder, default_config};
