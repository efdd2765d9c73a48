//! Which files an isolated program may use, and that none of those are hidden ones.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};

use super::Spec;
use crate::config::Subprocess;

/// What programs consist of, and what the C library reads: nothing in it is secret, and nothing of the server.
const SYSTEM: [&str; 22] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/etc/alternatives",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki/tls/certs",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
    "/dev/urandom",
];
/// Devices without a state of their own.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random"];

/// Everything that can be restricted from here on; a kernel that knows less is refused.
const LANDLOCK: ABI = ABI::V6;

/// What a program of this configuration may have, if nothing that is hidden is among it.
pub(super) fn spec(config: &Subprocess, temporary: &Path) -> Result<Spec> {
    let directory = config.directory.canonicalize().context("the working directory")?;
    let mut read = Vec::new();
    if let Some((program, arguments)) = config.command.split_first() {
        read.push(find(program, &directory)?);
        // A script that is named outright, and is not in the working directory.
        read.extend(arguments.iter().map(PathBuf::from).filter(|path| path.is_absolute() && path.is_file()));
    }
    let write = vec![directory, temporary.canonicalize().context("the temporary directory")?];
    let spec = Spec { read, write };
    let system = SYSTEM.iter().map(PathBuf::from);
    for granted in system.chain(spec.read.iter().cloned()).chain(spec.write.iter().cloned()) {
        for hidden in &config.hide {
            keep_apart(&resolve(&granted), &resolve(hidden))?;
        }
    }
    Ok(spec)
}

/// Landlock allows trees, and takes nothing out of one: so what is hidden must not be in one that is allowed.
fn keep_apart(granted: &Path, hidden: &Path) -> Result<()> {
    if hidden.starts_with(granted) || granted.starts_with(hidden) {
        bail!(
            "{} has to be hidden from the program, which needs {}: give the program a directory of its own",
            hidden.display(),
            granted.display()
        );
    }
    Ok(())
}

/// A path without links, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (mut known, mut rest) = (path.as_path(), Vec::new());
    loop {
        if let Ok(found) = known.canonicalize() {
            return rest.iter().rev().fold(found, |path, part| match part {
                Component::ParentDir => path.parent().map(Path::to_owned).unwrap_or(path),
                part => path.join(part),
            });
        }
        rest.extend(known.components().next_back());
        match known.parent() {
            Some(parent) => known = parent,
            None => return path,
        }
    }
}

/// The file of a program, as `execvp` would find it.
fn find(program: &str, directory: &Path) -> Result<PathBuf> {
    if program.contains('/') {
        return Ok(directory.join(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|place| place.join(program)).find(|file| file.is_file());
    found.with_context(|| format!("{program} is not in PATH"))
}

/// Restricts this process, which has one thread, and all that it will start.
pub(super) fn restrict(spec: &Spec) -> Result<()> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(LANDLOCK)))
        .and_then(|rules| rules.scope(Scope::from_all(LANDLOCK)))
        .and_then(Ruleset::create)
        .context("this kernel lacks Landlock of version 6 (Linux 6.12), or it is not enabled")?
        // What a system does not have cannot be read.
        .set_compatibility(CompatLevel::BestEffort)
        .add_rules(path_beneath_rules(SYSTEM.iter().chain(&DEVICES), AccessFs::from_read(LANDLOCK)))?
        .add_rules(path_beneath_rules(&DEVICES, AccessFs::from_file(LANDLOCK) & !AccessFs::IoctlDev))?
        .add_rules(path_beneath_rules(&spec.read, AccessFs::from_read(LANDLOCK)))?
        .add_rules(path_beneath_rules(&spec.write, AccessFs::from_all(LANDLOCK)))?
        .restrict_self()
        .context("Landlock")?;
    ensure!(status.ruleset == RulesetStatus::FullyEnforced, "this kernel does not enforce all that Landlock was told");
    ensure!(status.no_new_privs, "new privileges could not be ruled out");
    Ok(())
}
