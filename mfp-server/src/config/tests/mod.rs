//! Tests of the configuration.

mod accepted;
mod cases;
mod conforms;
mod documented;
mod fixture;
mod fuzz;
mod made;
mod refused;
mod schema;
mod secrets;
