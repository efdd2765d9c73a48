//! The keys of channels and of peers.

use std::time::Duration;

use super::Absent::{Is, Means, Required};
use super::Kind::{Count, Flag, List, Path, Section, Size, Text, Time, Told, Variable, Word};
use super::Old::{Read, Same};
use super::server::DEPTHS;
use super::{DAY, NONE, Shape, key, shape};

pub(in crate::config) const CHANNEL: Shape = Shape {
    old: &[("agents", Read("`agent` and `to`"))],
    ..shape(
        "channels[]",
        &[
            key("agent", Told("name"), Required, "An agent of this runtime."),
            key("to", Told("name"), Required, "The other agent: of this runtime, or of `peer`."),
            key(
                "peer",
                Told("name"),
                Means("this runtime"),
                "The peer that has it, by its name here. This runtime asks for the channel.",
            ),
            key("depth", DEPTHS, Means("`runtime.frame_depth`"), "Blocks of a frame, inside this runtime."),
            key("padding", Flag, Is("false"), "Hide the lengths of messages. With a `peer` only."),
        ],
    )
};

pub(in crate::config) const FEDERATION: Shape = shape(
    "federation",
    &[key("peers", List("peers"), NONE, "Those that there may be links with. All others are refused.")],
);

pub(in crate::config) const PEER: Shape = Shape {
    old: &[
        ("endpoint", Same("address")),
        (
            "bootstrap",
            Read(
                "Refused: keys that everybody can compute protect nothing. Write `name`, `public_key` and `runtime_id`.",
            ),
        ),
    ],
    ..shape(
        "federation.peers[]",
        &[
            key("name", Text(64), Required, "Its name here, used once."),
            key("public_key", Told("64 hex digits"), Required, "Its public key."),
            key("runtime_id", Told("64 hex digits"), Required, "Its id."),
            key("address", Told("`HOST:PORT`; port 1 to 65535"), Means("none: it connects"), "Where to connect to."),
            key("dial", Flag, Means("true with an `address`"), "Whether this runtime connects. Needs `address`."),
            key("psk_file", Path, NONE, "A further key of the link, agreed with its operator."),
            key("psk_env", Variable, NONE, "The same from the environment."),
            key(
                "mode",
                Word(&["durable", "volatile"]),
                Is("durable"),
                "Whether the link goes on where it was after a restart. With `in_memory` only `volatile`.",
            ),
            key("accept", Told("none, all, or a list"), Is("none"), "Which channels it may open."),
            key("channels", Count(1, 10_000_000), Is("10000"), "Channels with it."),
            key("queue_items", Count(1, 10_000_000), Is("65536"), "Messages to it that are not acknowledged."),
            key(
                "queue_bytes",
                Size(1, 1 << 40),
                Is("64MiB"),
                "Their bytes; at least `runtime.limits.payload` and 4 KiB.",
            ),
            key("rotation", Section, Means(""), "When the keys of a session are rotated: whichever comes first."),
        ],
    )
};

pub(in crate::config) const ACCEPT: Shape = shape(
    "federation.peers[].accept[]",
    &[
        key("from", Told("name or `\"*\"`"), Required, "From this agent of the peer; `\"*\"`: from any."),
        key("to", Told("name or `\"*\"`"), Required, "To this agent; `\"*\"`: to any."),
    ],
);

pub(in crate::config) const ROTATION: Shape = shape(
    "federation.peers[].rotation",
    &[
        key("messages", Count(1, 1 << 32), Is("65536"), "After so many messages."),
        key("bytes", Size(1 << 10, 1 << 40), Is("1GiB"), "After so many bytes."),
        key("interval", Time(Duration::from_secs(1), DAY), Is("10m"), "After so long."),
    ],
);
