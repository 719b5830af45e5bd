//! The end of a runtime.

#[path = "../common/mod.rs"]
mod common;

mod hard;
mod order;
