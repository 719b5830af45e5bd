//! Sockets and pipes in the reactor of their runtime.

mod driver;
mod readiness;
mod source;
mod transfer;
mod use_error;

pub(crate) use driver::Io;
pub(crate) use source::{IoSource, require_runtime};
pub use use_error::UseError;
