//! Reading the test vectors.

use std::fs;
use std::string::String;
use std::vec::Vec;

use serde_json::Value;

use crate::crypto::Secret;
use crate::crypto::aead::{Aead, RustCrypto, Suite};
use crate::frame::Depth;
use crate::id::ChannelId;

/// The cases of a file of `tests/vectors/v2`.
pub(super) fn cases(file: &str) -> Vec<Value> {
    let path = [env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/v2/", file].concat();
    let text = fs::read_to_string(&path).expect("the vectors are beside the crate");
    let whole: Value = serde_json::from_str(&text).unwrap();
    let cases = whole["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is text"))
}

pub(super) fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} is a number"))
}

pub(super) fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("{field} is a list"))
}

pub(super) fn bytes(value: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(value, field)).unwrap()
}

pub(super) fn array<const N: usize>(value: &Value, field: &str) -> [u8; N] {
    bytes(value, field).try_into().unwrap_or_else(|_| panic!("{field} has another length"))
}

pub(super) fn secret(value: &Value, field: &str) -> Secret {
    Secret::from_bytes(array(value, field))
}

pub(super) fn suite(case: &Value) -> Suite {
    Suite::from_number(u8::try_from(number(case, "suite")).unwrap()).unwrap()
}

pub(super) fn depth(case: &Value) -> Depth {
    Depth::new(u8::try_from(number(case, "k")).unwrap()).unwrap()
}

/// The channels of a case and what each is bound to.
pub(super) fn binds(case: &Value) -> Vec<(ChannelId, [u8; 32])> {
    let bind = |entry| (ChannelId::from_bytes(array(entry, "channel_id")), array(entry, "bind"));
    list(case, "binds").iter().map(bind).collect()
}

/// The back ends of this build that compute `suite`. Suite 2 has none without a feature.
pub(super) fn back_ends(suite: Suite) -> Vec<&'static dyn Aead> {
    let all: &[&'static dyn Aead] = &[
        &RustCrypto,
        #[cfg(feature = "ring")]
        &crate::crypto::aead::Ring,
    ];
    all.iter().copied().filter(|aead| aead.supports(suite)).collect()
}

pub(super) fn hex_of(bytes: &[u8]) -> String {
    hex::encode(bytes)
}
