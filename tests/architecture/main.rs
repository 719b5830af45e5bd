//! Checks of the sources and tests: layers, unsafe modules, public names, messages.

mod cancel_steps_complete;
mod circles;
mod cut;
#[path = "../common/installed.rs"]
mod installed;
mod layers;
mod paths;
mod programs;
mod promises_complete;
mod public_aliases;
mod public_names;
mod readme;
mod source;
mod unsafe_modules;
mod wall_time;
