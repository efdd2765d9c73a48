//! The keys of agents, for each type.

use std::time::Duration;

use mfp_tokio::mfp_proto::id::AgentName;

use super::Absent::{Is, Means, Required};
use super::Kind::{Count, Flag, List, Millis, Path, Text, Time, Told, Variable, Word};
use super::{Absent, Key, Kind, MILLISECOND, NONE, Shape, key, shape};

/// The longest that an agent may take: an hour.
const PATIENCE: Kind = Time(MILLISECOND, Duration::from_hours(1));

const NAME: Key = key("name", Text(AgentName::MAX_LEN), Required, "Its name, used once.");
const TYPE: Key = key(
    "type",
    Word(&["subprocess", "webhook", "llm", "log", "echo", "external"]),
    Required,
    "What handles its messages, see above.",
);
const ATTEMPTS: Key = key("attempts", Count(1, 10), Is("3"), "Attempts for a message before it has failed.");
const INSECURE: Key = key(
    "insecure",
    Flag,
    Is("false"),
    "Allow a URL with `http://` to another machine. To this one it is always allowed.",
);

const fn timeout(absent: Absent, about: &'static str) -> Key {
    key("timeout", PATIENCE, absent, about)
}

const fn concurrency(absent: Absent) -> Key {
    key("concurrency", Count(1, 1_024), absent, "Messages, of different channels, that are handled at a time.")
}

const fn of_type(name: &'static str, keys: &'static [Key]) -> Shape {
    Shape { of_type: Some(name), ..shape("agents[]", keys) }
}

pub(in crate::config) const PLAIN_AGENT: Shape = shape("agents[]", &[NAME, TYPE]);

pub(in crate::config) const SUBPROCESS: Shape = of_type(
    "subprocess",
    &[
        NAME,
        TYPE,
        key("command", List("text"), Required, "The program and its arguments. No shell reads it."),
        key("directory", Path, Means("the file's directory"), "Its working directory."),
        key("env", Told("names and text"), NONE, "Its environment, besides `PATH`, `HOME`, `LANG` and `TZ`."),
        key(
            "isolate",
            Flag,
            Is("false"),
            "Without network, and without sight of this file, keys, store and control socket.",
        ),
        key("hide", List("paths"), NONE, "What else an isolated process does not see."),
        timeout(Is("60s"), "How long a message may take."),
        concurrency(Is("1")),
    ],
);

pub(in crate::config) const WEBHOOK: Shape = of_type(
    "webhook",
    &[
        NAME,
        TYPE,
        key("url", Told("URL"), Required, "Where messages are posted."),
        INSECURE,
        key("secret_file", Path, Means("required, unless `secret_env`"), "The key that messages are signed with."),
        key("secret_env", Variable, NONE, "The same from the environment."),
        timeout(Is("30s"), "How long an attempt may take."),
        ATTEMPTS,
        concurrency(Is("16")),
    ],
);

pub(in crate::config) const LLM: Shape = of_type(
    "llm",
    &[
        NAME,
        TYPE,
        key("base_url", Told("URL"), Required, "The API, as in `https://api.openai.com/v1`."),
        INSECURE,
        key("model", Text(256), Required, "The name of the model."),
        key("api_key_file", Path, NONE, "The key of the API."),
        key("api_key_env", Variable, NONE, "The same from the environment."),
        key("system", Told("text"), NONE, "The system prompt."),
        key("turns", Count(1, 1_000), Is("16"), "Turns of a channel's conversation that are kept."),
        key(
            "conversations",
            Count(1, 100_000),
            Is("1000"),
            "Conversations that are kept; the one not used for longest goes.",
        ),
        key("max_tokens", Count(1, 10_000_000), Means("the API's"), "The most tokens of an answer."),
        key("temperature", Millis(2_000), Means("the API's"), "How much answers vary, with at most three decimals."),
        timeout(Is("60s"), "How long an attempt may take."),
        ATTEMPTS,
        concurrency(Is("4")),
    ],
);
