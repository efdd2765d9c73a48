//! A reference model of the runtime, and the real runtime beside it.
//!
//! The model is as plain as can be: lists that only grow, numbers for names, and no state that can be derived. What it
//! says of a step is exact: the answer of the call, everything that comes out of `poll_effect`, the next deadline, the
//! counters, and the content of the store after each batch.

mod admin;
mod compare;
mod durable;
mod history;
mod model;
mod reach;
mod step;
mod sut;
mod test;
mod told;
mod traffic;
mod view;

pub(crate) use model::Model;
pub(crate) use step::{SETUP, Step, Weights};
pub(crate) use sut::Sut;
pub(crate) use test::{Focus, Machine, Reference};
