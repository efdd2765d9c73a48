//! How the program is watched while it runs.

mod audit;
mod connections;
mod health;
mod http;
mod metrics;
mod page;
mod state;

pub(crate) use audit::{Audit, Fault, Hash, Line, Whole, read, verify};
pub(crate) use http::serve;
pub(crate) use state::Ops;
