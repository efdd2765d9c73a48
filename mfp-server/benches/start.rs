//! How long `mfp run` takes from its start until it answers, with 1,000 channels in its store, and what memory it has then.
//!
//! The lines that begin with `bar` give a name, a value and its limit.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench may panic")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench measures time")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const CHANNELS: usize = 1_000;
const ROUNDS: usize = 9;

struct Server {
    folder: tempfile::TempDir,
    listen: String,
    name: &'static str,
}

/// A server that runs, and ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mfp() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfp"));
    command.env_remove("MFP_CONFIG").env_remove("MFP_CONTROL").stdin(Stdio::null());
    command
}

impl Server {
    fn new(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for key in ["identity.key", "master.key"] {
            assert!(mfp().arg("keygen").arg(folder.path().join(key)).output().unwrap().status.success());
        }
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let server = Self { folder, listen, name };
        server.configure("");
        server
    }

    fn configure(&self, more: &str) {
        let (name, listen) = (self.name, &self.listen);
        let text = format!(
            "runtime: {{deployment: bench, instance: {name}, identity_key_file: identity.key, \
             limits: {{channels_per_agent: 2000}}}}\n\
             storage: {{path: mfp.db, master_key_file: master.key}}\n\
             transport: {{listen: [\"{listen}\"]}}\nagents: [{{name: agent, type: external}}]\n{more}"
        );
        fs::write(self.folder.path().join("mfp.yaml"), text).unwrap();
    }

    fn card(&self) -> String {
        let output = mfp().args(["pubkey", "--json", "--config"]).arg(self.folder.path().join("mfp.yaml")).output();
        let card: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        format!(
            "{{name: {}, public_key: {}, runtime_id: {}, address: \"{}\", accept: all}}",
            self.name,
            card["public_key"].as_str().unwrap(),
            card["runtime_id"].as_str().unwrap(),
            self.listen
        )
    }

    fn start(&self) -> Running {
        let mut command = mfp();
        command.args(["run", "--config"]).arg(self.folder.path().join("mfp.yaml"));
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Asks it; `None` while it is not there.
    fn ask(&self, request: &str) -> Option<Value> {
        ask(&self.folder.path().join("mfp.sock"), request)
    }

    fn wait(&self) {
        let start = Instant::now();
        while self.ask("{\"do\":\"status\"}").is_none() {
            assert!(start.elapsed() < Duration::from_mins(1));
            sleep(Duration::from_millis(1));
        }
    }
}

fn ask(socket: &Path, request: &str) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    writeln!(stream, "{request}").ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    let answer: Value = serde_json::from_str(&line).ok()?;
    Some(answer.get("ok").cloned().unwrap_or_else(|| panic!("{line}")))
}

fn resident(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() << 10
}

#[allow(clippy::cast_precision_loss, reason = "they are megabytes")]
fn main() {
    let (a, b) = (Server::new("a"), Server::new("b"));
    let (card_a, card_b) = (a.card(), b.card());
    a.configure(&format!("federation: {{peers: [{card_b}]}}\n"));
    b.configure(&format!("federation: {{peers: [{card_a}]}}\n"));
    let (first, _other) = (a.start(), b.start());
    a.wait();
    b.wait();
    for _ in 0..CHANNELS {
        a.ask("{\"do\":\"open\",\"agent\":\"agent\",\"peer\":\"b\",\"to\":\"agent\"}").unwrap();
    }
    assert_eq!(a.ask("{\"do\":\"status\"}").unwrap()["channels"], CHANNELS);
    drop(first);
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let _ = fs::remove_file(a.folder.path().join("mfp.sock"));
        let start = Instant::now();
        let running = a.start();
        a.wait();
        times.push(start.elapsed().as_secs_f64() * 1e3);
        assert_eq!(a.ask("{\"do\":\"status\"}").unwrap()["channels"], CHANNELS);
        sleep(Duration::from_secs(2));
        bytes = bytes.max(resident(&running.0));
    }
    times.sort_by(f64::total_cmp);
    println!("bar cold_start_ms {:.1} 100", times[ROUNDS / 2]);
    println!("bar idle_resident_mib {:.1} 20", bytes as f64 / f64::from(1 << 20));
}
