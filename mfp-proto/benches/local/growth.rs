//! How a local send grows with the channels of a runtime, and with its payload. All sizes are measured in turns.

use crate::measure::{figure, median, time};
use mfp_proto::crypto::aead::Suite;

use crate::sends::Bench;

const CHANNELS: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
const PAYLOADS: [usize; 6] = [64, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
const ROUNDS: usize = 60;
/// Sends of a round where the number of channels grows.
const SENDS: usize = 200;
/// Bytes of a round where the payload grows, about.
const BYTES: usize = 1 << 20;

pub(crate) fn run() {
    let mut runtimes = CHANNELS.map(|channels| Bench::new(channels, Suite::default()));
    let times = in_turns(|of| nanos(&mut runtimes[of], SENDS, &[7; 64]));
    for (channels, time) in CHANNELS.into_iter().zip(times) {
        figure(&format!("local send of 64 bytes among {channels} channels"), time, "ns");
    }
    drop(runtimes);
    let mut bench = Bench::new(1, Suite::default());
    let payload = vec![7; 1 << 20];
    let times = in_turns(|of| {
        let len = PAYLOADS[of];
        nanos(&mut bench, (BYTES / len).min(SENDS), &payload[..len])
    });
    for (len, time) in PAYLOADS.into_iter().zip(times) {
        figure(&format!("local send of {len} bytes"), time, "ns");
    }
}

/// Nanoseconds of one send, over so many on channels drawn at random.
fn nanos(bench: &mut Bench, sends: usize, payload: &[u8]) -> f64 {
    bench.pick(sends);
    time(sends, || bench.send(payload))
}

/// The median of each of the six, all measured in each round, the first tenth of the rounds left out.
fn in_turns(mut measure: impl FnMut(usize) -> f64) -> [f64; 6] {
    let mut all = [const { Vec::new() }; 6];
    for round in 0..ROUNDS + ROUNDS / 10 {
        for (of, times) in all.iter_mut().enumerate() {
            let time = measure(of);
            if round >= ROUNDS / 10 {
                times.push(time);
            }
        }
    }
    all.map(|mut times| median(&mut times))
}
