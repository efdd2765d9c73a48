//! Malformed messages against a receiver in a known state.

use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::legacy::{Input, Refused};
use mfp_proto::wire;
use mfp_proto::wire::deframer::Expect;
use mfp_tests::vectors::{Case, Failure};

use super::bilateral::{expect_state, state};
use super::cross::{Machine, begin, speak};

type Verdict = Result<(), Refused>;

/// What becomes of a case here, by the beginning of its name: taken, or refused by this check.
const VERDICTS: [(&str, Verdict); 32] = [
    ("valid body, header step changed", Err(Refused::Step)),
    ("valid", Ok(())),
    ("truncated to", Err(Refused::Truncated)),
    ("one trailing byte", Err(Refused::Trailing)),
    ("magic ", Err(Refused::Magic)),
    ("version ", Err(Refused::Version)),
    ("reserved byte", Err(Refused::Reserved)),
    ("flags 0x", Ok(())),
    ("reserved flag bits", Err(Refused::Flags)),
    ("header depth", Err(Refused::FrameDepth)),
    ("depth ", Err(Refused::FrameDepth)),
    ("payload_len 39,", Err(Refused::Trailing)),
    ("payload_len 41,", Err(Refused::Truncated)),
    ("payload_len 16, consistent", Err(Refused::Aead)),
    ("payload_len ", Err(Refused::PayloadLen)),
    ("frame_close", Err(Refused::FrameClose)),
    ("one bit of frame_close", Err(Refused::FrameClose)),
    ("one bit of frame_open", Err(Refused::FrameOpen)),
    ("frame byte", Err(Refused::FrameOpen)),
    ("random frame", Err(Refused::FrameOpen)),
    ("ciphertext", Err(Refused::Aead)),
    ("replay of message", Err(Refused::Step)),
    ("old body with a fresh step", Err(Refused::FrameOpen)),
    ("message from one step ahead", Err(Refused::Step)),
    ("unknown channel", Err(Refused::Channel)),
    ("all-zero channel", Err(Refused::Channel)),
    // One state serves all channels, so the frame is the expected one.
    ("another known channel", Err(Refused::Aead)),
    ("sender_runtime", Err(Refused::Sender)),
    ("B's own message", Err(Refused::Sender)),
    ("64 zero bytes", Err(Refused::Magic)),
    ("64 0xff bytes", Err(Refused::Magic)),
    ("HTTP request", Err(Refused::Magic)),
];

/// Where the reference delivers what the design asks to refuse, or leaves open and is refused here.
const LAXER: [&str; 7] = [
    "reserved flag bits",
    "depth 2",
    "depth 3",
    "depth 8",
    "valid body, header step changed",
    "sender_runtime",
    "B's own message",
];

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    let mut receiver = None;
    let mut valid = Vec::new();
    case.context(|context| {
        let mut ends = begin(context, &RustCrypto)?;
        speak(context, "prior_messages", &mut ends)?;
        let [_, b] = ends;
        expect_state(context, "receiver_state", b.state())?;
        context.require(b.state() == &state(context, "receiver_state")?, "receiver_state", "differs")?;
        context.expect_integer("agreed_depth", context.integer("depth")?)?;
        valid = context.bytes("expected_payload_of_valid")?;
        receiver = Some(b);
        Ok(())
    })?;
    let receiver = receiver.ok_or_else(|| case.failure("there is no receiver"))?;
    if case.has("note") {
        case.text("note")?;
    }
    let name = case.text("case")?;
    let (_, verdict) = *VERDICTS
        .iter()
        .find(|(beginning, _)| name.starts_with(beginning))
        .ok_or_else(|| case.field_failure("case", "has no verdict"))?;
    let wire = case.bytes("wire")?;
    not_for_version_2(case, &wire)?;

    let spec = case.text("spec")?;
    let taken = verdict.is_ok();
    case.require(!spec.starts_with("accept") || taken, "spec", "asks to accept what is refused here")?;
    case.require(!spec.starts_with("reject") || !taken, "spec", "asks to reject what is taken here")?;

    let after = whole(case, &receiver, &wire, verdict, &valid)?;
    stream(case, &receiver, &wire, verdict)?;
    reference(case, &receiver, &after, verdict)
}

fn not_for_version_2(case: &Case<'_>, bytes: &[u8]) -> Result<(), Failure> {
    let polled = wire::Deframer::new().poll(bytes, &Expect::Message1);
    let refused = matches!(polled, Err(_) | Ok(wire::deframer::Progress::Need(64)));
    case.require(refused, "wire", "is looked at by version 2")
}

/// As one message. Returns the machine after it.
fn whole(case: &Case<'_>, receiver: &Machine, wire: &[u8], verdict: Verdict, valid: &[u8]) -> Result<Machine, Failure> {
    let (mut machine, mut bytes) = (receiver.clone(), wire.to_vec());
    let found = machine.handle_message(&mut bytes);
    let same = found.map(|_| ()) == verdict;
    case.require(same, "wire", &format!("has another verdict: expected {verdict:?}, found {found:?}"))?;
    match found {
        Ok(delivery) => case.require(delivery.payload == valid, "wire", "has another payload")?,
        Err(_) => case.require(machine == *receiver, "wire", "is refused and has changed the state")?,
    }
    Ok(machine)
}

/// As a stream, of which one byte more comes at a time.
fn stream(case: &Case<'_>, receiver: &Machine, wire: &[u8], verdict: Verdict) -> Result<(), Failure> {
    let mut machine = receiver.clone();
    for end in 0..=wire.len() {
        let mut arrived = wire.iter().take(end).copied().collect::<Vec<_>>();
        match machine.handle_input(&mut arrived) {
            Ok(Input::Need(need)) => {
                let bound = need > end && (need <= 128 || end >= 128);
                case.require(bound, "wire", &format!("at {end} bytes makes the receiver ask for {need}"))?;
            }
            Ok(Input::Message { len, .. }) => {
                // What follows on a stream is another message.
                let followed = verdict == Err(Refused::Trailing) && len < wire.len();
                return case.require(verdict.is_ok() || followed, "wire", "is taken from a stream");
            }
            Err(refused) => {
                let shorter = verdict == Err(Refused::Trailing) && refused == Refused::FrameClose;
                let same = verdict == Err(refused) || shorter;
                case.require(same, "wire", &format!("is refused in a stream as {refused:?}"))?;
                return case.require(machine == *receiver, "wire", "is refused and has changed the state");
            }
        }
    }
    case.require(verdict == Err(Refused::Truncated), "wire", "is waited for in a stream")?;
    case.require(machine == *receiver, "wire", "is waited for and has changed the state")
}

/// What the reference does with it: the same, or what it is known to be laxer in.
fn reference(case: &Case<'_>, receiver: &Machine, after: &Machine, verdict: Verdict) -> Result<(), Failure> {
    let lax = LAXER.iter().any(|beginning| case.text("case").is_ok_and(|name| name.starts_with(beginning)));
    case.object("pymfp", |reference| {
        let delivered = match reference.text("handler")? {
            "delivered" => true,
            "silently dropped (logged)" | "not reached" => false,
            _ => return Err(reference.field_failure("handler", "is unknown")),
        };
        reference.require(delivered == (verdict.is_ok() || lax), "handler", "differs from what is expected")?;
        let parsed = reference.text("parse_wire_message")? == "ok";
        reference.require(parsed || verdict.is_err(), "parse_wire_message", "refuses what is taken here")?;
        if reference.has("message") {
            reference.text("message")?;
        }
        let waits = reference.text("read_message")? == "IncompleteReadError";
        let refuses = !waits || verdict.is_err();
        reference.require(refuses, "read_message", "waits for what is taken here")?;

        // Only what was parsed was validated.
        if reference.has("validate_envelope") {
            let findings = reference.value("validate_envelope")?.as_array().and_then(|list| list.first()?.as_str());
            let expected = findings.map(|finding| match finding.split([':', ' ']).next() {
                Some("Invalid") => Refused::Magic,
                Some("Unsupported") => Refused::Version,
                Some("Non-zero") => Refused::Reserved,
                _ => Refused::Channel,
            });
            let same = expected.is_none_or(|refused| verdict == Err(refused));
            reference.require(same, "validate_envelope", "finds something else")?;
        }
        let advanced = reference.value("state_advanced")?.as_bool() == Some(true);
        reference.require(advanced == delivered, "state_advanced", "is not as the handler says")?;
        match (verdict, advanced) {
            (Ok(()), _) => expect_state(reference, "state_after", after.state()),
            (Err(_), true) => {
                let changed = state(reference, "state_after")? != *receiver.state();
                reference.require(changed, "state_after", "is the state before")
            }
            (Err(_), false) => Ok(()),
        }
    })
}
