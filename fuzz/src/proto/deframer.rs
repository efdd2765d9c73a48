//! The deframer: a stream gives the same verdicts however it is split, and nothing is asked for too early.

use mfp_proto::frame::Depth;
use mfp_proto::id::SessionId;
use mfp_proto::wire::deframer::{Deframer, Expect, MIN_BODY, Progress};
use mfp_proto::wire::header::offset;
use mfp_proto::wire::{HEADER_LEN, Header, Malformed};

/// What a caller sees of a stream, in order.
#[derive(Debug, PartialEq)]
enum Seen {
    Head(Header),
    Message(usize),
    Closed(Malformed),
    Waiting(usize),
}

/// `u8 what is expected first ‖ u8 k ‖ u16 max_body ‖ pieces(4) ‖ stream`: the stream comes whole, byte by byte, and in
/// pieces of those lengths in turn.
///
/// # Panics
/// If the property fails.
pub fn any_split(data: &[u8]) {
    let Some(([what, k, max_hi, max_lo, pieces @ ..], stream)) = data.split_first_chunk::<8>() else { return };
    let depth = Depth::new(*k).unwrap_or_default();
    let max_body = MIN_BODY + u32::from(u16::from_be_bytes([*max_hi, *max_lo]));
    let expect = first(*what, depth, max_body, stream);
    let whole = run(stream, &[], expect, max_body);
    assert_eq!(run(stream, &[1], expect, max_body), whole, "byte by byte");
    assert_eq!(run(stream, pieces, expect, max_body), whole, "pieces {pieces:?}");
}

/// The first expectation. Session and step are those of the stream, so that a run gets past them.
fn first(what: u8, depth: Depth, max_body: u32, stream: &[u8]) -> Expect {
    let session = stream.get(offset::SESSION..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default().into();
    let step = stream.get(offset::STEP..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    match what % 4 {
        0 => Expect::Message1,
        1 => Expect::Message2 { session },
        2 => Expect::Transport { negotiate: true, depth, max_body, session, step: u64::from_be_bytes(step) },
        _ => Expect::Transport { negotiate: false, depth, max_body, session, step: u64::from_be_bytes(step) },
    }
}

/// The next expectation: after a handshake message a session begins, after a transport message it goes on.
fn next(expect: Expect, session: SessionId, max_body: u32) -> Expect {
    match expect {
        Expect::Message1 => Expect::Transport { negotiate: true, depth: Depth::MIN, max_body, session, step: 0 },
        Expect::Message2 { .. } => {
            Expect::Transport { negotiate: false, depth: Depth::MAX, max_body, session, step: 0 }
        }
        Expect::Transport { depth, step, .. } => {
            Expect::Transport { negotiate: false, depth, max_body, session, step: step.wrapping_add(1) }
        }
    }
}

/// Feeds the stream in pieces of these lengths in turn, and what is left of it at once when they are all empty.
fn run(mut stream: &[u8], pieces: &[u8], mut expect: Expect, max_body: u32) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut arrived = Vec::new();
    let mut deframer = Deframer::new();
    let mut lengths = pieces.iter().cycle();
    let some = pieces.iter().any(|len| *len > 0);
    loop {
        let len = if some { lengths.next().map_or(0, |len| usize::from(*len)) } else { stream.len() };
        let (piece, rest) = stream.split_at(len.min(stream.len()));
        arrived.extend_from_slice(piece);
        stream = rest;
        let need = match drain(&mut deframer, &mut arrived, &mut expect, max_body, &mut seen) {
            Ok(need) => need,
            Err(error) => {
                seen.push(Seen::Closed(error));
                return seen;
            }
        };
        if stream.is_empty() {
            seen.push(Seen::Waiting(need));
            return seen;
        }
    }
}

/// Handles what has arrived and returns how much the message that is arriving needs.
fn drain(
    deframer: &mut Deframer,
    arrived: &mut Vec<u8>,
    expect: &mut Expect,
    max_body: u32,
    seen: &mut Vec<Seen>,
) -> Result<usize, Malformed> {
    let judged = |seen: &[Seen]| matches!(seen.last(), Some(Seen::Head(_)));
    loop {
        let progress = deframer.poll(arrived, expect)?;
        assert_eq!(deframer.poll(arrived, expect), Ok(progress), "the same bytes give the same answer");
        match progress {
            Progress::Need(need) => {
                let most =
                    if judged(seen) { HEADER_LEN + 2 * 512 + max_body.max(168) as usize } else { HEADER_LEN + 512 };
                assert!(arrived.len() < need && need <= most, "needs {need} of at most {most}, has {}", arrived.len());
                return Ok(need);
            }
            Progress::Head(header) => {
                assert!(!judged(seen), "a frame is judged once");
                assert_eq!(header.encode(), arrived[..HEADER_LEN]);
                seen.push(Seen::Head(header));
                // Stands for the comparison with the expected frame, and like it depends on header and frame alone.
                if arrived[HEADER_LEN] == 0 {
                    return Err(Malformed::FrameOpen);
                }
                deframer.accept_frame();
            }
            Progress::Whole { len } => {
                let Some(Seen::Head(header)) = seen.last() else { unreachable!("a message without a judged frame") };
                assert_eq!(len, HEADER_LEN + 2 * header.depth.frame_len() + header.payload_len as usize);
                *expect = next(*expect, header.session, max_body);
                seen.push(Seen::Message(len));
                arrived.drain(..len);
                deframer.next_message();
            }
        }
    }
}
