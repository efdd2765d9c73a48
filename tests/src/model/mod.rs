//! An exhaustive search: everything that can happen to two links within bounds, in every order.
//!
//! Each side is the real [`Link`](mfp_proto::link::Link) with real cryptography, and an owner that does for it what a
//! runtime does: it lends bodies, stores batches in order, and sends what may go after every input. Between them are
//! connections in which whole messages are under way. What can happen is an [`Action`]; what must hold in every state is
//! a property of [`Exhaust`]. The search is breadth first, so that the first counterexample is a shortest one.
//!
//! # What is a state
//! Two states are one if what can happen from now on is the same. A link feeds all of itself to the hash, with keys and
//! sessions, through [`Link::hash_state`](mfp_proto::link::Link::hash_state): moments as how far they are ahead, and no
//! statistics. To that come its owner's contents, its store, the batches on their way to it, all connections with the
//! bytes under way, and what is left of the bounds. A hash is of 128 bits for each side, and of 64 for both together.
//!
//! - **Randomness** is a function of the side and of how many handshakes it has had a part in, which only rises: no two
//!   handshakes of a run have the same, and it does not matter in which order the sides drew.
//! - **Time** is each side's own. It stands still but for a deadline that comes, which is an action, and then the clock is
//!   there. The waits before a connection and before a lone ACK are so short that they move nothing else; handshakes are
//!   late all at once. Timers that only say that nothing has come for long are off.
//! - **Attempts that cross** are counted. Two sides of which each is always as slow as the other's next attempt is fast
//!   never meet: what ends that is the backoff, and so time.
//! - **Nothing is without end**: faults are counted, randomness and the steps of lanes only rise, and everything else that
//!   can happen uses something up. So a search that comes to its end has shown that every run does, and each state in
//!   which nothing is due any more was looked at.
//!
//! # What is left out
//! Messages arrive whole. Nothing is forged. Channels are not opened and not closed, keys are not rotated. After a
//! diagnosis the run is over: what the operator says then is the simulation's to try.

mod bounds;
mod broken;
mod memo;
mod node;
mod search;
mod site;
mod state;
mod step;
mod store;
mod wires;

pub use bounds::{Bounds, Faults};
pub use broken::Broken;
pub use search::{COMPLETE, Exhaust, Found, LOSS, Unfit};
pub use state::{Action, State};
