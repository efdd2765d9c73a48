//! `storage`: where messages are kept, and under which key.

use mfp_tokio::mfp_store::Synchronous;
use mfp_tokio::{Key, StoreOptions};

use super::secret::Place;
use super::section::Section;

const KEY: Place = Place { file: "master_key_file", env: "master_key_env" };
const SYNCHRONOUS: &[(&str, Synchronous)] =
    &[("full", Synchronous::Full), ("normal", Synchronous::Normal), ("off", Synchronous::Off)];

/// What was read. Where anything is wrong it was reported, and what is here does not matter.
pub(super) struct Storage {
    pub(super) options: Option<StoreOptions>,
    /// The file says that nothing is kept.
    pub(super) in_memory: bool,
}

pub(super) fn read(section: &Section) -> Storage {
    python(section);
    let in_memory = section.flag("in_memory").unwrap_or_default();
    if in_memory {
        for key in ["path", "master_key_file", "master_key_env", "unencrypted", "synchronous", "max_size"] {
            if section.has(key) {
                section.report(key, "has no meaning with `in_memory: true`", Some("leave one of them out"));
            }
        }
        return Storage { options: None, in_memory };
    }
    Storage { options: options(section), in_memory }
}

fn options(section: &Section) -> Option<StoreOptions> {
    let key = key(section);
    let synchronous = section.word("synchronous", SYNCHRONOUS);
    let size = section.size("max_size");

    let Some(value) = section.get("path") else {
        section.report("path", "is missing", Some("`path: mfp.db`, or `in_memory: true` to keep nothing"));
        return None;
    };
    if matches!(value.text(), Some("" | ":memory:")) {
        value.advise("is no file", "`in_memory: true`, without a path, keeps nothing");
        return None;
    }
    let path = value.path()?;
    let directory = path.parent()?.to_owned();
    if path.is_dir() || path.file_name().is_none() {
        value.advise("is a directory", "name a file in it");
    } else if !directory.is_dir() {
        value.advise("the directory of the store does not exist", "make it, with mode 700");
    }
    section.context.hide(directory);
    let mut options = StoreOptions::new(path, key?);
    options.synchronous = synchronous.unwrap_or_default();
    options.max_bytes = size.unwrap_or(options.max_bytes);
    Some(options)
}

fn key(section: &Section) -> Option<Key> {
    if !section.flag("unencrypted").unwrap_or_default() {
        return KEY.key(section).map(Key::Bytes);
    }
    if KEY.is_there(section) {
        section.report(
            "unencrypted",
            "says that there is no key, and a key is there too",
            Some("leave one of them out"),
        );
    }
    Some(Key::Unencrypted)
}

/// Keys of the Python server's file.
fn python(section: &Section) {
    if let Some(value) = section.old("encrypt_at_rest")
        && value.boolean() == Some(false)
    {
        value.advise("the store is encrypted", "leave it out; if it is meant, say `unencrypted: true`");
    }
    if let Some(value) = section.old("wal_mode")
        && value.boolean() == Some(false)
    {
        value.advise("the store always writes ahead: without it a crash could lose messages", "leave it out");
    }
}
