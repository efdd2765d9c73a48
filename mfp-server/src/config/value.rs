//! Values of the file as the types that they are to be. Whatever is wrong is reported, and `None` comes back.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::problem::{At, Context};
use super::yaml::{Data, Entry, Node};

/// A value, its place and its key.
pub(super) struct Value<'a> {
    pub(super) context: &'a Context<'a>,
    /// As in `agents[0].name`.
    pub(super) path: String,
    /// The value's place, or for what has no place of its own on the line, its key's.
    pub(super) at: At,
    pub(super) node: &'a Node,
}

impl<'a> Value<'a> {
    /// The value of a key.
    pub(super) fn of(context: &'a Context<'a>, path: String, entry: &'a Entry) -> Self {
        let at = match entry.value.data {
            Data::Scalar { .. } => entry.value.at,
            Data::Null | Data::List(_) | Data::Map(_) => entry.at,
        };
        Self { context, path, at, node: &entry.value }
    }

    pub(super) fn report(&self, message: impl Into<String>) {
        self.context.report(self.at, &self.path, message, None);
    }

    pub(super) fn advise(&self, message: impl Into<String>, suggestion: impl Into<String>) {
        self.context.report(self.at, &self.path, message, Some(suggestion.into()));
    }

    fn wrong(&self, wanted: &str) {
        self.report(format!("must be {wanted}, not {}", kind(&self.node.data)));
    }

    /// Text in quotes, or that needs none.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node.data {
            Data::Scalar { text, plain } if !plain || !is_special(text) => Some(text),
            Data::Scalar { .. } => {
                self.advise(format!("must be text, not {}", kind(&self.node.data)), "put it in quotes");
                None
            }
            _ => {
                self.wrong("text");
                None
            }
        }
    }

    /// A scalar as it stands there, whatever it looks like.
    pub(super) fn raw(&self, wanted: &str) -> Option<&'a str> {
        if let Data::Scalar { text, .. } = &self.node.data {
            return Some(text);
        }
        self.wrong(wanted);
        None
    }

    /// Text of so many bytes, without control characters.
    pub(super) fn label(&self, max: usize) -> Option<&'a str> {
        let text = self.text()?;
        if text.is_empty() || text.len() > max {
            self.report(format!("must have 1 to {max} bytes, and has {}", text.len()));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.report("must have no control characters");
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match &self.node.data {
            Data::Scalar { text, plain: true } if is_true(text) => Some(true),
            Data::Scalar { text, plain: true } if is_false(text) => Some(false),
            Data::Scalar { text, plain: true }
                if matches!(text.to_lowercase().as_str(), "yes" | "no" | "on" | "off") =>
            {
                self.advise("must be true or false", "write `true` or `false`");
                None
            }
            _ => {
                self.wrong("true or false");
                None
            }
        }
    }

    /// A whole number.
    pub(super) fn integer<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<u64> + Into<u64> + Copy,
    {
        let (low, high) = ((*range.start()).into(), (*range.end()).into());
        let number = match &self.node.data {
            Data::Scalar { text, plain: true } if is_integer(text) => text.parse::<u64>().ok(),
            _ => {
                self.wrong("a whole number");
                return None;
            }
        };
        if let Some(number) = number.filter(|number| (low..=high).contains(number)) {
            return T::try_from(number).ok();
        }
        self.report(format!("must be {low} to {high}"));
        None
    }

    /// A number with up to three decimals, in thousandths.
    pub(super) fn millis(&self, high: u32) -> Option<u32> {
        let number = match &self.node.data {
            Data::Scalar { text, plain: true } => thousandths(text),
            _ => None,
        };
        let Some(number) = number else {
            self.wrong("a number with at most three decimals");
            return None;
        };
        if number > high {
            self.report(format!("must be 0 to {}", high / 1_000));
            return None;
        }
        Some(number)
    }

    /// A time with its unit.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.raw("a time, as in `30s`")?;
        if text.parse::<f64>().is_ok() {
            self.advise("a time needs its unit", format!("`{text}s`, or `ms`, `m`, `h`"));
            return None;
        }
        let Ok(time) = humantime::parse_duration(text) else {
            self.advise("is no time", "as in `100ms`, `30s`, `5m`");
            return None;
        };
        if !range.contains(&time) {
            let (low, high) = (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
            self.report(format!("must be {low} to {high}"));
            return None;
        }
        Some(time)
    }

    /// A number of bytes, with or without a unit.
    pub(super) fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.raw("a size, as in `4GiB`")?;
        let Ok(size) = parse_size::parse_size(text) else {
            self.advise("is no size", "as in `65536`, `64MiB`, `4GiB`");
            return None;
        };
        if !range.contains(&size) {
            self.report(format!("must be {} to {} bytes", range.start(), range.end()));
            return None;
        }
        Some(size)
    }

    /// One of these words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let message = format!("must be one of {}", words.join(", "));
            match near(text, words) {
                Some(word) => self.advise(message, format!("did you mean `{word}`?")),
                None => self.report(message),
            }
        }
        found
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        let text = self.text()?;
        if text.is_empty() || text.contains('\0') {
            self.report("is no path");
            return None;
        }
        Some(self.context.path(text))
    }

    /// 32 bytes as hexadecimal digits. What stands there is not shown: it may be the wrong key.
    pub(super) fn hex(&self) -> Option<[u8; 32]> {
        let text = self.raw("64 hexadecimal digits")?;
        let mut bytes = [0; 32];
        if hex::decode_to_slice(text, &mut bytes).is_err() {
            self.report(format!("must be 64 hexadecimal digits, and has {} characters", text.chars().count()));
            return None;
        }
        if bytes == [0; 32] {
            self.report("is all zero");
            return None;
        }
        Some(bytes)
    }

    /// The values of a list; none if nothing stands there.
    pub(super) fn list(&self) -> Vec<Value<'a>> {
        let items = match &self.node.data {
            Data::List(items) => items.as_slice(),
            Data::Null => &[],
            _ => {
                self.wrong("a list");
                &[]
            }
        };
        let item = |(index, node): (usize, &'a Node)| Value {
            context: self.context,
            path: format!("{}[{index}]", self.path),
            at: node.at,
            node,
        };
        items.iter().enumerate().map(item).collect()
    }

    /// The entries of a mapping, each key once; none if nothing stands there.
    pub(super) fn entries(&self) -> Option<Vec<&'a Entry>> {
        let entries = match &self.node.data {
            Data::Map(entries) => entries.as_slice(),
            Data::Null => &[],
            _ => {
                self.wrong("a mapping of keys to values");
                return None;
            }
        };
        let mut once: Vec<&Entry> = Vec::with_capacity(entries.len());
        let mut lines = HashMap::new();
        for entry in entries {
            match lines.entry(entry.key.as_str()) {
                Vacant(line) => {
                    line.insert(entry.at.line);
                    once.push(entry);
                }
                Occupied(line) => {
                    let message = format!("is there twice, first in line {}", line.get());
                    self.context.report(entry.at, &self.key(&entry.key), message, None);
                }
            }
        }
        Some(once)
    }

    /// The path of a key in here.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The word that is meant, if one is near.
pub(super) fn near<'a>(text: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |word: &'a str| (strsim::damerau_levenshtein(text, word), word);
    // A longer text is nothing's misspelling, and would take long to compare.
    let words = words.into_iter().filter(|_| text.len() <= 40).map(distance);
    let (distance, word) = words.min()?;
    (distance <= 1 + word.len() / 4).then_some(word)
}

fn kind(data: &Data) -> &'static str {
    match data {
        Data::Null => "nothing",
        Data::Scalar { text, plain: true } if is_true(text) || is_false(text) => "true or false",
        Data::Scalar { text, plain: true } if is_special(text) => "a number",
        Data::Scalar { .. } => "text",
        Data::List(_) => "a list",
        Data::Map(_) => "a mapping",
    }
}

fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 3 {
        return None;
    }
    let fraction: u32 = format!("{fraction:0<3}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1_000)?.checked_add(fraction)
}

fn is_true(text: &str) -> bool {
    matches!(text, "true" | "True" | "TRUE")
}

fn is_false(text: &str) -> bool {
    matches!(text, "false" | "False" | "FALSE")
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is something else than text when it stands without quotes.
fn is_special(text: &str) -> bool {
    let number = text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.'))
        && text.parse::<f64>().is_ok();
    is_true(text) || is_false(text) || number
}
