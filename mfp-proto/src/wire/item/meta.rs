use core::fmt;

use super::ItemError;
use crate::id::MessageId;
use crate::wire::cursor::Reader;

const TRACE: u8 = 1;
const REPLY_TO: u8 = 2;
const CONTENT_TYPE: u8 = 3;

/// A W3C trace context (section 7): version (1), trace id (16), parent id (8) and flags (1), opaque here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext([u8; TraceContext::LEN]);

impl TraceContext {
    /// Length in bytes.
    pub const LEN: usize = 26;

    /// The context with these bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// The content type of a message: at most 64 bytes of ASCII, perhaps none (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentType<'a>(&'a str);

impl<'a> ContentType<'a> {
    /// The longest content type, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The content type with this text; `None` if it is longer than 64 bytes or not ASCII.
    pub const fn new(text: &'a str) -> Option<Self> {
        if text.len() <= Self::MAX_LEN && text.is_ascii() { Some(Self(text)) } else { None }
    }

    /// The text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for ContentType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a message says about itself besides its payload (section 7): a valid list of `u8 type ‖ u8 len ‖ value`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Meta<'a>(&'a [u8]);

impl<'a> Meta<'a> {
    /// The longest list, in bytes.
    pub const MAX_LEN: usize = 255;
    /// No metadata.
    pub const EMPTY: Self = Self(&[]);

    /// Reads a list. Unknown types are kept and skipped.
    ///
    /// # Errors
    /// [`ItemError::Meta`] if it is longer than 255 bytes or cut off, if the value of a known type has not its length
    /// or is not ASCII where it must be, or if a known type comes twice.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ItemError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(ItemError::Meta);
        }
        let mut reader = Reader(bytes);
        let mut seen = [false; 4];
        while !reader.is_empty() {
            let (kind, value) = entry(&mut reader).ok_or(ItemError::Meta)?;
            let legal = match kind {
                TRACE => value.len() == TraceContext::LEN,
                REPLY_TO => value.len() == MessageId::LEN,
                CONTENT_TYPE => content_type(value).is_some(),
                _ => continue,
            };
            let again = seen.get_mut(usize::from(kind)).is_none_or(|seen| core::mem::replace(seen, true));
            if !legal || again {
                return Err(ItemError::Meta);
            }
        }
        Ok(Self(bytes))
    }

    /// The list as on the wire.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The trace context.
    pub fn trace(self) -> Option<TraceContext> {
        self.find(TRACE)?.try_into().ok().map(TraceContext)
    }

    /// The message to which this one replies.
    pub fn reply_to(self) -> Option<MessageId> {
        self.find(REPLY_TO)?.try_into().ok().map(MessageId::from_bytes)
    }

    /// The content type.
    pub fn content_type(self) -> Option<ContentType<'a>> {
        content_type(self.find(CONTENT_TYPE)?)
    }

    fn find(self, sought: u8) -> Option<&'a [u8]> {
        let mut reader = Reader(self.0);
        core::iter::from_fn(|| entry(&mut reader)).find(|(kind, _)| *kind == sought).map(|(_, value)| value)
    }
}

impl fmt::Debug for Meta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("trace", &self.trace())
            .field("reply_to", &self.reply_to())
            .field("content_type", &self.content_type())
            .finish_non_exhaustive()
    }
}

fn entry<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    Some((reader.u8()?, reader.short()?))
}

fn content_type(value: &[u8]) -> Option<ContentType<'_>> {
    ContentType::new(core::str::from_utf8(value).ok()?)
}

/// Room for every known entry at its longest.
const BUF_LEN: usize = 2 + TraceContext::LEN + 2 + MessageId::LEN + 2 + ContentType::MAX_LEN;

/// Metadata to send: a fixed buffer of 112 bytes that holds each known entry at most once, in the order of their types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaBuf(heapless::Vec<u8, BUF_LEN>);

impl MetaBuf {
    /// The list of those entries that are there.
    pub fn new(trace: Option<TraceContext>, reply_to: Option<MessageId>, content: Option<ContentType<'_>>) -> Self {
        let mut list = Self(heapless::Vec::new());
        list.push(TRACE, trace.as_ref().map(|trace| &trace.0[..]));
        list.push(REPLY_TO, reply_to.as_ref().map(|id| &id.as_bytes()[..]));
        list.push(CONTENT_TYPE, content.map(|content| content.0.as_bytes()));
        list
    }

    /// The list, to be sent with an item.
    pub fn as_meta(&self) -> Meta<'_> {
        Meta(&self.0)
    }

    fn push(&mut self, kind: u8, value: Option<&[u8]>) {
        if let Some(value) = value
            && let Ok(len) = u8::try_from(value.len())
        {
            // The buffer has room for the longest of each, so this cannot fail.
            let _ = self.0.extend_from_slice(&[kind, len]).and_then(|()| self.0.extend_from_slice(value));
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;
    use std::vec::Vec;

    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn content_types_have_bounds() {
        let text: String = core::iter::repeat_n('x', 65).collect();
        assert_eq!(ContentType::new(&text), None);
        assert_eq!(ContentType::new(&text[1..]).map(ContentType::as_str), Some(&text[1..]));
        assert_eq!(ContentType::new("caf\u{e9}"), None);
        assert!(ContentType::new("").is_some());
    }

    #[test]
    fn known_entries_come_once_with_their_length_and_unknown_ones_as_they_like() {
        let entry = |kind: u8, len: usize| {
            let mut bytes = std::vec![kind, u8::try_from(len).unwrap()];
            bytes.resize(2 + len, b'a');
            bytes
        };
        for kind in 0..=u8::MAX {
            for len in 0..70 {
                let expected = match kind {
                    1 => len == 26,
                    2 => len == 16,
                    3 => len <= 64,
                    _ => true,
                };
                let one = entry(kind, len);
                assert_eq!(Meta::parse(&one).is_ok(), expected, "{kind} {len}");
                assert!(Meta::parse(&one[..one.len() - 1]).is_err(), "cut off");
                let two: Vec<u8> = [&one[..], &one[..]].concat();
                assert_eq!(Meta::parse(&two).is_ok(), expected && !(1..=3).contains(&kind), "{kind} {len} twice");
            }
        }
        assert!(Meta::parse(&entry(9, 253)).is_ok());
        assert!(Meta::parse(&[entry(9, 200), entry(9, 52)].concat()).is_err(), "256 bytes");
        assert!(Meta::parse(&[3, 2, 0xc3, 0xa9]).is_err(), "UTF-8 is not ASCII");
    }

    proptest! {
        #[test]
        fn what_is_built_is_parsed(
            trace in option::of(any::<[u8; 26]>()),
            reply_to in option::of(any::<[u8; 16]>()),
            text in option::of("[ -~]{0,64}"),
        ) {
            let trace = trace.map(TraceContext::from_bytes);
            let reply_to = reply_to.map(MessageId::from_bytes);
            let content = text.as_deref().map(|text| ContentType::new(text).unwrap());
            let built = MetaBuf::new(trace, reply_to, content);
            let parsed = Meta::parse(built.as_meta().as_bytes()).unwrap();
            prop_assert_eq!(parsed, built.as_meta());
            prop_assert_eq!((parsed.trace(), parsed.reply_to(), parsed.content_type()), (trace, reply_to, content));
        }
    }
}
