//! Tests of the configuration.

mod accepted;
mod cases;
mod documented;
mod fixture;
mod fuzz;
mod made;
mod refused;
mod schema;
mod secrets;
