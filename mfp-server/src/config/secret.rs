//! Secrets: they stand in files of their own or in the environment, never in the configuration. What is read, and the
//! names under which it was looked for, are not shown: an operator may have put the secret where its name belongs.

use std::io::{self, Read};
use std::path::Path;

use mfp_tokio::Key;
use mfp_tokio::mfp_proto::crypto::Secret;
use mfp_tokio::mfp_store::{KeyError, open_secret};
use zeroize::Zeroizing;

use super::section::Section;
use super::value::Value;

/// The longest token for an HTTP header.
const MAX_TOKEN: u64 = 4_096;

/// Where a secret may stand.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The key with the path of its file.
    pub(super) file: &'static str,
    /// The key with the name of its environment variable.
    pub(super) env: &'static str,
}

impl Place {
    /// A key of 32 bytes. `None`: there is none, or it was reported.
    pub(super) fn key(self, section: &Section) -> Option<Secret> {
        self.find(section, read_key, |text| {
            let mut bytes = Zeroizing::new([0; 32]);
            hex::decode_to_slice(text, &mut *bytes).map_err(|_| "must hold 64 hexadecimal digits")?;
            if *bytes == [0; 32] {
                return Err("is all zero");
            }
            Ok(Secret::from_bytes(*bytes))
        })
    }

    /// A key of 32 bytes that has to be there.
    pub(super) fn required_key(self, section: &Section) -> Option<Secret> {
        self.miss(section);
        self.key(section)
    }

    /// A token of printable characters.
    pub(super) fn token(self, section: &Section) -> Option<String> {
        self.find(section, read_token, token)
    }

    /// Whether the secret is configured.
    pub(super) fn is_there(self, section: &Section) -> bool {
        section.has(self.file) || section.has(self.env)
    }

    fn miss(self, section: &Section) {
        if section.default(self.file).is_none() && !self.is_there(section) {
            section.report(
                self.file,
                format!("is missing, and so is `{}`", self.env),
                Some("`mfp keygen PATH` makes one"),
            );
        }
    }

    fn find<T>(
        self,
        section: &Section,
        read: impl FnOnce(&Path) -> Result<T, KeyError>,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        match (section.get(self.file), section.get(self.env)) {
            (Some(_), Some(env)) => {
                env.report(format!("is there beside `{}`: one of them is enough", self.file));
                None
            }
            (None, Some(env)) => from_env(&env, parse),
            (Some(file), None) => {
                let path = file.path()?;
                let found = read(&path);
                section.context.hide(path);
                found.map_err(|error| report(&file, &error)).ok()
            }
            (None, None) => {
                let path = section.context.path(section.default(self.file)?);
                let found = read(&path);
                section.context.hide(path);
                let missing = |error| section.report(self.file, message(&error), help(&error));
                found.map_err(missing).ok()
            }
        }
    }
}

fn from_env<T>(value: &Value, parse: impl FnOnce(&str) -> Result<T, &'static str>) -> Option<T> {
    let name = value.text()?;
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !starts || !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        value.report("is not the name of an environment variable");
        return None;
    }
    let Some(text) = (value.context.env)(name).map(Zeroizing::new) else {
        value.report("there is no environment variable of this name");
        return None;
    };
    parse(&text).map_err(|why| value.report(format!("the environment variable {why}"))).ok()
}

fn report(value: &Value, error: &KeyError) {
    match help(error) {
        Some(help) => value.advise(message(error), help),
        None => value.report(message(error)),
    }
}

fn message(error: &KeyError) -> String {
    error.to_string()
}

fn help(error: &KeyError) -> Option<&'static str> {
    match error {
        KeyError::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => {
            Some("`mfp keygen PATH` makes one; relative paths begin at this file's directory")
        }
        KeyError::Exposed { .. } => Some("`chmod 600` it, if nobody can have read it; otherwise make a new one"),
        KeyError::Format { .. } => Some(
            "a key is never stripped: a raw key file that the Python server stripped of white space has another key here",
        ),
        _ => None,
    }
}

fn read_key(path: &Path) -> Result<Secret, KeyError> {
    // Only `Unencrypted` reads as nothing.
    Key::File(path.to_owned()).read()?.ok_or(KeyError::Zero)
}

fn read_token(path: &Path) -> Result<String, KeyError> {
    let file = open_secret(path)?;
    let invalid = |why| KeyError::Unreadable(io::Error::new(io::ErrorKind::InvalidData, why));
    let mut text = Zeroizing::new(String::with_capacity(4_200));
    file.take(MAX_TOKEN + 2).read_to_string(&mut text).map_err(|_| invalid("it is no text"))?;
    token(text.strip_suffix('\n').unwrap_or(&text)).map_err(invalid)
}

fn token(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() as u64 > MAX_TOKEN {
        return Err("must hold 1 to 4096 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must hold printable ASCII characters alone, without spaces");
    }
    Ok(text.to_owned())
}
