//! The two stages between the server and an isolated program.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, close, getegid, geteuid, getpid};

use super::{SUBCOMMAND, Spec, files, filter};

/// Marks the second stage.
const SECOND: &str = "--second";
/// What the stages end with when they fail.
const FAILED: u8 = 125;

/// Runs a stage, if this process was started for one. To be called before anything else: a process with threads cannot
/// leave its namespaces.
pub(crate) fn isolated_main() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != SUBCOMMAND {
        return None;
    }
    let code = stage(arguments.collect()).unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "{error:#}");
        FAILED
    });
    Some(ExitCode::from(code))
}

fn stage(mut arguments: Vec<OsString>) -> Result<u8> {
    close_inherited()?;
    let second = arguments.first().is_some_and(|first| first == SECOND);
    if second {
        arguments.remove(0);
    }
    // These are for the agent's program, which is in the same group; a stage ends after it.
    let mut asked = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        asked.add(signal);
    }
    asked.thread_block()?;
    if second {
        // The first stage has one thread, so this is about its process; the server's threads come and go.
        set_pdeathsig(Signal::SIGKILL)?;
    }
    let [option, spec, end, command @ ..] = arguments.as_slice() else { anyhow::bail!("not for use by hand") };
    ensure!(option == "--spec" && end == "--", "not for use by hand");
    if second { restricted(spec, command) } else { leave(&arguments) }
}

/// Closes what whoever started the server left open for it: the program gets its three streams, and nothing else.
fn close_inherited() -> Result<()> {
    let open = fs::read_dir("/proc/self/fd").context("/proc/self/fd")?;
    let numbers: Vec<i32> = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // An error says that it was the one that listed them.
        let _ = close(number);
    }
    Ok(())
}

/// The first stage: leaves the namespaces and starts the second in new ones.
fn leave(arguments: &[OsString]) -> Result<u8> {
    let (user, group) = (geteuid(), getegid());
    let namespaces =
        CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC;
    unshare(namespaces).context("this system does not allow unprivileged user, network and process namespaces")?;
    // Never root inside: a program that starts as another user starts without any capability.
    let inside = |id: u32| if id == 0 { 65_534 } else { id };
    fs::write("/proc/self/setgroups", "deny").context("setgroups")?;
    let (user, group) = (user.as_raw(), group.as_raw());
    fs::write("/proc/self/uid_map", format!("{} {user} 1", inside(user))).context("uid_map")?;
    fs::write("/proc/self/gid_map", format!("{} {group} 1", inside(group))).context("gid_map")?;
    let own = std::env::current_exe().context("the program's own file")?;
    let mut second = Command::new(own);
    second.arg(SUBCOMMAND).arg(SECOND).args(arguments);
    let status = second.spawn().context("the second stage")?.wait()?;
    Ok(code(status))
}

/// The second stage: gives up its rights, starts the program if there is one, and waits for all processes that end.
fn restricted(spec: &OsString, command: &[OsString]) -> Result<u8> {
    ensure!(getpid() == Pid::from_raw(1), "not the first process of its namespace");
    let spec: Spec = serde_json::from_slice(spec.as_encoded_bytes()).context("the specification")?;
    files::restrict(&spec)?;
    filter::restrict()?;
    let Some((program, arguments)) = command.split_first() else { return Ok(0) };
    let child = Command::new(program).args(arguments).spawn().context("the program could not be started")?;
    let child = i32::try_from(child.id()).map(Pid::from_raw)?;
    loop {
        match waitpid(None, None::<WaitPidFlag>)? {
            WaitStatus::Exited(pid, code) if pid == child => return Ok(u8::try_from(code).unwrap_or(FAILED)),
            WaitStatus::Signaled(pid, signal, _) if pid == child => return Ok(by_signal(signal as i32)),
            _ => {}
        }
    }
}

fn code(status: std::process::ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.or_else(|| status.signal().map(by_signal)).unwrap_or(FAILED)
}

/// As a shell says it.
fn by_signal(signal: i32) -> u8 {
    u8::try_from(signal).unwrap_or(0).saturating_add(128)
}
