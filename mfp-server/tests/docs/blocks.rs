//! The blocks of commands in the documentation are run as they stand.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::names::root;
use crate::place::{LONG, text};

const MARK: &str = "=== the next block ===";

/// The fenced blocks of a text: what stands behind the fence, and what is inside.
fn blocks(text: &str) -> Vec<(String, String)> {
    let (mut all, mut open) = (Vec::new(), None::<(String, String)>);
    for line in text.lines() {
        open = match (open.take(), line.strip_prefix("```")) {
            (None, Some(kind)) => Some((kind.trim().to_owned(), String::new())),
            (Some(block), Some(_)) => {
                all.push(block);
                None
            }
            (Some((kind, inside)), None) => Some((kind, format!("{inside}{line}\n"))),
            (None, None) => None,
        };
    }
    all
}

/// Runs a script in a folder, and returns what it prints. What it has started in the background ends with it.
fn run(folder: &Path, script: &str) -> String {
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
        if start.elapsed() > LONG {
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

/// Ports that are free take the place of those in the text.
fn with_free_ports(text: &str) -> String {
    let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [one, other] = free.map(|listener| format!(":{}", listener.local_addr().unwrap().port()));
    text.replace(":7001", &one).replace(":7002", &other)
}

#[test]
fn the_quickstart_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks(&with_free_ports(&fs::read_to_string(root().join("docs/quickstart.md")).unwrap()));
    let (mut script, mut expected) = (String::new(), Vec::new());
    for (kind, inside) in &blocks {
        match kind.as_str() {
            "sh" => {
                script.extend(["echo '", MARK, "'\n", inside]);
                expected.push(None);
            }
            // The output of the block before it.
            "text" => *expected.last_mut().unwrap() = Some(inside),
            _ => {}
        }
    }
    let shown = expected.iter().flatten().count();
    assert!(expected.len() >= 5 && shown >= 3, "{} blocks, {shown} with output", expected.len());
    let out = run(folder.path(), &script);
    let said: Vec<_> = out.split(&format!("{MARK}\n")).skip(1).collect();
    assert_eq!(said.len(), expected.len());
    for (said, expected) in said.iter().zip(&expected) {
        if let Some(expected) = expected {
            assert_eq!(said, expected);
        }
    }
}

#[test]
fn the_servers_of_the_readme_run() {
    let text = with_free_ports(&fs::read_to_string(root().join("README.md")).unwrap());
    let blocks = blocks(&text);
    let (_, block) = blocks.iter().find(|(kind, inside)| kind == "sh" && inside.contains("mfp init")).unwrap();
    let mut script = String::new();
    for line in block.lines().filter(|line| !line.starts_with("cargo ")) {
        let line = line.split(" #").next().unwrap();
        script.extend([line, if line.starts_with("mfp run") { " &\n" } else { "\n" }]);
    }
    script += "until mfp status --config a/mfp.yaml; do sleep 0.1; done\n";
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &script);
    assert!(said.contains("public_key") && said.contains("uptime_s"), "{said}");
}
