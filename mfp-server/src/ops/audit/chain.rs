//! Lines that hang together: each ends with a hash over the one before and its own text, so that none can be changed,
//! removed or moved without showing. Whoever can write the file can still make all of it anew, or cut off its end: only a
//! hash that is kept elsewhere shows that.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What stands before the hash, and after it.
const BEFORE: &str = ",\"hash\":\"";
const AFTER: &str = "\"}";
const HEX: usize = 64;
/// The event of [`continued`].
const CONTINUED: &str = "Continued";

pub(crate) type Hash = [u8; 32];

/// What is told.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// As in RFC 3339, in UTC.
    pub(crate) time: String,
    pub(crate) event: String,
    /// The user that said so over the control socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<u32>,
    pub(crate) detail: Value,
}

#[derive(Serialize)]
struct Numbered<'a> {
    seq: u64,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// The end of a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) seq: u64,
    pub(crate) hash: Hash,
}

impl End {
    /// The next line, without its line feed.
    pub(crate) fn extend(&mut self, entry: &Entry) -> serde_json::Result<String> {
        let seq = self.seq.saturating_add(1);
        let mut line = serde_json::to_string(&Numbered { seq, entry })?;
        line.pop();
        let hash = hash(&self.hash, &line);
        *self = Self { seq, hash };
        line.push_str(BEFORE);
        line.push_str(&hex::encode(hash));
        line.push_str(AFTER);
        Ok(line)
    }
}

fn hash(previous: &Hash, text: &str) -> Hash {
    Sha256::new().chain_update(previous).chain_update(text).finalize().into()
}

/// A line as it was found.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) seq: u64,
    pub(crate) time: String,
    text: &'a str,
    pub(crate) hash: Hash,
    /// The hash that it names, if it continues another file.
    previous: Option<Hash>,
}

#[derive(Deserialize)]
struct Head {
    seq: u64,
    time: String,
    event: String,
    detail: Value,
}

/// The first entry of a file that continues another. It names the hash before it, so that the chain can be followed from
/// here when the other file is gone.
pub(super) fn continued(time: String, end: &End) -> Entry {
    let detail = serde_json::json!({ "previous": hex::encode(end.hash) });
    Entry { time, event: CONTINUED.into(), uid: None, detail }
}

impl<'a> Line<'a> {
    /// None if it is no line of an audit log.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let rest = line.strip_suffix(AFTER)?;
        let (text, digits) = rest.split_at_checked(rest.len().checked_sub(HEX)?)?;
        let text = text.strip_suffix(BEFORE)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(digits, &mut hash).ok()?;
        let Head { seq, time, event, detail } = serde_json::from_str(line).ok()?;
        let previous = detail.get("previous").and_then(Value::as_str).filter(|_| event == CONTINUED);
        let previous = previous.and_then(|digits| {
            let mut previous = [0; 32];
            hex::decode_to_slice(digits, &mut previous).ok().map(|()| previous)
        });
        Some(Self { seq, time, text, hash, previous })
    }

    pub(crate) fn end(&self) -> End {
        End { seq: self.seq, hash: self.hash }
    }

    /// What stood before it, where it is the first that is there: nothing, or what it names.
    pub(crate) fn beginning(&self) -> End {
        match self.previous {
            Some(hash) if self.seq > 1 => End { seq: self.seq - 1, hash },
            _ => End::default(),
        }
    }

    /// Whether it is what stood after `previous`.
    pub(crate) fn follows(&self, previous: &End) -> bool {
        Some(self.seq) == previous.seq.checked_add(1) && self.hash == hash(&previous.hash, self.text)
    }
}

/// What is wrong with a log, and at which line of the file, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no line of an audit log at all.
    NoLine { line: usize },
    /// It has its number, and not its text.
    Changed { line: usize, seq: u64 },
    /// Lines with these numbers are nowhere.
    Removed { line: usize, first: u64, last: u64 },
    /// It stands elsewhere than it was written.
    Moved { line: usize, seq: u64, expected: u64 },
    /// An entry that was there once, by its hash, is not.
    OtherEnd { seq: u64 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLine { line } => write!(f, "line {line} is no line of an audit log: it was changed"),
            Self::Changed { line, seq } => {
                write!(f, "line {line}, entry {seq}: it was changed, or the hash of the line before was")
            }
            Self::Removed { line, first, last } if first == last => {
                write!(f, "before line {line}: entry {first} was removed")
            }
            Self::Removed { line, first, last } => {
                write!(f, "before line {line}: entries {first} to {last} were removed")
            }
            Self::Moved { line, seq, expected } => {
                write!(f, "line {line}: entry {seq} stands where entry {expected} was: they were reordered")
            }
            Self::OtherEnd { seq } => {
                write!(f, "the expected entry is not there: entries after {seq} were removed, or all were written anew")
            }
        }
    }
}

/// What a log that is sound has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole {
    /// Entries before those that are there. They were in files that are not kept any more.
    pub(crate) gone: u64,
    pub(crate) end: End,
}

/// Follows a log from its first entry, or from the first that continues a file that is gone. Returns its end, or the first
/// fault.
pub(crate) fn verify(log: &str) -> Result<Whole, Fault> {
    let mut end = log.lines().next().and_then(Line::parse).map_or_else(End::default, |first| first.beginning());
    let gone = end.seq;
    for (index, text) in log.lines().enumerate() {
        let line = index + 1;
        let Some(found) = Line::parse(text) else { return Err(Fault::NoLine { line }) };
        if found.follows(&end) {
            end = found.end();
            continue;
        }
        let (seq, expected) = (found.seq, end.seq.saturating_add(1));
        let elsewhere = || log.lines().skip(line).filter_map(Line::parse).any(|other| other.seq == expected);
        return Err(match seq {
            _ if seq == expected => Fault::Changed { line, seq },
            _ if seq > expected && !elsewhere() => Fault::Removed { line, first: expected, last: seq - 1 },
            _ => Fault::Moved { line, seq, expected },
        });
    }
    Ok(Whole { gone, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: u64) -> Vec<String> {
        let mut end = End::default();
        let entry = |n| Entry {
            time: "2026-01-01T00:00:00.000Z".into(),
            event: "Told".into(),
            uid: None,
            detail: Value::from(n),
        };
        (1..=count).map(|n| end.extend(&entry(n)).unwrap()).collect()
    }

    fn verdict(lines: &[String]) -> Result<u64, Fault> {
        verify(&lines.join("\n")).map(|whole| whole.end.seq)
    }

    #[test]
    fn a_log_is_sound_as_it_was_written() {
        assert_eq!(verdict(&log(10)), Ok(10));
        assert_eq!(verify(""), Ok(Whole::default()));
    }

    #[test]
    fn a_file_that_continues_another_can_be_followed_without_it() {
        let mut lines = log(3);
        let mut end = Line::parse(&lines[2]).unwrap().end();
        lines.push(end.extend(&continued("2026-01-01T00:00:00.000Z".into(), &end.clone())).unwrap());
        lines.push(
            end.extend(&Entry { time: String::new(), event: "Told".into(), uid: None, detail: Value::Null }).unwrap(),
        );
        assert_eq!(verify(&lines.join("\n")), Ok(Whole { gone: 0, end }));
        assert_eq!(verify(&lines[3..].join("\n")), Ok(Whole { gone: 3, end }));
        // From nowhere else, and not when it is changed.
        assert_eq!(verdict(&lines[4..]), Err(Fault::Removed { line: 1, first: 1, last: 4 }));
        let changed = lines[3].replace("00:00:00", "00:00:01");
        assert_eq!(verdict(&[changed]), Err(Fault::Changed { line: 1, seq: 4 }));
    }

    #[test]
    fn every_byte_counts() {
        let whole = log(3).join("\n");
        for at in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            // The case of a hexadecimal digit is not changed by that.
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verify(&changed).is_err(), "{at}: {changed}");
        }
    }

    #[test]
    fn what_is_removed_or_moved_is_told() {
        let remove = |at| {
            let mut lines = log(9);
            lines.remove(at);
            verdict(&lines)
        };
        assert_eq!(remove(0), Err(Fault::Removed { line: 1, first: 1, last: 1 }));
        assert_eq!(remove(4), Err(Fault::Removed { line: 5, first: 5, last: 5 }));
        // What a chain alone cannot show.
        assert_eq!(remove(8), Ok(8));
        let mut swapped = log(9);
        swapped.swap(3, 4);
        assert_eq!(verdict(&swapped), Err(Fault::Moved { line: 4, seq: 5, expected: 4 }));
        let mut twice = log(9);
        twice.insert(5, twice[4].clone());
        assert_eq!(verdict(&twice), Err(Fault::Moved { line: 6, seq: 5, expected: 6 }));
        let mut other = log(9);
        other[2] = other[2].replace("Told", "Hold");
        assert_eq!(verdict(&other), Err(Fault::Changed { line: 3, seq: 3 }));
    }
}
