use mfp_proto::id::AgentName;
use mfp_proto::wire::Item;
use mfp_proto::wire::bind::AgentChannel;
use mfp_proto::wire::item::{Data, EncodeError, ItemError, Kind, WireCode};
use mfp_tests::vectors::{Case, Failure};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    match case.value("valid")?.as_bool() {
        Some(true) => valid(case),
        Some(false) => invalid(case),
        None => Err(case.field_failure("valid", "is neither true nor false")),
    }
}

/// The body of an item.
pub(super) fn body_of(case: &Case<'_>, item: &Item<'_>) -> Result<Vec<u8>, Failure> {
    let mut body = vec![0; item.body_len()];
    let written = item.encode_body(&mut body).map_err(|error| case.failure(&error.to_string()))?;
    case.require(written == body.len(), "body", "is not as long as said")?;
    Ok(body)
}

/// The name that a field holds in hex.
pub(super) fn name(case: &Case<'_>, field: &str) -> Result<AgentName, Failure> {
    let text = String::from_utf8(case.bytes(field)?).map_err(|error| case.field_failure(field, &error.to_string()))?;
    AgentName::new(&text).map_err(|error| case.field_failure(field, &error.to_string()))
}

fn valid(case: &Case<'_>) -> Result<(), Failure> {
    let plain = case.bytes("P")?;
    let (n, item) = Item::parse(&plain).map_err(|error| case.field_failure("P", &error.to_string()))?;
    case.expect_integer("n", n)?;
    case.expect_integer("kind", item.kind().byte().into())?;
    case.expect_text("name", wire_name(item.kind()))?;
    case.expect("body", &body_of(case, &item)?)?;
    let body = case.bytes("body")?;
    case.require(Item::parse_body(item.kind(), &body).as_ref() == Ok(&item), "body", "is read as another item")?;

    let failed = |error: EncodeError| case.failure(&error.to_string());
    let mut out = vec![0xee; plain.len()];
    item.encode_into(n, &mut out, Some(plain.len())).map_err(failed)?;
    case.expect("P", &out)?;
    let mut out = vec![0xee; item.encoded_len()];
    item.encode_into(n, &mut out, None).map_err(failed)?;
    case.require(plain.starts_with(&out), "P", "is another without padding")?;
    case.object("fields", |fields| self::fields(fields, &item))
}

fn wire_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Ack => "ACK",
        Kind::Data => "DATA",
        Kind::Open => "OPEN",
        Kind::Accept => "ACCEPT",
        Kind::Reject => "REJECT",
        Kind::Close => "CLOSE",
        Kind::Negotiate => "NEGOTIATE",
        Kind::RotateReq => "ROTATE_REQ",
        Kind::RotateAck => "ROTATE_ACK",
        Kind::RotateDone => "ROTATE_DONE",
        Kind::Gap => "GAP",
        Kind::Bye => "BYE",
        Kind::Credit => "CREDIT",
    }
}

fn fields(fields: &Case<'_>, item: &Item<'_>) -> Result<(), Failure> {
    let channel = |channel: &AgentChannel| fields.expect("channel", channel.id().as_bytes());
    let code = |code: &WireCode| fields.expect_integer("code", code.byte().into());
    match item {
        // Their fields are opaque here, or none.
        Item::Ack | Item::Negotiate(_) | Item::Bye { .. } => Ok(()),
        Item::Data(data) => self::data(fields, data),
        Item::Open(open) => {
            channel(&open.channel)?;
            fields.expect("agent", open.agent.as_bytes())?;
            fields.expect("a", open.from.as_str().as_bytes())?;
            fields.expect("b", open.to.as_str().as_bytes())?;
            fields.expect_integer("options", open.padding.into())
        }
        Item::Accept(accept) => {
            channel(&accept.channel)?;
            fields.expect("agent", accept.agent.as_bytes())?;
            fields.expect("b", accept.name.as_str().as_bytes())
        }
        Item::Reject { channel: id, code: why } | Item::Close { channel: id, code: why } => {
            channel(id)?;
            code(why)
        }
        Item::RotateReq { g, ephemeral } | Item::RotateAck { g, ephemeral } => {
            fields.expect_integer("g", (*g).into())?;
            fields.expect("E", ephemeral.as_bytes())
        }
        Item::RotateDone { g } => {
            // The vectors have an empty field for the key that this item has not.
            fields.expect("E", &[])?;
            fields.expect_integer("g", (*g).into())
        }
        Item::Gap { next } => fields.expect_integer("next", next.get()),
        Item::Credit { channel: id, limit } => {
            channel(id)?;
            fields.expect_integer("limit", *limit)
        }
    }
}

fn data(fields: &Case<'_>, data: &Data<'_>) -> Result<(), Failure> {
    fields.expect_integer("q", data.q.get())?;
    fields.expect("payload", data.payload)?;
    let (mut list, mut known) = (Vec::new(), 0);
    fields.each("meta", |entry| {
        let (kind, value) = (entry.integer::<u8>("type")?, entry.bytes("value")?);
        let len = u8::try_from(value.len()).map_err(|error| entry.field_failure("value", &error.to_string()))?;
        list.extend([[kind, len].as_slice(), &value].concat());
        known += u32::from((1..=3).contains(&kind));
        match kind {
            1 => entry.expect("value", data.meta.trace().as_ref().map_or(&[], |trace| trace.as_bytes())),
            2 => entry.expect("value", data.meta.reply_to().as_ref().map_or(&[], |id| id.as_bytes())),
            3 => entry.expect("value", data.meta.content_type().map_or("none", |text| text.as_str()).as_bytes()),
            _ => Ok(()),
        }
    })?;
    fields.require(data.meta.as_bytes() == list, "meta", "is another list")?;
    let read = [data.meta.trace().is_some(), data.meta.reply_to().is_some(), data.meta.content_type().is_some()];
    let read: u32 = read.into_iter().map(u32::from).sum();
    fields.require(read == known, "meta", "is read with another number of known entries")
}

/// What may be wrong, as the vectors name it, and the error that says so.
const REASONS: [(&str, ItemError); 28] = [
    ("empty", ItemError::Truncated),
    ("shorter than the 13 byte head", ItemError::Truncated),
    ("len runs past the end", ItemError::Truncated),
    ("padding is not zero", ItemError::Padding),
    ("unknown kind", ItemError::Kind),
    ("n is 0 in a durable item", ItemError::Number),
    ("n is not 0 in an item that is not durable", ItemError::Number),
    ("body is one byte too long", ItemError::Length),
    ("body is one byte too short", ItemError::Length),
    ("q is 0", ItemError::Zero),
    ("DATA without the meta length", ItemError::Length),
    ("meta runs past the body", ItemError::Length),
    ("meta entry cut off", ItemError::Meta),
    ("meta entry runs past the meta", ItemError::Meta),
    ("trace context is not 26 bytes", ItemError::Meta),
    ("in-reply-to is not 16 bytes", ItemError::Meta),
    ("content type longer than 64", ItemError::Meta),
    ("content type is not ASCII", ItemError::Meta),
    ("known meta type twice", ItemError::Meta),
    ("channel id is the control channel", ItemError::Channel),
    ("next is 0", ItemError::Zero),
    ("empty name", ItemError::Name),
    ("name longer than 64", ItemError::Name),
    ("name is not UTF-8", ItemError::Name),
    ("unknown option bit", ItemError::Options),
    ("trailing byte", ItemError::Length),
    ("body cut off", ItemError::Length),
    ("name runs past the body", ItemError::Length),
];

fn invalid(case: &Case<'_>) -> Result<(), Failure> {
    let reason = case.text("reason")?;
    let expected = REASONS.iter().find(|(name, _)| *name == reason).map(|(_, error)| *error);
    let expected = expected.ok_or_else(|| case.field_failure("reason", &format!("is unknown: {reason}")))?;
    let found = Item::parse(&case.bytes("P")?).map(|(n, item)| (n, item.kind()));
    case.require(found == Err(expected), "P", &format!("({reason}) gives {found:?}, not {expected:?}"))
}
