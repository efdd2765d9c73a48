//! The file of an audit log.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::chain::{End, Entry, Line};

/// How much of the end is held against its hashes when the log is opened.
const TAIL: u64 = 1 << 20;

/// A log that is written to.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    end: End,
    /// Bytes of whole lines.
    len: u64,
}

impl Log {
    /// Opens a log, or begins one. What was half written when the machine stopped is cut off, and returned. One that another
    /// process writes to, or whose end was changed, is refused.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<String>)> {
        let what = || format!("the audit log {}", path.display());
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).with_context(what)?;
        file.set_permissions(Permissions::from_mode(0o600)).with_context(what)?;
        file.try_lock().with_context(|| format!("{} is another process's", what()))?;
        let len = file.metadata().with_context(what)?.len();
        let start = len.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start)).with_context(what)?;
        let mut bytes = Vec::new();
        (&file).take(TAIL).read_to_end(&mut bytes).with_context(what)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let torn = bytes.split_off(whole);
        let torn = (!torn.is_empty()).then(|| String::from_utf8_lossy(&torn).into_owned());
        if start > 0 && whole == 0 {
            bail!("{} does not end with lines; move it away", what());
        }
        let len = start + whole as u64;
        file.set_len(len).with_context(what)?;
        let Some(end) = tail(&bytes, start == 0) else {
            bail!("{} was changed at its end (`mfp export-audit --verify`); move it away to begin another", what());
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // So that a new file is still there after the machine has stopped.
            File::open(folder).and_then(|folder| folder.sync_all()).with_context(what)?;
        }
        Ok((Self { file, end, len }, torn))
    }

    /// Writes an entry. After an error nothing of it is there, and it can be tried again.
    pub(super) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let mut end = self.end;
        let mut line = end.extend(entry)?;
        line.push('\n');
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

/// The end of the chain, if these lines hang together. The first of them may be half a line, unless the log begins there.
fn tail(bytes: &[u8], whole: bool) -> Option<End> {
    let text = String::from_utf8_lossy(bytes);
    let mut end = whole.then(End::default);
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
