//! Task groups.

#[path = "../common/mod.rs"]
mod common;

mod basics;
mod ends;
mod hard;
mod turns;
