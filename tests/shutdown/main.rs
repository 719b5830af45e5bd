//! The end of a runtime.

#[path = "../common/mod.rs"]
mod common;

mod exit;
mod hard;
mod order;
