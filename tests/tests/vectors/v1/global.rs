use std::collections::BTreeMap;

use mfp_proto::crypto::Secret;
use mfp_proto::id::{ChannelId, RuntimeId};
use mfp_proto::legacy::global::{compose, compose_ordered, merkle_root};
use mfp_proto::legacy::negotiate;
use mfp_tests::vectors::{Case, Failure};
use serde_json::Value;

/// Pairs of an id and a state.
fn pairs<const N: usize>(case: &Case<'_>, field: &str) -> Result<Vec<([u8; N], Secret)>, Failure> {
    let wrong = || case.field_failure(field, "is no list of ids and states");
    let hex = |value: &Value| hex::decode(value.as_str().ok_or_else(wrong)?).map_err(|_| wrong());
    let pair = |value: &Value| {
        let [id, state] = value.as_array().map(Vec::as_slice).ok_or_else(wrong)? else { return Err(wrong()) };
        let (id, state) = (hex(id)?.try_into().map_err(|_| wrong())?, hex(state)?.try_into().map_err(|_| wrong())?);
        Ok((id, Secret::from_bytes(state)))
    };
    case.value(field)?.as_array().ok_or_else(wrong)?.iter().map(pair).collect()
}

fn expect(case: &Case<'_>, field: &str, found: Option<[u8; 32]>) -> Result<(), Failure> {
    case.expect(field, &found.ok_or_else(|| case.field_failure(field, "is not of nothing"))?)
}

pub(super) fn flat(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("compose") => {
            let to_secret = |bytes: Vec<u8>| bytes.try_into().map(Secret::from_bytes);
            let states: Result<Vec<_>, _> = case.byte_strings("states")?.into_iter().map(to_secret).collect();
            let states = states.map_err(|_| case.field_failure("states", "are not of 32 bytes"))?;
            if !case.has("error") {
                return expect(case, "out", compose(&states));
            }
            case.expect_text("error", "ValueError")?;
            case.expect_text("message", "Cannot compose global state from zero states")?;
            case.require(compose(&states).is_none(), "states", "are composed")
        }
        Some("compose_ordered") => {
            let (channels, peers) = (pairs::<16>(case, "channels")?, pairs::<32>(case, "bilateral")?);
            let mut channels: Vec<_> = channels.iter().map(|(id, state)| (ChannelId::from(*id), state)).collect();
            let mut peers: Vec<_> = peers.iter().map(|(id, state)| (RuntimeId::from(*id), state)).collect();
            expect(case, "out", compose_ordered(&mut channels, &mut peers))
        }
        _ => case.unknown_op(),
    }
}

/// The root over channels, in whatever order.
pub(super) fn root<'a>(channels: impl Iterator<Item = (&'a ChannelId, &'a Secret)>) -> Option<[u8; 32]> {
    let mut channels: Vec<_> = channels.map(|(id, state)| (*id, state)).collect();
    merkle_root(&mut channels)
}

pub(super) fn merkle(case: &Case<'_>) -> Result<(), Failure> {
    let channels = pairs::<16>(case, "channels")?;
    match case.op()? {
        Some("root") => {
            case.expect_integer("n", channels.len() as u64)?;
            let ids: Vec<_> = channels.into_iter().map(|(id, state)| (ChannelId::from(id), state)).collect();
            expect(case, "out", root(ids.iter().map(|(id, state)| (id, state))))
        }
        Some("sequence") => {
            let mut channels: BTreeMap<_, _> =
                channels.into_iter().map(|(id, state)| (ChannelId::from(id), state)).collect();
            case.each("ops", |op| {
                let id = ChannelId::from(op.array("channel_id")?);
                let was = match op.text("do")? {
                    "remove" => channels.remove(&id).is_some(),
                    "add" | "update" => channels.insert(id, Secret::from_bytes(op.array("state")?)).is_some(),
                    _ => return Err(op.field_failure("do", "is unknown")),
                };
                op.require(was != (op.text("do")? == "add"), "do", "does not fit what is there")?;
                expect(op, "root", root(channels.iter()))
            })
        }
        _ => case.unknown_op(),
    }
}

pub(super) fn negotiation(case: &Case<'_>) -> Result<(), Failure> {
    let names = |field| {
        let wrong = || case.field_failure(field, "is no list of names");
        let list = case.value(field)?.as_array().ok_or_else(wrong)?;
        list.iter().map(|name| name.as_str().ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()
    };
    let chosen = negotiate(&names("local")?, &names("peer")?);
    if !case.has("error") {
        return case.expect_text("out", chosen.map_err(|error| case.failure(&error.to_string()))?);
    }
    case.expect_text("error", "FederationError")?;
    case.text("message")?;
    case.require(chosen.is_err(), "local", "has something in common with the peer")
}
