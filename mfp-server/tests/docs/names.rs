//! What the documentation names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::place::mfp;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files of the documentation, with their text.
fn docs() -> Vec<(PathBuf, String)> {
    let mut files: Vec<_> = fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "md"));
    files.push(root().join("README.md"));
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
}

/// What stands between each `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: char) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| rest.split_once(close)).map(|(inside, _)| inside).collect()
}

#[test]
fn every_relative_link_goes_to_a_file() {
    let mut links = 0;
    for (file, text) in docs() {
        for link in between(&text, "](", ')') {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let path = link.split('#').next().unwrap();
            assert!(file.parent().unwrap().join(path).exists(), "{}: {link}", file.display());
            links += 1;
        }
    }
    assert!(links > 20, "{links} links");
}

#[test]
fn every_test_that_security_names_exists() {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let mut named = 0;
    for span in text.split('`').skip(1).step_by(2) {
        let Some((file, function)) = span.split_once(".rs: ") else { continue };
        let source = fs::read_to_string(root().join(format!("{file}.rs"))).unwrap_or_default();
        assert!(source.contains(&format!("fn {function}(")), "{span}");
        let (before, _) = source.split_once(&format!("fn {function}(")).unwrap();
        assert!(before.contains("#[test]") || before.contains("::test"), "{span} is no test");
        named += 1;
    }
    assert!(named > 20, "{named} tests");
}

/// The names of the commands in `mfp help`.
fn commands() -> BTreeSet<String> {
    let help = String::from_utf8(mfp(&["help"]).stdout).unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The commands that a text names: `mfp NAME` in code.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let code =
        text.split("`mfp ").skip(1).chain(text.lines().filter_map(|line| line.trim_start().strip_prefix("mfp ")));
    for rest in code {
        let mut words = rest.split([' ', '`', '\n']);
        while let Some(word) = words.next() {
            if matches!(word, "--config" | "--control") {
                words.next();
            } else if !word.starts_with('-') {
                if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
                    names.insert(word.to_owned());
                }
                break;
            }
        }
    }
    names
}

#[test]
fn the_documentation_and_the_help_name_the_same_commands() {
    let known = commands();
    assert!(known.contains("recover") && known.contains("dead-letters"), "{known:?}");
    let mut told = BTreeSet::new();
    for (file, text) in docs() {
        let names = named(&text);
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", file.display());
        told.extend(names);
    }
    let untold: Vec<_> = known.difference(&told).collect();
    assert!(untold.is_empty(), "no file of the documentation names {untold:?}");
}

/// Every command in code, with its options, is one that the program understands.
#[test]
fn every_command_has_the_options_that_it_is_given() {
    let mut checked = BTreeSet::new();
    for (file, text) in docs() {
        let spans = text.split("`mfp ").skip(1).filter_map(|rest| rest.split('`').next());
        let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("mfp "));
        for command in spans.chain(lines) {
            let end = command.find(['|', '>', '&', '<', ';', '#', '…']).unwrap_or(command.len());
            // A descriptor before `>` is no argument, and what stands in quotes is one.
            let parts = command[..end].trim_end_matches([' ', '2']).split('\'').enumerate();
            let command: String =
                parts.map(|(at, part)| if at % 2 == 1 { part.replace(' ', "_") } else { part.to_owned() }).collect();
            if command == "help" {
                continue;
            }
            let words: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
            if checked.insert(command.clone()) {
                let said = mfp(&words);
                assert!(
                    said.status.success(),
                    "{}: {command}\n{}",
                    file.display(),
                    String::from_utf8_lossy(&said.stderr)
                );
            }
        }
    }
    assert!(checked.len() > 50, "{} commands", checked.len());
}
