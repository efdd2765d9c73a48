//! A mapping whose keys are known.

use std::path::PathBuf;
use std::time::Duration;

use super::problem::{At, Context};
use super::shape::{self, Absent, Key, Kind, Old, Shape};
use super::value::{Value, near};
use super::yaml::{Data, Entry, Node};

/// A mapping of the file. Its keys have been held against its [`Shape`] when it is there.
pub(super) struct Section<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) path: String,
    pub(super) at: At,
    shape: &'static Shape,
    entries: Vec<&'a Entry>,
    /// False if it is no mapping at all, which was reported: then nothing in it is missed.
    whole: bool,
}

impl<'a> Section<'a> {
    /// The mapping, or if it is none, an empty one, so that what has to be there is missed.
    pub(super) fn new(value: &Value<'a>, shape: &'static Shape) -> Self {
        let section = Self::unchecked(value, shape);
        section.check_keys();
        section
    }

    /// The mapping, whatever else is in it.
    pub(super) fn unchecked(value: &Value<'a>, shape: &'static Shape) -> Self {
        let entries = value.entries();
        let whole = entries.is_some();
        let entries = entries.unwrap_or_default();
        Self { context: value.context, path: value.path.clone(), at: value.at, shape, entries, whole }
    }

    /// A section of this one; empty where there is none.
    pub(super) fn section(&self, key: &'static str, shape: &'static Shape) -> Self {
        match self.get(key) {
            Some(value) => Self::new(&value, shape),
            None => Self {
                context: self.context,
                path: self.key(key),
                at: self.at,
                shape,
                entries: Vec::new(),
                whole: self.whole,
            },
        }
    }

    /// The value of a key, also under its old spelling.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        debug_assert!(self.shape.key(key).is_some(), "{key} is not in the shape of {}", self.shape.name);
        let is_old = |name: &str| {
            self.shape.old.iter().any(|(old, rule)| *old == name && matches!(rule, Old::Same(new) if *new == key))
        };
        let new = self.entries.iter().find(|entry| entry.key == key);
        let old = self.entries.iter().find(|entry| is_old(&entry.key));
        if let (Some(_), Some(old)) = (new, old) {
            let message = format!("is the old spelling of `{key}`, which is there too");
            self.context.report(old.at, &self.key(&old.key), message, Some("leave it out".to_owned()));
        }
        new.or(old).map(|entry| Value::of(self.context, self.key(&entry.key), entry))
    }

    /// The value of a key of the Python server's file.
    pub(super) fn old(&self, key: &'static str) -> Option<Value<'a>> {
        debug_assert!(self.shape.old.iter().any(|(old, _)| *old == key), "{key} is not in the shape");
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Value::of(self.context, self.key(key), entry))
    }

    /// Reads the value of a key; what is wrong with it is reported.
    pub(super) fn read<T>(&self, key: &'static str, read: impl FnOnce(&Value<'a>) -> Option<T>) -> Option<T> {
        self.get(key).and_then(|value| read(&value))
    }

    /// The same for a value that has to be there.
    pub(super) fn require<T>(&self, key: &'static str, read: impl FnOnce(&Value<'a>) -> Option<T>) -> Option<T> {
        let value = self.get(key);
        if value.is_none() {
            self.miss(key);
        }
        value.and_then(|value| read(&value))
    }

    fn miss(&self, key: &'static str) {
        self.report(key, "is missing", self.declared(key).map(|key| key.about));
    }

    /// What a key is declared to be.
    fn declared(&self, key: &'static str) -> Option<&'static Key> {
        let declared = self.shape.key(key);
        debug_assert!(declared.is_some(), "{key} is not in the shape of {}", self.shape.name);
        declared
    }

    /// What is taken if a key is not there, as text.
    pub(super) fn default(&self, key: &'static str) -> Option<&'static str> {
        match self.declared(key)?.absent {
            Absent::Is(text) => Some(text),
            Absent::Required | Absent::Means(_) => None,
        }
    }

    /// Reads a value as its kind says; where nothing stands, the declared default as if it stood there.
    fn typed<T>(&self, key: &'static str, read: impl FnOnce(&Value<'_>, &'static Kind) -> Option<T>) -> Option<T> {
        let kind = &self.declared(key)?.kind;
        if let Some(value) = self.get(key) {
            return read(&value, kind);
        }
        if matches!(self.declared(key)?.absent, Absent::Required) {
            self.miss(key);
        }
        let data = Data::Scalar { text: self.default(key)?.to_owned(), plain: true };
        let node = Node { at: self.at, data };
        read(&Value { context: self.context, path: self.key(key), at: self.at, node: &node }, kind)
    }

    /// A whole number in the declared range.
    pub(super) fn count<T: TryFrom<u64>>(&self, key: &'static str) -> Option<T> {
        self.typed(key, |value, kind| {
            let Kind::Count(low, high) = *kind else { return mistaken(key) };
            value.integer(low..=high).and_then(|number| T::try_from(number).ok())
        })
    }

    /// A number of bytes in the declared range.
    pub(super) fn size<T: TryFrom<u64>>(&self, key: &'static str) -> Option<T> {
        self.typed(key, |value, _| self.size_of(key, value))
    }

    /// The same from a value that stands elsewhere.
    pub(super) fn size_of<T: TryFrom<u64>>(&self, key: &'static str, value: &Value<'_>) -> Option<T> {
        let Kind::Size(low, high) = self.declared(key)?.kind else { return mistaken(key) };
        value.size(low..=high).and_then(|size| T::try_from(size).ok())
    }

    /// A time in the declared range.
    pub(super) fn time(&self, key: &'static str) -> Option<Duration> {
        self.typed(key, |value, kind| {
            let Kind::Time(low, high) = *kind else { return mistaken(key) };
            value.duration(low..=high)
        })
    }

    /// A number in thousandths, up to the declared one.
    pub(super) fn millis(&self, key: &'static str) -> Option<u32> {
        self.typed(key, |value, kind| {
            let Kind::Millis(high) = *kind else { return mistaken(key) };
            value.millis(high)
        })
    }

    /// True or false.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.typed(key, |value, _| value.boolean())
    }

    /// One of the declared words, as what it stands for.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        self.typed(key, |value, kind| {
            let Kind::Word(declared) = *kind else { return mistaken(key) };
            debug_assert!(words.iter().map(|(word, _)| word).eq(declared), "{key} has other words in the shape");
            value.choice(words)
        })
    }

    /// Text of 1 to as many bytes as are declared, which has to be there.
    pub(super) fn label(&self, key: &'static str) -> Option<&'a str> {
        let Kind::Text(max) = self.declared(key)?.kind else { return mistaken(key) };
        self.require(key, |value| value.label(max))
    }

    /// A path, from where paths of the file begin.
    pub(super) fn path(&self, key: &'static str) -> Option<PathBuf> {
        self.typed(key, |value, _| value.path())
    }

    pub(super) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// Reports something about a key, there or not.
    pub(super) fn report(&self, key: &str, message: impl Into<String>, suggestion: Option<&str>) {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        if entry.is_none() && !self.whole {
            return;
        }
        let at = entry.map_or(self.at, |entry| entry.at);
        self.context.report(at, &self.key(key), message, suggestion.map(str::to_owned));
    }

    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn check_keys(&self) {
        for entry in &self.entries {
            let name = entry.key.as_str();
            if self.shape.key(name).is_some() {
                continue;
            }
            match self.shape.old.iter().find(|(old, _)| *old == name) {
                Some((_, Old::Same(_) | Old::Read(_))) => {}
                Some((_, Old::Refused(why, help))) => self.refuse(entry, why, (*help).to_owned()),
                None => self.unknown(entry),
            }
        }
    }

    fn unknown(&self, entry: &Entry) {
        let name = entry.key.as_str();
        if shape::SECRETS.contains(&name) {
            let help = if self.shape.key(&format!("{name}_file")).is_some() {
                format!("put it into a file of its own and write `{name}_file: PATH`, or `{name}_env: NAME`")
            } else {
                "put it into a file of its own".to_owned()
            };
            self.refuse(entry, "a secret has no place in this file", help);
            return;
        }
        let elsewhere = shape::ALL.iter().find(|shape| shape.key(name).is_some());
        let help = near(name, self.shape.names())
            .map(|word| format!("did you mean `{word}`?"))
            .or_else(|| Some(place(self.shape, elsewhere?, name)))
            .unwrap_or_else(|| format!("known here: {}", self.shape.names().collect::<Vec<_>>().join(", ")));
        self.refuse(entry, "unknown key", help);
    }

    fn refuse(&self, entry: &Entry, why: &str, help: String) {
        self.context.report(entry.at, &self.key(&entry.key), why, Some(help));
    }
}

/// A key is read as something else than it is declared to be: the reader's mistake, which any test of it shows.
fn mistaken<T>(key: &str) -> Option<T> {
    debug_assert!(false, "{key} is declared to be something else");
    None
}

/// Where a key that is unknown here belongs.
fn place(here: &Shape, there: &Shape, name: &str) -> String {
    match there.name {
        "" => format!("`{name}` stands at the beginning of a line"),
        "agents[]" if here.name == "agents[]" => format!("`{name}` is a key of another type of agent"),
        section => format!("`{name}` is a key of `{section}`"),
    }
}
