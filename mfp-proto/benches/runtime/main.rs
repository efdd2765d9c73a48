//! What a message costs on its whole way between two runtimes, against one seal and one open of a lane; and what links
//! and channels to peers cost in memory.
//!
//! Two runtimes in one thread with a `MemoryStore` each and nothing between them: send, commit, number, commit, seal,
//! open, commit, deliver, done, ack. What is compared is measured in turns. A line `bar NAME VALUE LIMIT` holds if VALUE
//! is at most LIMIT; lines `figure NAME: VALUE UNIT` give what it was made of.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, reason = "a bench stops at what it does not expect")]

#[path = "../link/lanes.rs"]
mod lanes;
#[path = "../link/measure.rs"]
mod measure;
mod memory;
mod pair;

use lanes::Lanes;
use measure::{Contender, Rounds, bar};
use pair::Pair;

/// Messages sent at once: as many as the credit of a channel lets go.
const BURST: u32 = 64;

fn main() {
    for (len, limit) in [(64, 1.8), (1 << 10, 1.8), (16 << 10, 1.3)] {
        let (mut lanes, mut bursts, mut single) = (Lanes::new(len), Pair::new(len), Pair::new(len));
        let rounds = Rounds::measure(
            &format!("{BURST} messages of {len} bytes"),
            1,
            vec![
                Contender::new("whole path, sent at once", move || bursts.messages(BURST)),
                Contender::new("one seal and one open each", move || (0..BURST).for_each(|_| lanes.message())),
                Contender::new("whole path, one at a time", move || (0..BURST).for_each(|_| single.messages(1))),
            ],
        );
        bar(&format!("runtime_over_lane_{len}"), rounds.ratio(0, &[1]), limit);
        if len == 64 {
            let each = rounds.median(|times| times[0]) / f64::from(BURST);
            println!("figure whole path on one core, 64 bytes: {:.0} messages/s", 1.0 / each);
            // The same bar the other way around, so that less is better: 4 µs.
            bar("runtime_us_a_message_64", each * 1e6, 4.0);
        }
    }
    memory::run();
}
