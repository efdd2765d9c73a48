//! Frames (section 2): blocks, the mirror, and sampling from the distribution.

mod depth;
mod distribution;
mod mirror;

pub use depth::{BLOCK_LEN, Depth};
pub(crate) use distribution::distribution_message;
pub use distribution::{distribution_seed, sample};
pub use mirror::{matches, mirror_into, mirrors};
