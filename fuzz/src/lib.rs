//! The bodies of the fuzz targets, as plain functions: each takes any bytes and panics if its property fails.

pub mod deframer;
pub mod item;

/// A body: takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by name. Its seeds are the files in `seeds/<name>/`.
pub const TARGETS: [(&str, Target); 2] = [("deframer", deframer::any_split), ("item_roundtrip", item::roundtrip)];
