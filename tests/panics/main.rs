//! Panics, wherever they come from.

#[path = "../common/mod.rs"]
mod common;

mod main_future;
mod tasks;
