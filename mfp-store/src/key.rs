use std::fmt;
use std::fs;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mfp_proto::crypto::Secret;
use zeroize::Zeroizing;

/// The master key of a store, or the explicit word that there is none.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Key {
    /// A file of 32 raw bytes, or of 64 hexadecimal digits and at most one newline. On Unix only its owner may have
    /// any right to it. See [`KeyError`] for what is refused.
    File(PathBuf),
    /// These 32 bytes, which must not be all zero.
    Bytes(Secret),
    /// No key: payloads and session secrets lie in the file as they are. Whoever reads it reads everything.
    Unencrypted,
}

impl Key {
    /// The bytes of the key; none for [`Key::Unencrypted`]. So that other keys in files can be held to the same rules.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong with it.
    pub fn read(&self) -> Result<Option<Secret>, KeyError> {
        let key = match self {
            Self::File(path) => read_file(path)?,
            Self::Bytes(key) => key.clone(),
            Self::Unencrypted => return Ok(None),
        };
        if key == Secret::from_bytes([0; 32]) {
            return Err(KeyError::Zero);
        }
        Ok(Some(key))
    }
}

/// Why a key was refused. Nothing of the key, nor of what was in its place, is shown.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// The file could not be read.
    Unreadable(io::Error),
    /// Not an ordinary file.
    NotAFile,
    /// Others than its owner have rights to the file: its mode, in the usual octal digits. `chmod 600` mends it; whether
    /// somebody has read the key by then is for you to judge.
    Exposed {
        /// The permission bits.
        mode: u32,
    },
    /// Neither 32 raw bytes nor 64 hexadecimal digits with at most one newline. Keys are never cut, padded or stripped.
    Format {
        /// The length of the file in bytes.
        len: u64,
    },
    /// All bytes are zero: no key, but a file that was never filled.
    Zero,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "the key file cannot be read: {error}"),
            Self::NotAFile => f.write_str("the key is not an ordinary file"),
            Self::Exposed { mode } => write!(f, "the key file has mode {mode:03o}: it must be its owner's alone (600)"),
            Self::Format { len } => write!(
                f,
                "the key file has {len} bytes that are no key: it takes 32 raw bytes, or 64 hexadecimal digits and at \
                 most one newline"
            ),
            Self::Zero => f.write_str("the key is all zero: fill the file with 32 random bytes"),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

/// Longer than any key file.
const ROOM: usize = 66;

/// Opens a file with a secret in it: an ordinary file to which nobody but its owner has any right.
///
/// # Errors
/// [`KeyError::Unreadable`], [`KeyError::NotAFile`] or [`KeyError::Exposed`].
pub fn open_secret(path: &Path) -> Result<File, KeyError> {
    // A pipe that nobody writes to would keep whoever opens it waiting.
    if !fs::metadata(path).map_err(KeyError::Unreadable)?.is_file() {
        return Err(KeyError::NotAFile);
    }
    let file = File::open(path).map_err(KeyError::Unreadable)?;
    // Of the open file, so that nothing can be put in its place in between.
    let metadata = file.metadata().map_err(KeyError::Unreadable)?;
    if !metadata.is_file() {
        return Err(KeyError::NotAFile);
    }
    check_mode(&metadata)?;
    Ok(file)
}

fn read_file(path: &Path) -> Result<Secret, KeyError> {
    let file = open_secret(path)?;
    // With all its room from the start: a buffer that grew would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    (&file).take(ROOM as u64).read_to_end(&mut bytes).map_err(KeyError::Unreadable)?;
    let len = file.metadata().map_err(KeyError::Unreadable)?.len();
    parse(&bytes).ok_or(KeyError::Format { len })
}

#[cfg(unix)]
fn check_mode(metadata: &Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(KeyError::Exposed { mode }),
    }
}

#[cfg(not(unix))]
fn check_mode(_: &Metadata) -> Result<(), KeyError> {
    Ok(())
}

fn parse(bytes: &[u8]) -> Option<Secret> {
    if let Ok(raw) = bytes.try_into() {
        return Some(Secret::from_bytes(raw));
    }
    let digits: &[u8; 64] = bytes.strip_suffix(b"\n").unwrap_or(bytes).try_into().ok()?;
    let mut key = Zeroizing::new([0; 32]);
    for (byte, pair) in key.iter_mut().zip(digits.as_chunks().0) {
        let [high, low] = *pair;
        *byte = (digit(high)? << 4) | digit(low)?;
    }
    Some(Secret::from_bytes(*key))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
