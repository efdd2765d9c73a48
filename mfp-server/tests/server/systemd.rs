//! What systemd is told, and the unit that it is told by.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::place::{LONG, Server};

const UNIT: &str = include_str!("../../deploy/mfp.service");

/// The next word, by a time.
fn word(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4_096];
    let len = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..len].to_vec()).unwrap()
}

/// Words until this one; those of the watchdog in between are counted.
fn until_word(socket: &UnixDatagram, begins: &str) -> (String, usize) {
    let (start, mut pulses) = (Instant::now(), 0);
    loop {
        let said = word(socket);
        if said.starts_with(begins) {
            return (said, pulses);
        }
        assert_eq!(said, "WATCHDOG=1\n", "while `{begins}` is waited for");
        pulses += 1;
        assert!(start.elapsed() < LONG, "no `{begins}`");
    }
}

#[test]
fn systemd_is_told_when_it_is_ready_reloads_and_stops() {
    let mut server = Server::init("a");
    server.configure("a", "agents: [{name: echo, type: echo}]\n");
    let socket = UnixDatagram::bind(server.file("notify")).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let path = server.file("notify").into_os_string();
    server.start_with(&[("NOTIFY_SOCKET", path.as_os_str()), ("WATCHDOG_USEC", "150000".as_ref())]);
    assert_eq!(word(&socket), "READY=1\n");
    // Again and again.
    for _ in 0..3 {
        until_word(&socket, "WATCHDOG=1\n");
    }
    let before = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    server.signal(Signal::HUP);
    let (said, _) = until_word(&socket, "RELOADING=1\n");
    let now = said.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    let after = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = |time: rustix::time::Timespec| time.tv_sec * 1_000_000 + time.tv_nsec / 1_000;
    assert!((micros(before)..=micros(after)).contains(&now.parse().unwrap()), "{said}");
    until_word(&socket, "READY=1\n");
    // One that is refused ends too.
    fs::write(server.file("mfp.yaml"), "nonsense: true\n").unwrap();
    server.signal(Signal::HUP);
    until_word(&socket, "RELOADING=1\n");
    until_word(&socket, "READY=1\n");
    server.signal(Signal::TERM);
    until_word(&socket, "STOPPING=1\n");
    assert!(server.child.take().unwrap().wait().unwrap().success());
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let mut rest = [0; 64];
    loop {
        match socket.recv(&mut rest) {
            Ok(len) => assert_eq!(&rest[..len], b"WATCHDOG=1\n", "it drains, and says nothing else"),
            Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

/// Systemd's own check of the unit, where it is installed.
#[test]
fn the_unit_is_sound() {
    assert!(UNIT.contains("Type=notify") && UNIT.contains("WatchdogSec="));
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("mfp.service");
    // The program is where it was built, and the user is one that is there.
    let here = UNIT.replace("/usr/bin/mfp", env!("CARGO_BIN_EXE_mfp")).replace("=mfp\nGroup=mfp", "=root\nGroup=root");
    assert_ne!(here, UNIT);
    fs::write(&unit, here).unwrap();
    let Some(said) = verify(&unit) else {
        eprintln!("SKIPPED: there is no `systemd-analyze` here, so that the unit is not checked");
        return;
    };
    assert!(said.is_empty(), "{said}");
    // And it does find what is wrong.
    fs::write(&unit, UNIT.replace("WatchdogSec=30", "WatchdogSec=never")).unwrap();
    assert!(!verify(&unit).unwrap().is_empty());
}

/// What is wrong with a unit, in systemd's words; none if it is not there.
fn verify(unit: &Path) -> Option<String> {
    let checked = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit).output().ok()?;
    let said = String::from_utf8(checked.stderr).unwrap();
    // Other units of this machine are not ours to mend.
    Some(said.lines().filter(|line| line.contains("mfp.service")).collect::<Vec<_>>().join("\n"))
}
