use mfp_proto::id::{AgentId, AgentName, ChannelId, RuntimeId};
use mfp_proto::wire::Item;
use mfp_proto::wire::bind::{AgentChannel, bind, opener_bit_matches};
use mfp_proto::wire::item::{Accept, Kind, Open};
use mfp_tests::vectors::{Case, Failure};

use super::items::{body_of, name};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    let (opener, acceptor) = (RuntimeId::from(case.array("opener_rid")?), RuntimeId::from(case.array("acceptor_rid")?));
    let id = ChannelId::from(case.array("channel_id")?);
    let matches = opener_bit_matches(&opener, &acceptor, &id);
    match case.op()? {
        Some("channel_id") => {
            case.require(case.value("valid")?.as_bool() == Some(matches), "valid", &format!("differs: {matches}"))
        }
        Some("bind") => {
            case.require(matches, "channel_id", "is not one that the opener may choose")?;
            case.expect_integer("top_bit", u64::from(id.as_bytes()[0] >> 7))?;
            bound(case, id)
        }
        _ => case.unknown_op(),
    }
}

fn bound(case: &Case<'_>, id: ChannelId) -> Result<(), Failure> {
    let channel = AgentChannel::new(id).ok_or_else(|| case.field_failure("channel_id", "is the control channel"))?;
    let (mut opens, mut accepts) = (Vec::new(), Vec::new());
    case.object("open_fields", |fields| {
        let padding = fields.integer::<u16>("options")? == 1;
        let (agent, from, to) = (AgentId::from(fields.array("agent")?), name(fields, "a")?, name(fields, "b")?);
        opens = body_of(fields, &Item::Open(Open { channel, agent, from, to, padding }))?;
        Ok(())
    })?;
    case.object("accept_fields", |fields| {
        let (agent, name): (_, AgentName) = (AgentId::from(fields.array("agent")?), name(fields, "b")?);
        accepts = body_of(fields, &Item::Accept(Accept { channel, agent, name }))?;
        Ok(())
    })?;
    case.expect("open", &opens)?;
    case.expect("accept", &accepts)?;
    for (kind, field) in [(Kind::Open, "open"), (Kind::Accept, "accept")] {
        let read = Item::parse_body(kind, &case.bytes(field)?).map(|item| item.kind());
        case.require(read == Ok(kind), field, "is not read")?;
    }
    case.expect("bind", &bind(&case.bytes("open")?, &case.bytes("accept")?))
}
