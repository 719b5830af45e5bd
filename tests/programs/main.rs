//! Runs the examples and the programs of the README and the guide as a person would.

mod examples;
mod graceful;
#[path = "../common/installed.rs"]
mod installed;
#[expect(dead_code, reason = "the programs here are no other half of a test")]
#[path = "../signals/program.rs"]
mod program;
mod readme;
mod tutorial;
