//! Task groups.

#[path = "../common/mod.rs"]
mod common;

mod basics;
mod clean_ups;
mod ends;
mod hard;
mod hostile;
mod turns;
