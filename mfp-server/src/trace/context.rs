//! W3C trace contexts: as text in the form of the header `traceparent`, and as the 26 bytes that travel with a message
//! (section 7 of the protocol).

use std::fmt;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// Bytes of a context in a message.
const LEN: usize = 26;

/// Which span something continues. Neither of its ids is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    trace: TraceId,
    span: SpanId,
    flags: u8,
}

impl Context {
    /// That of a span, if it has one.
    pub(super) fn of(span: &SpanContext) -> Option<Self> {
        let (trace, span, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
        (trace != TraceId::INVALID && span != SpanId::INVALID).then_some(Self { trace, span, flags })
    }

    /// As it came with a message. What a peer made up is passed over: it is no reason to lose the message.
    pub(crate) fn from_bytes(bytes: &[u8; LEN]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (trace, rest) = rest.split_first_chunk()?;
        let (span, rest) = rest.split_first_chunk()?;
        Self::new(*version, TraceId::from_bytes(*trace), SpanId::from_bytes(*span), *rest.first()?)
    }

    /// The text of a header. A later version is read as far as it is like this one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version] = hex(parts.next()?)?;
        let (trace, span) = (TraceId::from_bytes(hex(parts.next()?)?), SpanId::from_bytes(hex(parts.next()?)?));
        let [flags] = hex(parts.next()?)?;
        if version == 0 && parts.next().is_some() {
            return None;
        }
        Self::new(version, trace, span, flags)
    }

    /// Of a version that is not known only the flag "sampled" means the same.
    fn new(version: u8, trace: TraceId, span: SpanId, flags: u8) -> Option<Self> {
        let flags = if version == 0 { flags } else { flags & TraceFlags::SAMPLED.to_u8() };
        let valid = version != 0xff && trace != TraceId::INVALID && span != SpanId::INVALID;
        valid.then_some(Self { trace, span, flags })
    }

    /// As it travels with a message.
    pub(crate) fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let parts = [0].into_iter().chain(self.trace.to_bytes()).chain(self.span.to_bytes()).chain([self.flags]);
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        bytes
    }

    pub(super) const fn trace_id(&self) -> TraceId {
        self.trace
    }

    pub(super) const fn span_id(&self) -> SpanId {
        self.span
    }

    /// As the parent of a span.
    pub(super) fn parent(&self) -> SpanContext {
        SpanContext::new(self.trace, self.span, TraceFlags::new(self.flags), true, TraceState::NONE)
    }
}

/// As in the header `traceparent`.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// So many bytes as hexadecimal digits, of which no capital is one.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_the_standard_shows_is_read_and_written() {
        let context = Context::parse(TEXT).unwrap();
        assert_eq!(context.to_string(), TEXT);
        let bytes = context.to_bytes();
        assert_eq!(hex::encode(bytes), TEXT.replace('-', ""));
        assert_eq!(Context::from_bytes(&bytes), Some(context));
    }

    #[test]
    fn what_it_forbids_is_refused() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(text), None, "{text}");
        }
        let mut bytes = Context::parse(TEXT).unwrap().to_bytes();
        bytes[0] = 0xff;
        assert_eq!(Context::from_bytes(&bytes), None);
    }

    #[test]
    fn a_later_version_is_read_as_this_one() {
        let later = Context::parse(&format!("cc{}-more", TEXT.replace("-01", "-ff").trim_start_matches("00"))).unwrap();
        assert_eq!(later.to_string(), TEXT);
    }

    proptest! {
        #[test]
        fn anything_is_refused_or_comes_back(text in "\\PC*", bytes in any::<[u8; LEN]>()) {
            if let Some(context) = Context::parse(&text) {
                prop_assert_eq!(Context::parse(&context.to_string()), Some(context));
            }
            if let Some(context) = Context::from_bytes(&bytes) {
                prop_assert_eq!(Context::from_bytes(&context.to_bytes()), Some(context));
                prop_assert_eq!(Context::parse(&context.to_string()), Some(context));
            }
        }
    }
}
