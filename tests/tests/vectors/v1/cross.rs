//! Conversations between two runtimes, spoken again by two machines.

use std::collections::BTreeSet;

use mfp_proto::crypto::aead::Aead;
use mfp_proto::crypto::dh::StaticSecret;
use mfp_proto::id::ChannelId;
use mfp_proto::legacy::{Bootstrap, Config, Peer, identity};
use mfp_tests::aead::BACK_ENDS;
use mfp_tests::vectors::{Case, Failure};

use super::bilateral::expect_state;
use super::ids::runtime;
use crate::vectors::depth;

pub(super) type Machine = Peer<4>;

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    case.text("pattern")?;
    for back_end in BACK_ENDS {
        let mut ends = begin(case, back_end)?;
        speak(case, "messages", &mut ends)?;
    }
    Ok(())
}

/// The machines of runtimes A and B as they are before the first message. Reads all but the messages.
pub(super) fn begin(case: &Case<'_>, aead: &'static dyn Aead) -> Result<[Machine; 2], Failure> {
    let deployment = case.bytes("deployment_id")?;
    for (instance, id) in [("instance_id_a", "runtime_a"), ("instance_id_b", "runtime_b")] {
        let derived = identity::runtime_id(&deployment, &case.bytes(instance)?);
        case.expect(id, derived.map_err(|error| case.failure(&error.to_string()))?.as_bytes())?;
    }
    let ids = [runtime(case, "runtime_a")?, runtime(case, "runtime_b")?];
    case.expect("bilateral_id", &identity::bilateral_id(&ids[0], &ids[1]))?;

    let ceremonial = match case.text("bootstrap")? {
        "deterministic" => None,
        "ceremonial" => {
            let key = |field| case.array(field).map(StaticSecret::from_bytes);
            let (a, b) = (key("private_a")?, key("private_b")?);
            let shared = a.exchange(&b.public()).map_err(|error| case.failure(&error.to_string()))?;
            case.expect("shared_secret", shared.expose_secret())?;
            Some([a, b])
        }
        _ => return Err(case.field_failure("bootstrap", "is unknown")),
    };
    let mut ends = Vec::new();
    for (at, (own, peer)) in [(ids[0], ids[1]), (ids[1], ids[0])].into_iter().enumerate() {
        let publics = ceremonial.as_ref().map(|keys| keys.each_ref().map(StaticSecret::public));
        let bootstrap = match (&ceremonial, &publics) {
            (Some(keys), Some(publics)) => Bootstrap::Ceremonial { private: &keys[at], public: &publics[1 - at] },
            _ => Bootstrap::Deterministic,
        };
        let config = Config { own, peer, max_payload: 1 << 20, aead };
        let machine = Machine::insecure_v1(config, bootstrap);
        let mut machine = machine.map_err(|error| case.failure(&error.to_string()))?;
        expect_state(case, "initial_state", machine.state())?;
        for id in case.byte_strings("channel_ids")? {
            let id: [u8; 16] = id.try_into().map_err(|_| case.field_failure("channel_ids", "are not of 16 bytes"))?;
            let opened = machine.open_channel(id.into(), depth(case, "depth")?);
            opened.map_err(|error| case.failure(&error.to_string()))?;
        }
        ends.push(machine);
    }
    ends.try_into().map_err(|_| case.failure("has not two ends"))
}

/// Sends each message of a field with one machine, compares the bytes, and takes them with the other.
pub(super) fn speak(case: &Case<'_>, field: &str, ends: &mut [Machine; 2]) -> Result<(), Failure> {
    let mut channels = BTreeSet::new();
    case.each(field, |message| {
        let [a, b] = &mut *ends;
        let (sender, receiver) = match message.text("from")? {
            "A" => (a, b),
            "B" => (b, a),
            _ => return Err(message.field_failure("from", "is neither runtime")),
        };
        let (channel, payload) = (ChannelId::from(message.array("channel_id")?), message.bytes("payload")?);
        channels.insert(channel);
        let mut wire = vec![0; 4_096 + payload.len()];
        let len = sender.send(&channel, &payload, &mut wire).map_err(|error| message.failure(&error.to_string()))?;
        wire.truncate(len);
        message.expect("wire", &wire)?;
        let delivery = receiver.handle_message(&mut wire).map_err(|error| message.failure(&error.to_string()))?;
        message.expect("payload", delivery.payload)?;
        message.require(delivery.channel == channel, "channel_id", "differs where it arrives")?;
        expect_state(message, "state_after", sender.state())?;
        expect_state(message, "state_after", receiver.state())
    })?;
    case.require(!channels.is_empty(), field, "is a conversation without a message")
}
