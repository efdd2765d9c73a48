//! The keys of the server itself.

use std::time::Duration;

use mfp_tokio::mfp_proto::frame::Depth;

use super::Absent::{Is, Means, Required};
use super::Kind::{Count, Flag, List, Millis, Path, Section, Size, Text, Time, Told, Variable, Word};
use super::Old::{Read, Refused, Same};
use super::{DAY, NONE, Shape, TIME, key, shape};

/// Frame depths, as the core has them.
#[allow(clippy::as_conversions, reason = "a constant has no other way from u8 to u64")]
pub(super) const DEPTHS: super::Kind = Count(Depth::MIN.blocks() as u64, Depth::MAX.blocks() as u64);

pub(in crate::config) const ROOT: Shape = Shape {
    old: &[("log_level", Read("`log.level`; `WARNING` is `warn`, and `CRITICAL` is `error`."))],
    ..shape(
        "",
        &[
            key("runtime", Section, Required, "Who this runtime is, and the limits of its core."),
            key("storage", Section, Required, "Where messages are kept."),
            key("transport", Section, Means(""), "Connections, and the times of links."),
            key("recovery", Section, Means(""), "What happens when links keep failing."),
            key("quarantine", Section, Means(""), "When agents and channels are slowed down or stopped."),
            key("agents", List("agents"), NONE, "The agents of this runtime."),
            key("channels", List("channels"), NONE, "Channels that are there after the start, each once."),
            key("federation", Section, Means(""), "Other runtimes."),
            key("log", Section, Means(""), "What is logged."),
            key("control", Section, Means(""), "How commands of `mfp` reach the running program."),
            key("http", Section, Means("off"), "Health and metrics, over HTTP."),
            key("audit", Section, Means("off"), "A log of what an auditor asks about."),
            key("trace", Section, Means("off"), "Spans of messages, for a collector that speaks OTLP over HTTP."),
        ],
    )
};

pub(in crate::config) const RUNTIME: Shape = Shape {
    old: &[
        ("deployment_id", Same("deployment")),
        ("instance_id", Same("instance")),
        ("default_frame_depth", Same("frame_depth")),
    ],
    ..shape(
        "runtime",
        &[
            key(
                "deployment",
                Text(255),
                Required,
                "Name of the deployment. A part of the runtime's id: do not change it later.",
            ),
            key("instance", Text(255), Required, "Name of this runtime in the deployment. A part of the id as well."),
            key("identity_key_file", Path, Is("identity.key"), "The secret key of this runtime."),
            key("identity_key_env", Variable, NONE, "The same from the environment."),
            key("frame_depth", DEPTHS, Is("4"), "Blocks of a frame, for channels that do not say and for links."),
            key("drain_timeout", Time(Duration::ZERO, DAY), Is("30s"), "How long a shutdown waits for handlers."),
            key("limits", Section, Means(""), "Bounds on what the runtime holds. Beyond each, senders get an error."),
        ],
    )
};

pub(in crate::config) const LIMITS: Shape = shape(
    "runtime.limits",
    &[
        key("agents", Count(1, 1_000_000), Is("10000"), "Agents."),
        key("channels_per_agent", Count(1, 1_000_000), Is("100"), "Channels of one agent."),
        key("payload", Size(1, 256 << 20), Is("1MiB"), "Bytes of one payload."),
        key("channel_items", Count(1, 65_535), Is("64"), "Unfinished messages in one direction of a channel."),
        key(
            "inbox_bytes",
            Size(1, 1 << 40),
            Is("64MiB"),
            "Bytes of the unfinished messages to one agent; at least `payload`.",
        ),
        key("dead_letters", Count(0, 10_000_000), Is("10000"), "Dead letters that are kept; beyond, the oldest goes."),
        key("requests", Count(0, 10_000_000), Is("65536"), "Requests that wait for an answer."),
    ],
);

pub(in crate::config) const STORAGE: Shape = Shape {
    old: &[
        ("encrypt_at_rest", Read("`true` is taken; `false` is refused: say `unencrypted: true` if that is meant.")),
        ("wal_mode", Read("`true` is taken; `false` is refused: the store always writes ahead.")),
    ],
    ..shape(
        "storage",
        &[
            key("path", Path, Means("required, unless `in_memory`"), "The database file. Its directory must be there."),
            key(
                "in_memory",
                Flag,
                Is("false"),
                "Keep nothing: whatever is under way is lost with the process. Excludes all other keys here.",
            ),
            key(
                "master_key_file",
                Path,
                Is("master.key"),
                "The key that the store is sealed under. Without it the store cannot be read.",
            ),
            key("master_key_env", Variable, NONE, "The same from the environment."),
            key("unencrypted", Flag, Is("false"), "No key: whoever reads the file reads all messages."),
            key(
                "synchronous",
                Word(&["full", "normal", "off"]),
                Is("full"),
                "What a commit waits for. Only with `full` does a receipt outlive a power cut.",
            ),
            // The smallest is the store's own rule.
            key(
                "max_size",
                Size(256 << 10, 1 << 44),
                Is("4GiB"),
                "The most that the file may grow to; up to 16 MiB of write-ahead log come on top.",
            ),
        ],
    )
};

pub(in crate::config) const TRANSPORT: Shape = Shape {
    old: &[
        ("host", Read("With `port`, an entry of `listen`.")),
        ("port", Read("With `host`, an entry of `listen`.")),
        ("connect_timeout", Refused("a handshake has a time of its own", "`timeouts: {handshake: 5s}`")),
        (
            "read_timeout",
            Refused("a link that is idle is kept alive, and dropped when it is dead", "`timeouts: {dead: 45s}`"),
        ),
        ("write_timeout", Refused("what counts is that messages move on", "`timeouts: {message_idle: 10s}`")),
    ],
    ..shape(
        "transport",
        &[
            key(
                "listen",
                List("`HOST:PORT`; port 0 to 65535"),
                NONE,
                "Addresses where peers may connect, IPv6 in brackets and quotes. Port 0: the system chooses.",
            ),
            key(
                "connections",
                Count(1, 1_000_000),
                Is("8192"),
                "Connections in all. What others make beyond is closed at once.",
            ),
            key(
                "accepts_per_second",
                Count(1, 1_000_000),
                Is("1000"),
                "Connections taken a second, and as many at once.",
            ),
            key("timeouts", Section, Means(""), "Times of all links."),
        ],
    )
};

pub(in crate::config) const TIMEOUTS: Shape = shape(
    "transport.timeouts",
    &[
        key("handshake", TIME, Is("5s"), "How long a handshake may take."),
        key("keep_alive", TIME, Is("15s"), "Something is sent after so long without sending; shorter than `dead`."),
        key("dead", TIME, Is("45s"), "A link that received nothing for so long is dropped."),
        key("ack", TIME, Is("30s"), "A link on which nothing is acknowledged for so long is dropped."),
        key(
            "message_idle",
            TIME,
            Is("10s"),
            "How long a message may come to a halt between its first byte and its last.",
        ),
    ],
);

pub(in crate::config) const RECOVERY: Shape = Shape {
    old: &[
        ("max_step_gap", Refused("recovery is exact: there is no gap to guess", "leave it out")),
        ("timeout_seconds", Refused("a handshake has a time of its own", "`transport.timeouts.handshake: 5s`")),
    ],
    ..shape(
        "recovery",
        &[
            key(
                "max_attempts",
                Count(1, 1_000_000),
                Is("256"),
                "Sessions without progress before attempts are `pause` apart.",
            ),
            key("pause", TIME, Is("30s"), "The wait between attempts after that."),
        ],
    )
};

pub(in crate::config) const QUARANTINE: Shape = Shape {
    old: &[
        ("validation_failure_threshold", Same("validation_failures")),
        ("max_message_rate", Read("`rate` with as many messages a second and at once; 0 is no limit.")),
        ("max_payload_size", Read("`runtime.limits.payload`; 0 is refused: there always is a limit.")),
    ],
    ..shape(
        "quarantine",
        &[
            key(
                "validation_failures",
                Count(0, 65_535),
                Is("3"),
                "Validation failures in a row that quarantine a channel; 0: never.",
            ),
            key("rate", Section, Means("no limit"), "Messages that one agent may send."),
            key(
                "abuse",
                Section,
                Means("never"),
                "Refusals by `rate` that one agent may collect; beyond, it is quarantined. Needs `rate`.",
            ),
        ],
    )
};

const PER: super::Key = key("per", TIME, Is("1s"), "in each such time,");
const BURST: super::Key = key("burst", Count(1, 1_000_000), Means("`messages`"), "and so many at once.");

pub(in crate::config) const RATE: Shape =
    shape("quarantine.rate", &[key("messages", Count(1, 1_000_000), Required, "So many messages"), PER, BURST]);
pub(in crate::config) const ABUSE: Shape = shape(
    "quarantine.abuse",
    &[key("messages", Count(1, 1_000_000), Required, "So many refused messages"), PER, BURST],
);

pub(in crate::config) const LOG: Shape = shape(
    "log",
    &[
        key("level", Word(&["error", "warn", "info", "debug", "trace"]), Is("info"), "The least that is logged."),
        key("format", Word(&["text", "json"]), Is("text"), "Lines for people, or JSON."),
    ],
);

pub(in crate::config) const CONTROL: Shape = shape(
    "control",
    &[key("socket", Path, Is("mfp.sock"), "A Unix socket on this machine. Its path has at most 103 bytes.")],
);

pub(in crate::config) const HTTP: Shape = shape(
    "http",
    &[
        key(
            "listen",
            Told("`IP:PORT`"),
            Means("required in `http`"),
            "Where. There is no authentication, so it is an address of this machine alone.",
        ),
        key("insecure", Flag, Is("false"), "Whoever reaches an address that others reach too may read metrics."),
    ],
);

pub(in crate::config) const AUDIT: Shape = shape(
    "audit",
    &[
        key("path", Path, NONE, "The file. It is made if it is not there, and only ever grows."),
        key(
            "max_size",
            Size(64 << 10, 1 << 40),
            Means("none: one file"),
            "A file that would be longer is full, and another is begun. Isolated agents do not see the directory of the \
             files.",
        ),
        key(
            "keep",
            Count(1, 100_000),
            Is("16"),
            "Files that are full and are kept; the oldest of more is removed. Needs `max_size`.",
        ),
    ],
);

pub(in crate::config) const TRACE: Shape = shape(
    "trace",
    &[
        key(
            "otlp",
            Told("URL"),
            Means("required in `trace`"),
            "The collector, as in `http://127.0.0.1:4318`; `/v1/traces` is put behind it.",
        ),
        key("insecure", Flag, Is("false"), "Allow a URL with `http://` to another machine."),
        key(
            "sample",
            Millis(1_000),
            Is("1"),
            "The share of traces that begin here and are kept, with at most three decimals. What continues a trace is kept \
             if that is.",
        ),
    ],
);
