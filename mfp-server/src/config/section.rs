//! A mapping whose keys are known.

use super::problem::{At, Context};
use super::shape::{self, Old, Shape};
use super::value::{Value, near};
use super::yaml::Entry;

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
        debug_assert!(self.shape.keys.contains(&key), "{key} is not in the shape of {}", self.shape.name);
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

    /// Reads a value into its place, which has the default.
    pub(super) fn set<T>(&self, key: &'static str, to: &mut T, read: impl FnOnce(&Value<'a>) -> Option<T>) {
        if let Some(value) = self.read(key, read) {
            *to = value;
        }
    }

    /// The same for a value that has to be there.
    pub(super) fn require<T>(&self, key: &'static str, read: impl FnOnce(&Value<'a>) -> Option<T>) -> Option<T> {
        let value = self.get(key);
        if value.is_none() {
            self.report(key, "is missing", None);
        }
        value.and_then(|value| read(&value))
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
            if self.shape.keys.contains(&name) {
                continue;
            }
            match self.shape.old.iter().find(|(old, _)| *old == name) {
                Some((_, Old::Same(_) | Old::Read)) => {}
                Some((_, Old::Refused(why, help))) => self.refuse(entry, why, (*help).to_owned()),
                None => self.unknown(entry),
            }
        }
    }

    fn unknown(&self, entry: &Entry) {
        let name = entry.key.as_str();
        if shape::SECRETS.contains(&name) {
            let help = if self.shape.keys.contains(&format!("{name}_file").as_str()) {
                format!("put it into a file of its own and write `{name}_file: PATH`, or `{name}_env: NAME`")
            } else {
                "put it into a file of its own".to_owned()
            };
            self.refuse(entry, "a secret has no place in this file", help);
            return;
        }
        let elsewhere = shape::ALL.iter().find(|shape| shape.keys.contains(&name));
        let help = near(name, self.shape.keys.iter().copied())
            .map(|word| format!("did you mean `{word}`?"))
            .or_else(|| Some(place(self.shape, elsewhere?, name)))
            .unwrap_or_else(|| format!("known here: {}", self.shape.keys.join(", ")));
        self.refuse(entry, "unknown key", help);
    }

    fn refuse(&self, entry: &Entry, why: &str, help: String) {
        self.context.report(entry.at, &self.key(&entry.key), why, Some(help));
    }
}

/// Where a key that is unknown here belongs.
fn place(here: &Shape, there: &Shape, name: &str) -> String {
    match there.name {
        "" => format!("`{name}` stands at the beginning of a line"),
        "agents[]" if here.name == "agents[]" => format!("`{name}` is a key of another type of agent"),
        section => format!("`{name}` is a key of `{section}`"),
    }
}
