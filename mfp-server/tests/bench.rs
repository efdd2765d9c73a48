//! `mfp bench`, as its user runs it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn mfp(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfp"));
    let mut child =
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // An error says that it has not read all of it.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Runs it, expects it to succeed, and returns its report.
fn report(args: &[&str], input: &[u8]) -> String {
    let output = mfp(args, input);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!report.contains("NOT VERIFIED"), "{report}");
    report
}

/// Runs it, expects this exit code and no report, and returns what it says.
fn error(args: &[&str], input: &[u8], code: i32) -> String {
    let output = mfp(args, input);
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// The rest of the line that begins with `label`.
fn field<'a>(report: &'a str, label: &str) -> &'a str {
    report.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_else(|| panic!("{label}: {report}")).trim()
}

/// A file of its own for the test `name`.
fn file(name: &str, content: &[u8]) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_bundled_text_goes_over_and_back() {
    let output = mfp(&["bench"], b"");
    assert!(output.status.success());
    let report = String::from_utf8(output.stdout).unwrap();
    let text = include_str!("../assets/mirror-frames.txt");
    let (empty, lines): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.is_empty());
    assert!(field(&report, "messages").starts_with(&format!("{}, each", lines.len())));
    assert!(field(&report, "messages").contains(&format!("({} empty lines are skipped", empty.len())));
    assert!(field(&report, "bytes").starts_with(&lines.iter().map(|line| line.len()).sum::<usize>().to_string()));
    assert_eq!(field(&report, "global state").len(), 64);
    assert_eq!(report.matches("\nverified ").count(), 4, "{report}");
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.ends_with(&format!("{0} of {0} messages\n", lines.len())), "plain lines: no terminal here");
}

#[test]
fn a_file_of_any_bytes_will_do() {
    let path = file("bytes", b"one\r\n\n\xff\xfe\x00\ntwo");
    let report = report(&["bench", &path], b"");
    assert_eq!(field(&report, "source"), path);
    assert!(field(&report, "messages").starts_with("3, "));
    assert!(field(&report, "bytes").starts_with("9 "));
}

#[test]
fn standard_input_is_read() {
    let report = report(&["bench", "-"], b"a\nb\n");
    assert_eq!(field(&report, "source"), "standard input");
    assert!(field(&report, "messages").starts_with("2, "));
}

#[test]
fn nothing_to_send_is_a_success_and_said_so() {
    for report in [report(&["bench", &file("empty", b"")], b""), report(&["bench", "-", "--messages", "5"], b"\n\n")] {
        assert!(field(&report, "messages").starts_with("0, "));
        assert!(report.contains("nothing to send"));
    }
}

#[test]
fn what_cannot_be_read_or_sent_is_named() {
    let said = error(&["bench", "no/such/file"], b"", 2);
    assert!(said.contains("no/such/file could not be read") && said.contains("No such file"), "{said}");
    let path = file("long", &[b"short\n".as_slice(), &vec![b'x'; 1_048_577]].concat());
    let said = error(&["bench", &path], b"", 2);
    assert!(said.contains(&format!("{path}, line 2: 1048577 bytes")), "{said}");
}

#[test]
fn wrong_usage_is_explained() {
    for args in
        [&["bench", "--payload", "0"][..], &["bench", "--agents", "0"], &["bench", "x", "--payload", "1"], &["x"]]
    {
        assert!(error(args, b"", 2).contains("--help"), "{args:?}");
    }
    let help = mfp(&["bench", "--help"], b"");
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--payload <BYTES>"));
}

#[test]
fn load_is_spread_over_agents_and_channels() {
    let args =
        ["bench", "--agents", "3", "--channels", "2", "--payload", "1000", "--messages", "500", "--window", "100"];
    let report = report(&args, b"");
    assert!(field(&report, "messages").starts_with("500, "));
    assert!(field(&report, "bytes").starts_with("500000 "));
    assert_eq!(field(&report, "agents"), "3 pairs, 6 channels");
    assert!(report.contains("500 of 500 answers") && report.contains("6 of 6 channels"));
}

#[test]
fn a_short_text_starts_again() {
    let report = report(&["bench", "-", "--messages", "7", "--channels", "2"], b"aaa\nb\n");
    assert!(field(&report, "bytes").starts_with("15 "));
}
