//! The reference in `docs/configuration.md` is written from what the parser knows.
//!
//! `MFP_UPDATE=1 cargo test -p mfp-server --lib documented` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fixture::{FULL, Fixture, shown};
use crate::config::shape::{ALL, Absent, Key, Kind, Old, PLAIN_AGENT, ROOT, Shape};

const COLUMNS: &str = "| Key | Meaning | Value | Default |\n|---|---|---|---|\n";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md")
}

/// The text with the tables between its marks as they have to be, and the names of the marks.
fn with_tables(text: &str) -> (String, Vec<String>) {
    let (mut new, mut marks, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, after)) = rest.split_once("<!-- generated: ") {
        let (mark, after) = after.split_once(" -->").expect("the mark ends");
        let (_, after) = after.split_once("<!-- end -->").unwrap_or_else(|| panic!("the table of {mark} has an end"));
        let table = if mark == "old keys" { old_keys() } else { tables(mark) };
        let _ = write!(new, "{before}<!-- generated: {mark} -->\n\n{table}\n<!-- end -->");
        marks.push(mark.to_owned());
        rest = after;
    }
    (new + rest, marks)
}

#[test]
fn the_reference_is_what_the_parser_knows() {
    let file = docs();
    let text = fs::read_to_string(&file).unwrap();
    let (new, marks) = with_tables(&text);
    let mut expected: Vec<_> = ROOT.names().map(str::to_owned).collect();
    expected.push("old keys".to_owned());
    assert_eq!(marks, expected, "docs/configuration.md has `<!-- generated: KEY --><!-- end -->` for each, in order");
    if std::env::var_os("MFP_UPDATE").is_some() {
        fs::write(&file, &new).unwrap();
    } else {
        assert!(text == new, "`MFP_UPDATE=1 cargo test -p mfp-server --lib documented` writes the reference anew");
    }
}

/// The tables of a key of the whole file.
fn tables(name: &str) -> String {
    let key = ROOT.key(name).unwrap_or_else(|| panic!("{name} is no section"));
    let mut table = COLUMNS.to_owned();
    row(&mut table, name, key);
    for shape in under(name).filter(|shape| shape.of_type.is_none()) {
        rows(&mut table, shape);
    }
    for (shape, word) in under(name).filter_map(|shape| Some((shape, shape.of_type?))) {
        let _ = write!(table, "\nWith `type: {word}` also:\n\n{COLUMNS}");
        let own = shape.keys.iter().filter(|key| PLAIN_AGENT.key(key.name).is_none());
        own.for_each(|key| row(&mut table, &format!("{}.{}", shape.name, key.name), key));
    }
    table
}

/// The shapes whose mapping, or list of mappings, stands under a key.
fn under(path: &str) -> impl Iterator<Item = &'static Shape> {
    ALL.iter().copied().filter(move |shape| shape.name.trim_end_matches("[]") == path)
}

/// All keys of a shape, each with those under it.
fn rows(table: &mut String, shape: &Shape) {
    for key in shape.keys {
        let path = format!("{}.{}", shape.name, key.name);
        row(table, &path, key);
        under(&path).for_each(|shape| rows(table, shape));
    }
}

fn row(table: &mut String, path: &str, key: &Key) {
    let default = match key.absent {
        Absent::Required => "required".to_owned(),
        Absent::Is(text) => format!("`{text}`"),
        Absent::Means(words) => words.to_owned(),
    };
    let _ = writeln!(table, "| `{path}` | {} | {} | {default} |", key.about, value(&key.kind));
}

fn value(kind: &Kind) -> String {
    match kind {
        Kind::Section => "mapping".to_owned(),
        Kind::List(of) => format!("list of {of}"),
        Kind::Text(max) => format!("1 to {max} bytes"),
        Kind::Path => "path".to_owned(),
        Kind::Variable => "name of a variable".to_owned(),
        Kind::Flag => "true, false".to_owned(),
        Kind::Count(low, high) => format!("{} to {}", grouped(*low), grouped(*high)),
        Kind::Millis(high) => format!("0 to {}", high / 1_000),
        Kind::Time(low, high) => format!("{} to {}", time(*low), time(*high)),
        Kind::Size(low, high) => format!("{} to {}", size(*low), size(*high)),
        Kind::Word(words) => words.join(", "),
        Kind::Told(words) => (*words).to_owned(),
    }
}

/// As in `1,000,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

fn time(time: Duration) -> String {
    humantime::format_duration(time).to_string().replace("day", " day")
}

/// With the largest unit that it is a whole number of.
fn size(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fits = |(_, shift): &&(&str, u32)| bytes >> shift << shift == bytes;
    units.iter().find(fits).map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

fn old_keys() -> String {
    let mut table = "| Old key | What becomes of it |\n|---|---|\n".to_owned();
    for shape in ALL {
        for (key, rule) in shape.old {
            let path = if shape.name.is_empty() { (*key).to_owned() } else { format!("{}.{key}", shape.name) };
            let becomes = match rule {
                Old::Same(new) => format!("`{new}`"),
                Old::Read(how) => (*how).to_owned(),
                Old::Refused(why, help) => format!("Refused: {why}; {help}."),
            };
            let _ = writeln!(table, "| `{path}` | {becomes} |");
        }
    }
    table
}

#[test]
fn numbers_are_written_as_people_read_them() {
    assert_eq!([0, 999, 1_000, 4_294_967_296].map(grouped), ["0", "999", "1,000", "4,294,967,296"]);
    assert_eq!([1, 1 << 10, 256 << 20, 1 << 40, 1_000].map(size), ["1", "1KiB", "256MiB", "1TiB", "1000"]);
}

/// Each default, written out, is within the range of its key.
#[test]
fn every_default_can_be_written() {
    let fixture = Fixture::new();
    let lines: Vec<&str> = FULL.lines().collect();
    let mut tried = 0;
    for key in ALL.iter().flat_map(|shape| shape.keys) {
        let Absent::Is(default) = key.absent else { continue };
        for (index, line) in lines.iter().enumerate() {
            let Some((before, _)) = line.split_once(&format!("{}: ", key.name)) else { continue };
            if !before.trim_start_matches([' ', '-']).is_empty() {
                continue;
            }
            let written = format!("{before}{}: {default}", key.name);
            let mut text = lines.clone();
            text[index] = &written;
            // What it has to do with other values is not asked here.
            let of_key =
                |message: &str| ["must be", "is no", "needs its unit"].iter().any(|part| message.contains(part));
            let problems = fixture.problems(&text.join("\n"));
            let own: Vec<_> = problems.into_iter().filter(|it| it.line == index + 1 && of_key(&it.message)).collect();
            assert!(own.is_empty(), "{written}\n{}", shown(&own));
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried} defaults");
}

#[test]
fn the_full_file_has_every_key() {
    for key in ALL.iter().flat_map(|shape| shape.names()) {
        // These exclude others that are there.
        let excluded = key.ends_with("_env") || key == "in_memory";
        assert!(excluded || FULL.contains(&format!("{key}:")), "{key}");
    }
}

#[test]
fn an_agent_without_a_type_is_told_the_declared_ones() {
    let Kind::Word(types) = PLAIN_AGENT.key("type").unwrap().kind else { panic!("its type is a word") };
    let text = "runtime: {deployment: d, instance: i}\nstorage: {path: mfp.db}\nagents: [{name: a}]\n";
    let told = shown(&Fixture::new().problems(text));
    assert!(told.contains(&format!("one of {}", types.join(", "))), "{told}");
}
