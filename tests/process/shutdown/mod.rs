//! The end of a runtime.

mod exit;
mod hard;
mod order;
