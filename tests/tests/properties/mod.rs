//! Properties of the core, over random inputs.

mod aead;
mod hash;
mod nonces;

use proptest::test_runner::Config;

use crate::property::property;

/// `cases` random cases.
pub(crate) fn config(cases: u32) -> Config {
    property!(cases, "properties")
}
