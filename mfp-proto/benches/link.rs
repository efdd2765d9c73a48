//! What a link costs, against peers that do the same work: message by message and handshake by handshake, seal and open
//! or both sides together.
//!
//! What is compared is measured in turns, each round begun by the next one, and the median of the rounds' ratios is
//! taken, so that a change of clock falls on all. A line `bar NAME VALUE LIMIT` holds if VALUE is at most LIMIT;
//! lines `figure NAME: VALUE UNIT` give what it was made of.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, reason = "a bench stops at what it does not expect")]

#[path = "link/handshake.rs"]
mod handshake;
#[path = "link/lane.rs"]
mod lane;
#[path = "link/lanes.rs"]
mod lanes;
#[path = "link/measure.rs"]
mod measure;

fn main() {
    lane::run();
    handshake::run();
}
