use super::*;
use crate::id::ChannelId;
use crate::wire::header::offset;

const SESSION: SessionId = SessionId::from_bytes([3; 16]);

fn transport() -> Expect {
    Expect::Transport { negotiate: false, depth: Depth::default(), max_body: 1_024, session: SESSION, step: 7 }
}

fn header(flags: Flags, depth: Depth, payload_len: u32, step: u64) -> Header {
    Header { flags, depth, payload_len, channel: CONTROL, step, session: SESSION, ack: 0 }
}

/// Each expectation with a header that meets it.
fn pairs() -> [(Expect, Header); 4] {
    let k = Depth::default();
    let negotiate = Expect::Transport { negotiate: true, depth: k, max_body: 1_024, session: SESSION, step: 0 };
    [
        (Expect::Message1, header(Flags::Handshake, Depth::MIN, 168, 1)),
        (Expect::Message2 { session: SESSION }, header(Flags::Handshake, Depth::MIN, 120, 2)),
        (negotiate, header(Flags::Negotiate, k, 69, 0)),
        (transport(), header(Flags::Transport, k, 29, 7)),
    ]
}

#[test]
fn a_message_is_met_by_its_own_expectation_alone() {
    for (at, (expect, _)) in pairs().into_iter().enumerate() {
        for (other, (_, header)) in pairs().into_iter().enumerate() {
            assert_eq!(expect.judge(&header).is_ok(), at == other, "{expect:?} {header:?}");
        }
    }
}

#[test]
fn each_check_is_named_and_the_first_one_wins() {
    let other = ChannelId::from_bytes([1; 16]);
    for (expect, good) in pairs() {
        let handshake = good.flags == Flags::Handshake;
        let flags = if handshake { Flags::Transport } else { Flags::Handshake };
        let session_is_free = expect == Expect::Message1;
        // From the last check to the first: each edit is made on top of those before it.
        let mut bad = good;
        assert_eq!(expect.judge(&bad), Ok(()));
        bad.ack = 1;
        assert_eq!(expect.judge(&bad), if handshake { Err(Malformed::Ack) } else { Ok(()) });
        bad.channel = other;
        assert_eq!(expect.judge(&bad), if handshake { Err(Malformed::Channel) } else { Ok(()) });
        bad.step += 1;
        assert_eq!(expect.judge(&bad), Err(Malformed::Step));
        bad.session = SessionId::from_bytes([4; 16]);
        assert_eq!(expect.judge(&bad), Err(if session_is_free { Malformed::Step } else { Malformed::Session }));
        bad.payload_len = 28;
        assert_eq!(expect.judge(&bad), Err(Malformed::PayloadLen));
        bad.depth = Depth::new(3).unwrap();
        assert_eq!(expect.judge(&bad), Err(Malformed::FrameDepth));
        bad.flags = flags;
        assert_eq!(expect.judge(&bad), Err(Malformed::Flags));
    }
}

#[test]
fn lengths_of_a_session_have_bounds() {
    for (len, legal) in [(0, false), (28, false), (29, true), (1_024, true), (1_025, false), (u32::MAX, false)] {
        let header = header(Flags::Transport, Depth::default(), len, 7);
        assert_eq!(transport().judge(&header).is_ok(), legal, "{len}");
    }
}

#[test]
fn huge_claims_ask_for_nothing() {
    let good = pairs()[3].1.encode();
    for (at, check) in [(offset::FRAME_DEPTH, Malformed::FrameDepth), (offset::PAYLOAD_LEN, Malformed::PayloadLen)] {
        for claim in [[0xff; 4], [0x80, 0, 0, 0], [0, 0, 0, 0]] {
            let mut bytes = good;
            bytes[at..at + 4].copy_from_slice(&claim);
            let mut deframer = Deframer::new();
            assert_eq!(deframer.poll(&bytes[..63], &transport()), Ok(Progress::Need(64)));
            assert_eq!(deframer.poll(&bytes, &transport()), Err(check));
        }
    }
}

#[test]
fn a_message_passes_its_stages_in_order() {
    for (expect, header) in pairs() {
        let frame = header.depth.frame_len();
        let body = usize::try_from(header.payload_len).unwrap();
        let mut message = [0; 512];
        message[..HEADER_LEN].copy_from_slice(&header.encode());
        let mut deframer = Deframer::new();
        let total = HEADER_LEN + 2 * frame + body;
        for len in 0..HEADER_LEN + frame {
            let need = if len < HEADER_LEN { HEADER_LEN } else { HEADER_LEN + frame };
            assert_eq!(deframer.poll(&message[..len], &expect), Ok(Progress::Need(need)), "{len}");
        }
        // However much has arrived: no step past the frame without the caller's word, and one word is enough.
        for len in [HEADER_LEN + frame, total, total + 1] {
            assert_eq!(deframer.poll(&message[..len], &expect), Ok(Progress::Head(header)), "{len}");
        }
        deframer.accept_frame();
        for len in HEADER_LEN + frame..total {
            assert_eq!(deframer.poll(&message[..len], &expect), Ok(Progress::Need(total)), "{len}");
        }
        for len in [total, total + 1] {
            assert_eq!(deframer.poll(&message[..len], &expect), Ok(Progress::Whole { len: total }), "{len}");
        }
        deframer.next_message();
        assert_eq!(deframer.poll(&[], &expect), Ok(Progress::Need(HEADER_LEN)));
        assert_eq!(deframer.poll(&message, &expect), Ok(Progress::Head(header)));
    }
}

#[test]
fn a_frame_that_has_not_come_cannot_be_accepted() {
    let mut deframer = Deframer::new();
    deframer.accept_frame();
    let header = pairs()[3].1;
    let mut message = [0; 512];
    message[..HEADER_LEN].copy_from_slice(&header.encode());
    assert_eq!(deframer.poll(&message, &transport()), Ok(Progress::Head(header)));
}
