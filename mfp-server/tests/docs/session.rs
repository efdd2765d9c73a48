//! The commands of the documentation are run as they stand, each file as one session.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fences::blocks;
use crate::place::{LONG, text};

const MARK: &str = "=== the next block ===";
/// Files whose commands go on where the quickstart has both servers running.
pub(crate) const AFTER_QUICKSTART: &[&str] =
    &["docs/agents.md", "docs/audit.md", "docs/federation.md", "docs/metrics.md", "docs/operations.md"];

/// Runs a script in a folder, and returns what it prints. What it has started in the background ends with it.
pub(crate) fn run(folder: &Path, script: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_mfp")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let (out, log) = (folder.join("out"), folder.join("err"));
    let script = format!("set -e\ntrap 'kill -9 $(jobs -p) 2> /dev/null || true' EXIT\n{script}");
    let mut command = Command::new("bash");
    command.arg("-c").arg(script).current_dir(folder).env("PATH", path);
    command.env_remove("MFP_CONFIG").env_remove("MFP_CONTROL").stdin(Stdio::null()).process_group(0);
    let mut child = command.stdout(File::create(&out).unwrap()).stderr(File::create(&log).unwrap()).spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if start.elapsed() > 2 * LONG {
            let group = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
            child.wait().unwrap();
            break None;
        }
        sleep(Duration::from_millis(20));
    };
    assert!(status.is_some_and(|status| status.success()), "{status:?}\n{}\n{}", text(&out), text(&log));
    text(&out)
}

/// Puts ports that are free in the place of those in a text.
fn free_ports() -> impl Fn(&str) -> String {
    let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [one, other, http] = free.map(|listener| format!(":{}", listener.local_addr().unwrap().port()));
    move |text| text.replace(":7001", &one).replace(":7002", &other).replace(":9477", &http)
}

/// Whether a line is as expected, where `…` stands for anything.
fn fits(said: &str, expected: &str) -> bool {
    let Some((before, after)) = expected.split_once('…') else { return said == expected };
    let Some(rest) = said.strip_prefix(before) else { return false };
    (0..=rest.len()).filter_map(|at| rest.get(at..)).any(|rest| fits(rest, after))
}

/// Runs all `sh` blocks of a file, after a preamble, and holds what each prints against the `text` block behind it.
/// Returns how many blocks were run, and how many had such a block.
fn session(file: &str, preamble: &str) -> (usize, usize) {
    let (mut script, mut expected) = (preamble.to_owned(), Vec::new());
    for block in blocks(file) {
        match block.kind.as_str() {
            "sh" => {
                script.extend(["echo '", MARK, "'\n", &block.inside]);
                expected.push((block.line, None));
            }
            // The output of the block before it.
            "text" => expected.last_mut().unwrap().1 = Some(block.inside),
            _ => {}
        }
    }
    let (folder, ported) = (tempfile::tempdir().unwrap(), free_ports());
    let out = run(folder.path(), &ported(&script));
    let said: Vec<_> = out.split(&format!("{MARK}\n")).skip(1).collect();
    assert_eq!(said.len(), expected.len(), "{out}");
    for (said, (line, expected)) in said.iter().zip(&expected) {
        let Some(expected) = expected.as_deref().map(&ported) else { continue };
        let same = said.lines().count() == expected.lines().count()
            && said.lines().zip(expected.lines()).all(|(said, expected)| fits(said, expected));
        assert!(same, "{file}:{line}: this was printed:\n{said}\nand this stands there:\n{expected}");
    }
    (expected.len(), expected.iter().filter(|(_, expected)| expected.is_some()).count())
}

/// The commands of the quickstart up to where both servers run and their channels are open.
fn quickstart() -> String {
    let mut script = String::new();
    for block in blocks("docs/quickstart.md").iter().filter(|block| block.kind == "sh") {
        script += &block.inside;
        if block.inside.contains("a channel is open") {
            return script;
        }
    }
    panic!("the quickstart waits for its channels nowhere");
}

#[test]
fn the_quickstart_does_what_it_says() {
    let (run, shown) = session("docs/quickstart.md", "");
    assert!(run >= 5 && shown >= 3, "{run} blocks, {shown} with output");
}

#[test]
fn the_commands_for_operations_do_what_they_say() {
    let (run, shown) = session("docs/operations.md", &quickstart());
    assert!(run >= 5 && shown >= 3, "{run} blocks, {shown} with output");
}

#[test]
fn the_commands_between_organisations_do_what_they_say() {
    session("docs/federation.md", &quickstart());
}

#[test]
fn the_commands_for_agents_do_what_they_say() {
    session("docs/agents.md", &quickstart());
}

#[test]
fn the_commands_for_the_audit_log_do_what_they_say() {
    session("docs/audit.md", &quickstart());
}

#[test]
fn the_commands_for_metrics_do_what_they_say() {
    session("docs/metrics.md", &quickstart());
}

#[test]
fn the_servers_of_the_readme_run() {
    let blocks = blocks("README.md");
    let block = blocks.iter().find(|block| block.kind == "sh" && block.inside.contains("mfp init")).unwrap();
    let mut script = String::new();
    for line in block.inside.lines().filter(|line| !line.starts_with("cargo ")) {
        let line = line.split(" #").next().unwrap();
        script.extend([line, if line.starts_with("mfp run") { " &\n" } else { "\n" }]);
    }
    script += "until mfp status --config a/mfp.yaml; do sleep 0.1; done\n";
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &free_ports()(&script));
    assert!(said.contains("public_key") && said.contains("uptime_s"), "{said}");
}

#[test]
fn a_line_fits_what_is_expected() {
    assert!(fits("a b c", "a b c") && fits("a b c", "a … c") && fits("a b c", "…") && fits("a b c", "a … …"));
    assert!(!fits("a b c", "a b") && !fits("a b c", "… b") && !fits("a b c", "a … d"));
}
