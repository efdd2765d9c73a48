//! A deterministic simulation of runtimes on a bad network with bad disks.
//!
//! [`Net`] and [`Disk`] are a virtual network and a virtual disk, to be used with any event loop. [`World`] drives two to
//! five runtimes over them as a seed has it: what is sent, what fails and when, and what operators say to it. [`Model`]
//! says what every agent must have seen, and what must never happen. The same seed gives the same run, byte for byte. For
//! fuzzing, [`Options::draws`] decides in its place.
//!
//! ```
//! use mfp_proto::crypto::aead::RustCrypto;
//! use mfp_proto::testing::RecordingAead;
//! use mfp_proto::testing::sim::{Options, World};
//!
//! let outcome = World::run(&Options::new(7, RecordingAead::leak(&RustCrypto)));
//! assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
//! assert!(outcome.receipts > 0);
//! ```
//!
//! # Your application
//! [`World::host`] runs agents of yours instead, under the faults of a [`Plan`]: implement [`Application`], and assert your
//! own invariants. `docs/testing-your-application.md` does so under random faults, with proptest.
//!
//! ```
//! use core::time::Duration;
//!
//! use mfp_proto::crypto::aead::RustCrypto;
//! use mfp_proto::id::AgentName;
//! use mfp_proto::runtime::{ChannelOptions, Delivery, Message, Outcome};
//! use mfp_proto::testing::RecordingAead;
//! use mfp_proto::testing::sim::{Application, Fault, FaultKind, Options, Plan, Site, World};
//!
//! /// Node 0 greets node 1 once it is bound. What has arrived is in a database.
//! struct Greeting {
//!     sent: bool,
//!     arrived: Option<Vec<u8>>,
//! }
//!
//! impl Application for Greeting {
//!     fn bound(&mut self, site: &mut Site<'_>, agent: &AgentName) {
//!         if let (Some(peer), Some(from), true) = (site.peer(1), site.agent(agent), !self.sent) {
//!             let (now, options) = (site.now(), ChannelOptions::default());
//!             let channel = site.runtime().open_channel(now, &from, &peer, agent, options);
//!             let ticket = channel.map(|channel| site.runtime().send(now, from, channel, Message::new(b"hello")));
//!             self.sent = matches!(ticket, Ok(Ok(_)));
//!         }
//!     }
//!
//!     fn handle(&mut self, _: &mut Site<'_>, message: &Delivery) -> Outcome {
//!         self.arrived = Some(message.payload.to_vec());
//!         Outcome::Done
//!     }
//!
//!     fn is_done(&self) -> bool {
//!         self.arrived.is_some()
//!     }
//! }
//!
//! let agent = AgentName::new("agent")?;
//! // The receiver loses power while the message is on its way.
//! let crash = (Duration::from_millis(50), Fault { kind: FaultKind::Crash, node: 1 });
//! let plan = Plan::new(vec![vec![agent.clone()], vec![agent]]).faults(vec![crash]);
//! let mut greeting = Greeting { sent: false, arrived: None };
//! let outcome = World::host(&Options::new(7, RecordingAead::leak(&RustCrypto)), &plan, &mut greeting);
//! assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
//! assert_eq!(greeting.arrived.as_deref(), Some(&b"hello"[..]));
//! # Ok::<(), mfp_proto::error::InvalidLabel>(())
//! ```

mod app;
mod application;
mod disk;
mod draws;
mod faults;
mod model;
mod net;
mod outcome;
mod wires;
mod world;

pub use application::{Application, Plan, Site};
pub use disk::{Disk, Durable};
pub use faults::{Fault, FaultKind};
pub use model::Model;
pub use net::{End, Net};
pub use outcome::{Options, Outcome};
pub use world::World;
