//! Properties of the core, over random inputs.

mod aead;
mod hash;
mod nonces;

use proptest::test_runner::{Config, FileFailurePersistence};

/// `cases` random cases; a failing one is kept beside the source, and tried first from then on.
pub(crate) fn config(cases: u32) -> Config {
    let failure_persistence = Some(Box::new(FileFailurePersistence::WithSource("regressions")) as _);
    Config { cases, failure_persistence, ..Config::default() }
}
