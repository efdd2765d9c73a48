//! Bytes of others as text that is fit for a log: short, and without control characters.

use std::fmt::Write as _;

/// The most bytes of a payload that are shown.
const SHOWN: usize = 4_096;

/// A payload as text where it is UTF-8, else in hexadecimal.
pub(super) fn shown(payload: &[u8]) -> String {
    if std::str::from_utf8(payload).is_ok() {
        return escaped(payload);
    }
    let end = payload.len().min(SHOWN / 2);
    let (bytes, more) = payload.split_at_checked(end).unwrap_or((payload, &[]));
    let mut text = hex::encode(bytes);
    if !more.is_empty() {
        text.push('…');
    }
    text
}

/// Text with its control characters escaped, cut where it is long. What is not UTF-8 in it is replaced.
pub(super) fn escaped(text: &[u8]) -> String {
    let mut out = String::new();
    for character in String::from_utf8_lossy(text).chars() {
        if out.len() >= SHOWN {
            out.push('…');
            break;
        }
        // Format characters turn text around in a terminal as control characters do.
        let turns = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns {
            let _ = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}
