//! How the program is watched while it runs.

mod health;
mod http;
mod metrics;
mod page;
mod state;

pub(crate) use http::serve;
pub(crate) use state::Ops;
