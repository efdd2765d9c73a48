use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cli::Bench;

const BUNDLED: &[u8] = include_bytes!("../../assets/mirror-frames.txt");
/// Messages of random bytes, unless something else is asked for.
const RANDOM_MESSAGES: u64 = 10_000;
/// Different payloads of random bytes.
const RANDOM_PAYLOADS: u32 = 64;

/// What is sent.
#[derive(Debug)]
pub(crate) struct Input {
    /// Where it comes from, for people.
    pub(crate) name: String,
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Messages to send; 0 if there is no payload.
    pub(crate) messages: u64,
    /// Empty lines, which are not sent.
    pub(super) skipped: u64,
}

impl Input {
    pub(super) fn read(args: &Bench) -> Result<Self> {
        let mut input = match args.payload {
            Some(len) => Self::random(len),
            None => Self::text(args.file.as_deref())?,
        };
        if let Some(messages) = args.messages {
            input.repeat(messages);
        }
        Ok(input)
    }

    /// The lines of a file, of standard input if that is `-`, or of the bundled text.
    pub(crate) fn text(file: Option<&Path>) -> Result<Self> {
        let limit = mfp_tokio::Config::default().limits.payload;
        match file {
            None => Self::from_text("the bundled text", BUNDLED, limit),
            Some(path) if path == Path::new("-") => {
                let mut text = Vec::new();
                io::stdin().lock().read_to_end(&mut text).context("standard input could not be read")?;
                Self::from_text("standard input", &text, limit)
            }
            Some(path) => {
                let name = path.display().to_string();
                let text = fs::read(path).with_context(|| format!("{name} could not be read"))?;
                Self::from_text(&name, &text, limit)
            }
        }
    }

    /// So many messages: the text starts again as often as it takes.
    pub(crate) fn repeat(&mut self, messages: u64) {
        self.messages = if self.payloads.is_empty() { 0 } else { messages };
    }

    fn from_text(name: &str, text: &[u8], limit: u32) -> Result<Self> {
        let mut input = Self { name: name.to_owned(), payloads: Vec::new(), messages: 0, skipped: 0 };
        for (number, line) in (1u64..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > limit as usize {
                bail!("{name}, line {number}: {} bytes, and a message has at most {limit}", line.len());
            }
            if line.is_empty() {
                input.skipped += 1;
            } else {
                input.payloads.push(line.to_vec());
                input.messages += 1;
            }
        }
        Ok(input)
    }

    /// Bytes that look random and are the same at every run.
    fn random(len: u32) -> Self {
        let mut rng = mfp_tokio::mfp_proto::crypto::rng::Rng::new([0x5a; 32]);
        let payloads = (0..RANDOM_PAYLOADS).map(|_| {
            let mut payload = vec![0; len as usize];
            rng.fill(&mut payload);
            payload
        });
        let name = format!("random messages of {len} bytes");
        Self { name, payloads: payloads.collect(), messages: RANDOM_MESSAGES, skipped: 0 }
    }

    /// The payload of the message with this number, from 0.
    pub(crate) fn payload(&self, message: u64) -> &[u8] {
        let count = self.payloads.len() as u64;
        let index = message.checked_rem(count).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.payloads.get(index)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> (Vec<Vec<u8>>, u64) {
        let input = Input::from_text("text", text, 8).unwrap();
        assert_eq!(input.messages, input.payloads.len() as u64);
        (input.payloads, input.skipped)
    }

    #[test]
    fn lines_are_what_an_editor_shows() {
        assert_eq!(lines(b""), (vec![], 0));
        assert_eq!(lines(b"\n\n"), (vec![], 2));
        assert_eq!(lines(b"a\n\r\n\xff b\r\n\nc"), (vec![b"a".to_vec(), b"\xff b".to_vec(), b"c".to_vec()], 2));
        assert_eq!(lines(b"a\n"), (vec![b"a".to_vec()], 0));
    }

    #[test]
    fn a_line_that_is_too_long_is_named() {
        let error = Input::from_text("text", b"12345678\n\n123456789\n", 8).unwrap_err();
        assert_eq!(error.to_string(), "text, line 3: 9 bytes, and a message has at most 8");
    }
}
