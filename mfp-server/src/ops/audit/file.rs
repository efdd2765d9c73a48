//! The file of an audit log.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::chain::{End, Entry, Line, continued};
use super::files;
use crate::config;

/// How much of the end is held against its hashes when the log is opened.
const TAIL: u64 = 1 << 20;

/// A log that is written to.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// None: it grows for ever.
    rotation: Option<config::Rotation>,
    file: File,
    end: End,
    /// Bytes of whole lines.
    len: u64,
}

impl Log {
    /// Opens a log, or begins one. What was half written when the machine stopped is cut off, and returned. One that another
    /// process writes to, or whose end was changed, is refused.
    pub(super) fn open(config: &config::Audit) -> Result<(Self, Option<String>)> {
        let path = config.path.as_path();
        let what = || format!("the audit log {}", path.display());
        let mut file = make(path).with_context(what)?;
        file.set_permissions(Permissions::from_mode(0o600)).with_context(what)?;
        file.try_lock().with_context(|| format!("{} is another process's", what()))?;
        let (start, mut bytes) = last(&mut file).with_context(what)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let torn = bytes.split_off(whole);
        let torn = (!torn.is_empty()).then(|| String::from_utf8_lossy(&torn).into_owned());
        if start > 0 && whole == 0 {
            bail!("{} does not end with lines; move it away", what());
        }
        let len = start + whole as u64;
        file.set_len(len).with_context(what)?;
        let mut end = tail(&bytes, start == 0);
        if len == 0
            && let Some((_, before)) = files::before(path).with_context(what)?.last()
        {
            // The machine has stopped between the end of one file and the beginning of the next.
            let (start, bytes) = File::open(before).and_then(|mut file| last(&mut file)).with_context(what)?;
            end = tail(&bytes, start == 0);
        }
        let Some(end) = end else {
            bail!("{} was changed at its end (`mfp export-audit --verify`); move it away to begin another", what());
        };
        sync_folder(path).with_context(what)?;
        Ok((Self { path: path.to_owned(), rotation: config.rotation, file, end, len }, torn))
    }

    /// Writes an entry, in another file if this one is full. After an error nothing of it is there, and it can be tried
    /// again.
    pub(super) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let (mut line, mut end) = self.line(entry)?;
        let full = |rotation: config::Rotation| self.len > 0 && self.len + line.len() as u64 > rotation.max_size;
        if let Some(rotation) = self.rotation.filter(|rotation| full(*rotation)) {
            self.turn(rotation.keep, &entry.time)?;
            (line, end) = self.line(entry)?;
        }
        self.append(&line, end)
    }

    fn line(&self, entry: &Entry) -> io::Result<(String, End)> {
        let mut end = self.end;
        let mut line = end.extend(entry)?;
        line.push('\n');
        Ok((line, end))
    }

    /// Goes on in a new file. What fails can be tried again.
    fn turn(&mut self, keep: usize, time: &str) -> io::Result<()> {
        self.sync()?;
        let full = files::full(&self.path, self.end.seq);
        // An attempt before this one may have come so far.
        if !full.exists() {
            fs::rename(&self.path, full)?;
        }
        let file = make(&self.path)?;
        file.try_lock()?;
        let mut next = Self { path: self.path.clone(), rotation: self.rotation, file, end: self.end, len: 0 };
        let (line, end) = next.line(&continued(time.to_owned(), &self.end))?;
        next.append(&line, end)?;
        next.sync()?;
        sync_folder(&self.path)?;
        *self = next;
        let before = files::before(&self.path)?;
        for (_, file) in before.iter().take(before.len().saturating_sub(keep)) {
            if let Err(error) = fs::remove_file(file) {
                tracing::warn!(%error, file = %file.display(), "a file of the audit log is kept for longer");
            }
        }
        Ok(())
    }

    fn append(&mut self, line: &str, end: End) -> io::Result<()> {
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            self.file.set_len(self.len)?;
            return Err(error);
        }
        self.len += line.len() as u64;
        self.end = end;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn make(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// The end of a file, and where that begins in it.
fn last(file: &mut File) -> io::Result<(u64, Vec<u8>)> {
    let start = file.metadata()?.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok((start, bytes))
}

/// So that a new file is still there after the machine has stopped.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The end of the chain, if these lines hang together. The first of them may be half a line, unless the log begins there.
fn tail(bytes: &[u8], whole: bool) -> Option<End> {
    let text = String::from_utf8_lossy(bytes);
    let first = || text.lines().next().and_then(Line::parse);
    let mut end = whole.then(|| first().map_or_else(End::default, |first| first.beginning()));
    for (index, line) in text.lines().enumerate() {
        if index == 0 && !whole {
            continue;
        }
        let line = Line::parse(line)?;
        if end.is_some_and(|end| !line.follows(&end)) {
            return None;
        }
        end = Some(line.end());
    }
    end
}
