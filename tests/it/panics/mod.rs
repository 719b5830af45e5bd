//! Panics, wherever they come from.

mod main_future;
mod tasks;
