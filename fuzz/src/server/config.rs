//! The configuration: whatever stands in the file, each thing that is wrong has a place, nothing shows a secret, and how
//! lines end makes no difference.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use mfp::fuzzing::{Wrong, configuration};
use tempfile::TempDir;

/// The keys of the directory. Whoever reads a configuration must not show them.
const KEYS: [(&str, &str); 5] = [
    ("identity.key", "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"),
    ("master.key", "e0e1e2e3e4e5e6e7e8e9eaebecedeeefe0e1e2e3e4e5e6e7e8e9eaebecedeeef"),
    ("hook.key", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfefff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
    ("psk.key", "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"),
    ("api.key", "sk-SecretOfTheApi"),
];
const TOKEN: &str = "sk-SecretOfTheEnvironment";

struct Place(TempDir);

thread_local! {
    /// One directory for all runs: they only write the configuration.
    static PLACE: Place = Place::new();
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in KEYS {
            write(&directory.path().join(name), text);
        }
        for name in ["data", "work"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self(directory)
    }

    fn read(&self, text: &[u8]) -> Result<String, Vec<Wrong>> {
        let file = self.0.path().join("mfp.yaml");
        write(&file, text);
        configuration(&file, &|name| match name {
            "KEY" => Some("b".repeat(64)),
            "TOKEN" => Some(TOKEN.to_owned()),
            _ => None,
        })
    }
}

fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Reads any text as a configuration.
///
/// # Panics
/// If the property fails.
pub fn any_text(data: &[u8]) {
    PLACE.with(|place| {
        let read = place.read(data);
        let shown = match &read {
            Ok(config) => config.clone(),
            Err(wrong) => {
                assert!(!wrong.is_empty(), "refused, and nothing is wrong");
                for wrong in wrong {
                    located(wrong, data);
                }
                wrong.iter().map(|wrong| wrong.shown.as_str()).collect::<Vec<_>>().join("\n")
            }
        };
        for secret in KEYS.iter().map(|(_, secret)| *secret).chain([TOKEN]) {
            let told = data.windows(8).any(|part| secret.as_bytes().windows(8).any(|secret| secret == part));
            assert!(told || !shown.contains(secret), "a secret is shown");
        }
        assert_eq!(place.read(data), read, "read again, it is another");
        if let Ok(text) = std::str::from_utf8(data) {
            same_in_other_words(place, text, &read);
        }
    });
}

/// Everything that is wrong has a line of the file, and says where.
fn located(wrong: &Wrong, data: &[u8]) {
    let lines = 1 + data.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    assert!((1..=lines + 1).contains(&wrong.line), "line {} of {lines}: {}", wrong.line, wrong.shown);
    assert!(wrong.column >= 1, "{}", wrong.shown);
    let place = format!("mfp.yaml:{}:{}:", wrong.line, wrong.column);
    assert!(wrong.shown.contains(&place), "{}", wrong.shown);
}

/// A byte order mark says nothing, nor does a comment in the end.
fn same_in_other_words(place: &Place, text: &str, read: &Result<String, Vec<Wrong>>) {
    if !text.starts_with('\u{feff}') {
        let marked = place.read(format!("\u{feff}{text}").as_bytes());
        assert_eq!(marked, *read, "with a byte order mark it is another");
    }
    if let Ok(config) = read
        && text.ends_with('\n')
    {
        let again = place.read(format!("{text}# the end\n").as_bytes());
        assert_eq!(again.as_ref(), Ok(config), "with a comment it is another");
    }
}
