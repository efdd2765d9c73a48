//! Which keys there are. Whatever is not here is refused.

/// The keys of a mapping.
#[derive(Debug)]
pub(super) struct Shape {
    /// Where it stands, as in `runtime.limits`; empty for the whole file.
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
    /// Keys of the Python server's file.
    pub(super) old: &'static [(&'static str, Old)],
}

/// What becomes of a key of the Python server's file.
#[derive(Debug)]
pub(super) enum Old {
    /// It means the same as this key.
    Same(&'static str),
    /// The reader decides by its value.
    Read,
    /// It is refused: why, and what to do.
    Refused(&'static str, &'static str),
}

use Old::{Read, Refused, Same};

const fn shape(name: &'static str, keys: &'static [&'static str]) -> Shape {
    Shape { name, keys, old: &[] }
}

pub(super) const ROOT: Shape = Shape {
    name: "",
    keys: &[
        "runtime",
        "storage",
        "transport",
        "recovery",
        "quarantine",
        "agents",
        "channels",
        "federation",
        "log",
        "control",
        "http",
        "audit",
        "trace",
    ],
    old: &[("log_level", Read)],
};

pub(super) const RUNTIME: Shape = Shape {
    name: "runtime",
    keys: &[
        "deployment",
        "instance",
        "identity_key_file",
        "identity_key_env",
        "frame_depth",
        "drain_timeout",
        "limits",
    ],
    old: &[
        ("deployment_id", Same("deployment")),
        ("instance_id", Same("instance")),
        ("default_frame_depth", Same("frame_depth")),
    ],
};

pub(super) const LIMITS: Shape = shape(
    "runtime.limits",
    &["agents", "channels_per_agent", "payload", "channel_items", "inbox_bytes", "dead_letters", "requests"],
);

pub(super) const STORAGE: Shape = Shape {
    name: "storage",
    keys: &["path", "in_memory", "master_key_file", "master_key_env", "unencrypted", "synchronous", "max_size"],
    old: &[("encrypt_at_rest", Read), ("wal_mode", Read)],
};

pub(super) const TRANSPORT: Shape = Shape {
    name: "transport",
    keys: &["listen", "connections", "accepts_per_second", "timeouts"],
    old: &[
        ("host", Read),
        ("port", Read),
        ("connect_timeout", Refused("a handshake has a time of its own", "`timeouts: {handshake: 5s}`")),
        (
            "read_timeout",
            Refused("a link that is idle is kept alive, and dropped when it is dead", "`timeouts: {dead: 45s}`"),
        ),
        ("write_timeout", Refused("what counts is that messages move on", "`timeouts: {message_idle: 10s}`")),
    ],
};

pub(super) const TIMEOUTS: Shape =
    shape("transport.timeouts", &["handshake", "keep_alive", "dead", "ack", "message_idle"]);

pub(super) const RECOVERY: Shape = Shape {
    name: "recovery",
    keys: &["max_attempts", "pause"],
    old: &[
        ("max_step_gap", Refused("recovery is exact: there is no gap to guess", "leave it out")),
        ("timeout_seconds", Refused("a handshake has a time of its own", "`transport.timeouts.handshake: 5s`")),
    ],
};

pub(super) const QUARANTINE: Shape = Shape {
    name: "quarantine",
    keys: &["validation_failures", "rate", "abuse"],
    old: &[
        ("validation_failure_threshold", Same("validation_failures")),
        ("max_message_rate", Read),
        ("max_payload_size", Read),
    ],
};

pub(super) const RATE: Shape = shape("quarantine.rate", &["messages", "per", "burst"]);
pub(super) const ABUSE: Shape = shape("quarantine.abuse", &["messages", "per", "burst"]);

pub(super) const PLAIN_AGENT: Shape = shape("agents[]", &["name", "type"]);

pub(super) const SUBPROCESS: Shape =
    shape("agents[]", &["name", "type", "command", "directory", "env", "isolate", "hide", "timeout", "concurrency"]);

pub(super) const WEBHOOK: Shape = shape(
    "agents[]",
    &["name", "type", "url", "insecure", "secret_file", "secret_env", "timeout", "attempts", "concurrency"],
);

pub(super) const LLM: Shape = shape(
    "agents[]",
    &[
        "name",
        "type",
        "base_url",
        "insecure",
        "model",
        "api_key_file",
        "api_key_env",
        "system",
        "turns",
        "conversations",
        "max_tokens",
        "temperature",
        "timeout",
        "attempts",
        "concurrency",
    ],
);

pub(super) const CHANNEL: Shape =
    Shape { name: "channels[]", keys: &["agent", "to", "peer", "depth", "padding"], old: &[("agents", Read)] };

pub(super) const FEDERATION: Shape = shape("federation", &["peers"]);

pub(super) const PEER: Shape = Shape {
    name: "federation.peers[]",
    keys: &[
        "name",
        "public_key",
        "runtime_id",
        "address",
        "dial",
        "psk_file",
        "psk_env",
        "mode",
        "accept",
        "channels",
        "queue_items",
        "queue_bytes",
        "rotation",
    ],
    old: &[("endpoint", Same("address")), ("bootstrap", Read)],
};

pub(super) const ACCEPT: Shape = shape("federation.peers[].accept[]", &["from", "to"]);
pub(super) const ROTATION: Shape = shape("federation.peers[].rotation", &["messages", "bytes", "interval"]);
pub(super) const LOG: Shape = shape("log", &["level", "format"]);
pub(super) const CONTROL: Shape = shape("control", &["socket"]);
pub(super) const AUDIT: Shape = shape("audit", &["path", "max_size", "keep"]);
pub(super) const TRACE: Shape = shape("trace", &["otlp", "insecure", "sample"]);
pub(super) const HTTP: Shape = shape("http", &["listen", "insecure"]);

/// All of them.
pub(super) const ALL: &[&Shape] = &[
    &ROOT,
    &RUNTIME,
    &LIMITS,
    &STORAGE,
    &TRANSPORT,
    &TIMEOUTS,
    &RECOVERY,
    &QUARANTINE,
    &RATE,
    &ABUSE,
    &PLAIN_AGENT,
    &SUBPROCESS,
    &WEBHOOK,
    &LLM,
    &CHANNEL,
    &FEDERATION,
    &PEER,
    &ACCEPT,
    &ROTATION,
    &LOG,
    &CONTROL,
    &HTTP,
    &AUDIT,
    &TRACE,
];

/// Keys under which a secret would stand in the file itself.
pub(super) const SECRETS: &[&str] =
    &["secret", "api_key", "psk", "master_key", "identity_key", "private_key", "password", "token"];
