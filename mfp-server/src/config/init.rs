//! A new configuration, and new keys. Nothing that is there is ever overwritten.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use zeroize::Zeroizing;

use super::address;
use super::load::load;

const TEMPLATE: &str = include_str!("../../assets/init.yaml");

/// What a new configuration is to say.
#[derive(Clone, Debug)]
pub(crate) struct InitOptions {
    pub(crate) deployment: String,
    pub(crate) instance: String,
    /// Host and port where peers may connect; none: nowhere.
    pub(crate) listen: Option<String>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Initialized {
    pub(crate) config: PathBuf,
    pub(crate) identity_key: PathBuf,
    pub(crate) master_key: PathBuf,
}

/// Makes a directory with a configuration that works, and with fresh keys.
///
/// # Errors
/// If there is a configuration or a key already, or the files cannot be written. Then what was written is gone again.
pub(crate) fn init(dir: &Path, options: &InitOptions) -> Result<Initialized> {
    let text = render(options)?;
    let made = Initialized {
        config: dir.join("mfp.yaml"),
        identity_key: dir.join("identity.key"),
        master_key: dir.join("master.key"),
    };
    for path in [&made.config, &made.identity_key, &made.master_key] {
        if path.symlink_metadata().is_ok() {
            bail!("{} is there already: nothing was written", path.display());
        }
    }
    directory(dir)?;
    directory(&dir.join("data"))?;

    let mut written = Vec::new();
    let result = write_all(&made, &text, &mut written);
    if result.is_err() {
        // Only what was made just now, so that another attempt finds the place empty.
        for path in written {
            let _ = fs::remove_file(path);
        }
    }
    result.map(|()| made)
}

fn write_all<'a>(made: &'a Initialized, text: &str, written: &mut Vec<&'a Path>) -> Result<()> {
    for path in [&made.identity_key, &made.master_key] {
        keygen(path)?;
        written.push(path);
    }
    create(&made.config, text.as_bytes())?;
    written.push(&made.config);
    load(&made.config).map(drop).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the new configuration does not work here:\n{}", lines.join("\n"))
    })
}

/// Writes a new key, as 64 hexadecimal digits, to a file that only its owner may read.
///
/// # Errors
/// If there is anything at `path`, or it cannot be written.
pub(crate) fn keygen(path: &Path) -> Result<()> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).context("the system gives no random bytes")?;
    let mut text = Zeroizing::new([0; 65]);
    let (digits, newline) = text.split_at_mut(64);
    hex::encode_to_slice(key.as_slice(), digits).context("a key has 64 digits")?;
    newline.fill(b'\n');
    create(path, &*text)
}

/// Creates a file of its owner alone, durably.
fn create(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let failed = || format!("{} cannot be made", path.display());
    let mut file = options.open(path).with_context(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| sync_parent(path));
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.with_context(failed)
}

/// A new file is there after a power cut once its directory is durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if cfg!(unix) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            File::open(parent)?.sync_all()
        }
        _ => Ok(()),
    }
}

fn directory(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("{} cannot be made", path.display()))
}

fn render(options: &InitOptions) -> Result<String> {
    let listen = match &options.listen {
        None => "[]".to_owned(),
        Some(address) => {
            address::check(address, 0).map_err(|why| anyhow::anyhow!("{address}: {why}"))?;
            format!("[\"{address}\"]")
        }
    };
    let text = TEMPLATE.replace("@LISTEN@", &listen);
    let text = text.replace("@DEPLOYMENT@", &quoted("deployment", &options.deployment)?);
    Ok(text.replace("@INSTANCE@", &quoted("instance", &options.instance)?))
}

/// Text as YAML in quotes.
fn quoted(what: &str, text: &str) -> Result<String> {
    if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
        bail!("the {what} must have 1 to 255 bytes, and no control characters");
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}
