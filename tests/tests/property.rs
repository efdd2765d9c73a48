//! How the property tests run.

use proptest::test_runner::{Config, FileFailurePersistence};

/// `cases` random cases, unless `PROPTEST_CASES` says otherwise. A failing one is kept in this file, and tried first from
/// then on.
pub(crate) fn config(cases: u32, file: &'static str) -> Config {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config.failure_persistence = Some(Box::new(FileFailurePersistence::Direct(file)));
    config
}

/// [`config`] with the regressions of this name.
macro_rules! property {
    ($cases:expr, $name:literal) => {
        $crate::property::config($cases, concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/", $name, ".txt"))
    };
}
pub(crate) use property;
