//! The files of an audit log: the one that is written to, and those before it, which are full. Each of them has the number of
//! its last entry behind its name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files before this one, the oldest first, by the number of their last entry.
pub(super) fn before(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let rest = name.to_str().zip(path.file_name().and_then(|own| own.to_str()));
        let digits = rest.and_then(|(name, own)| name.strip_prefix(own)?.strip_prefix('.'));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(last) = digits.and_then(|digits| digits.parse().ok()) {
            found.push((last, folder.join(&name)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The name of a file that is full, and ends with this entry.
pub(super) fn full(path: &Path, last: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{last}"));
    PathBuf::from(name)
}

/// The text of all files, in order, up to the last whole line.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    loop {
        let files = before(path)?;
        let mut bytes = Vec::new();
        for (_, file) in &files {
            match fs::read(file) {
                Ok(more) => bytes.extend(more),
                // It is not kept any more: the list has changed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        match fs::read(path) {
            Ok(more) => bytes.extend(more),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !files.is_empty() => {}
            Err(error) => return Err(error),
        }
        // Else the server has begun another file meanwhile.
        if before(path)? == files {
            // What the server is writing at this moment is no line yet.
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            return Ok(String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned());
        }
    }
}
