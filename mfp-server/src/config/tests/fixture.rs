//! A directory with keys, and files to be read in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::config::load::load_with;
use crate::config::{Config, Problem};

/// A file with every key that there is.
pub(super) const FULL: &str = include_str!("full.yaml");

pub(super) struct Fixture {
    directory: TempDir,
}

impl Fixture {
    /// Keys under the names that the tests use.
    pub(super) fn new() -> Self {
        let fixture = Self { directory: tempfile::tempdir().unwrap() };
        for (name, digit) in [("identity.key", "1"), ("master.key", "2"), ("hook.key", "3"), ("psk.key", "4")] {
            fixture.write(name, &format!("{}\n", digit.repeat(64)));
        }
        fixture.write("api.key", "sk-1234\n");
        fs::create_dir(fixture.path().join("data")).unwrap();
        fs::create_dir(fixture.path().join("work")).unwrap();
        fixture
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A file of its owner alone.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(super) fn load(&self, text: &str) -> Result<Config, Vec<Problem>> {
        load_with(&self.write("mfp.yaml", text), &env)
    }

    /// The configuration, or all problems as they are shown.
    pub(super) fn loaded(&self, text: &str) -> Config {
        self.load(text).unwrap_or_else(|problems| panic!("{}", shown(&problems)))
    }

    pub(super) fn problems(&self, text: &str) -> Vec<Problem> {
        self.load(text).err().unwrap_or_default()
    }
}

pub(super) fn shown(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn env(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("5".repeat(64)),
        "SHORT" => Some("5".repeat(63)),
        "ZERO" => Some("0".repeat(64)),
        "TOKEN" => Some("sk-5678".to_owned()),
        "SPACED" => Some("sk 5678".to_owned()),
        _ => None,
    }
}
