//! The documentation and the parser know the same keys.

use std::collections::BTreeSet;

use super::fixture::FULL;
use crate::config::shape::{ALL, Old};

const DOCS: &str = include_str!("../../../../docs/configuration.md");

fn known() -> BTreeSet<String> {
    let name = |section: &str, key: &str| if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
    ALL.iter().flat_map(|shape| shape.keys.iter().map(move |key| name(shape.name, key))).collect()
}

/// The first column of the tables: `` | `runtime.deployment` | ``.
fn documented() -> Vec<String> {
    let cells = DOCS.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(key, _)| key.to_owned()).filter(|key| !key.starts_with("old: ")).collect()
}

#[test]
fn every_key_is_documented_once_and_nothing_else_is() {
    let documented = documented();
    let once: BTreeSet<_> = documented.iter().cloned().collect();
    assert_eq!(once, known());
    assert_eq!(documented.len(), once.len(), "a key is documented twice");
}

#[test]
fn every_old_key_is_documented() {
    for shape in ALL {
        for (key, rule) in shape.old {
            let name = if shape.name.is_empty() { (*key).to_owned() } else { format!("{}.{key}", shape.name) };
            let row = DOCS.lines().find(|line| line.starts_with(&format!("| `old: {name}` |")));
            let row = row.unwrap_or_else(|| panic!("{name} is not documented"));
            if let Old::Same(new) = rule {
                assert!(row.contains(&format!("`{new}`")), "{row}");
            }
        }
    }
}

#[test]
fn the_full_file_has_every_key() {
    for key in known() {
        let last = key.rsplit('.').next().unwrap();
        // These exclude others that are there.
        let excluded = last.ends_with("_env") || last == "in_memory";
        assert!(excluded || FULL.contains(&format!("{last}:")), "{key}");
    }
}
