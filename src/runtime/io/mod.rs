//! Sockets and pipes in the reactor of their runtime.

mod driver;
mod source;
mod transfer;

pub(crate) use driver::Io;
pub(crate) use source::{IoSource, elsewhere, require_runtime};
pub(crate) use transfer::for_one_call;
