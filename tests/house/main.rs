//! What the house asks of its sources and tests, read from them.

mod cancel_steps_complete;
mod cut;
mod floors;
#[path = "../common/installed.rs"]
mod installed;
mod programs;
mod promises_complete;
mod public_aliases;
mod public_names;
mod readme;
mod source;
mod unsafe_doors;
mod wall_time;
