//! Which keys there are, and what each may hold: what is read, what errors say and what the reference in
//! `docs/configuration.md` tells all come from here. Whatever is not here is refused.

mod agents;
mod peers;
mod server;

use std::time::Duration;

pub(super) use agents::{LLM, PLAIN_AGENT, SUBPROCESS, WEBHOOK};
pub(super) use peers::{ACCEPT, CHANNEL, FEDERATION, PEER, ROTATION};
pub(super) use server::{
    ABUSE, AUDIT, CONTROL, HTTP, LIMITS, LOG, QUARANTINE, RATE, RECOVERY, ROOT, RUNTIME, STORAGE, TIMEOUTS, TRACE,
    TRANSPORT,
};

/// The keys of a mapping.
#[derive(Debug)]
pub(super) struct Shape {
    /// Where it stands, as in `runtime.limits`; empty for the whole file.
    pub(super) name: &'static str,
    /// The `type` whose keys these are, where keys depend on it.
    pub(super) of_type: Option<&'static str>,
    pub(super) keys: &'static [Key],
    /// Keys of the Python server's file.
    pub(super) old: &'static [(&'static str, Old)],
}

impl Shape {
    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all its keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

/// A key of a mapping.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) absent: Absent,
    /// What it means, in whole sentences.
    pub(super) about: &'static str,
}

/// What a value may be, with its range: the first and the last that are taken.
#[derive(Debug)]
pub(super) enum Kind {
    /// A mapping that has a shape of its own.
    Section,
    /// A list of such things.
    List(&'static str),
    /// Text of 1 to so many bytes, without control characters.
    Text(usize),
    Path,
    /// The name of an environment variable.
    Variable,
    Flag,
    /// A whole number.
    Count(u64, u64),
    /// A number from 0 to so many thousandths.
    Millis(u32),
    Time(Duration, Duration),
    /// A number of bytes.
    Size(u64, u64),
    /// One of these.
    Word(&'static [&'static str]),
    /// What has a reader of its own, in the words of the reference.
    Told(&'static str),
}

/// What holds if a key is not there.
#[derive(Debug)]
pub(super) enum Absent {
    /// It has to be there.
    Required,
    /// The same as if this stood there.
    Is(&'static str),
    /// What the reader makes of it, in the words of the reference.
    Means(&'static str),
}

/// What becomes of a key of the Python server's file.
#[derive(Debug)]
pub(super) enum Old {
    /// It means the same as this key.
    Same(&'static str),
    /// The reader decides by its value: how, in the words of the reference, where alone it is told.
    Read(#[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))] &'static str),
    /// It is refused: why, and what to do.
    Refused(&'static str, &'static str),
}

const fn key(name: &'static str, kind: Kind, absent: Absent, about: &'static str) -> Key {
    Key { name, kind, absent, about }
}

const fn shape(name: &'static str, keys: &'static [Key]) -> Shape {
    Shape { name, of_type: None, keys, old: &[] }
}

/// The longest time that can be configured: a day.
pub(super) const DAY: Duration = Duration::from_hours(24);
const MILLISECOND: Duration = Duration::from_millis(1);
/// A value for times of links and of waiting.
const TIME: Kind = Kind::Time(MILLISECOND, DAY);
/// What most lists are by default.
const NONE: Absent = Absent::Means("none");

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
