//! Replays the committed seeds of the fuzz targets, and gives the targets some inputs of their own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here is a bug of a test")]

use mfp_proto::frame::Depth;
use mfp_proto::wire::header::{Flags, HEADER_LEN, Header};
use proptest::prelude::*;

#[path = "../../fuzz/src/proto/mod.rs"]
pub mod fuzz;

include!("../../fuzz/replay.rs");

#[test]
fn seeds_hold() {
    replay(&fuzz::TARGETS);
}

/// A stream of well-formed messages of one session, with the settings that [`fuzz::deframer::any_split`] reads before it.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let bodies = proptest::collection::vec(29..200_u32, 1..5);
    (2..=32_u8, any::<u16>(), any::<[u8; 4]>(), bodies, any::<[u8; 16]>()).prop_map(
        |(k, max_body, pieces, bodies, id)| {
            let depth = Depth::new(k).unwrap_or_default();
            let mut bytes = vec![3, k];
            bytes.extend_from_slice(&max_body.to_be_bytes());
            bytes.extend_from_slice(&pieces);
            for (step, payload_len) in (5..).zip(bodies) {
                let flags = Flags::Transport;
                let header = Header { flags, depth, payload_len, channel: id.into(), step, session: id.into(), ack: 9 };
                bytes.extend_from_slice(&header.encode());
                bytes.resize(bytes.len() + header.message_len() - HEADER_LEN, 0xab);
            }
            bytes
        },
    )
}

proptest! {
    #[test]
    fn a_stream_is_read_the_same_however_it_is_split(
        stream in stream(),
        end in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        fuzz::deframer::any_split(&stream);
        fuzz::deframer::any_split(&stream[..end.index(stream.len())]);
        let mut bad = stream;
        *at.get_mut(&mut bad) = byte;
        fuzz::deframer::any_split(&bad);
    }
}
