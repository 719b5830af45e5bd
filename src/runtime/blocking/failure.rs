//! Why a function on another thread returned no value.

use std::io;
use std::panic::resume_unwind;

use crate::util::Payload;

pub(crate) enum Failure {
    Panicked(Payload),
    /// It was not called: the pool has no thread, and the system refused to start one.
    NoThread(io::Error),
}

impl Failure {
    /// Returns the error of a function that was not called; a panic continues here.
    ///
    /// The kind is not that of the system's error, `WouldBlock`, which means "not ready" to users
    /// of an async read or write.
    pub(crate) fn into_error(self) -> io::Error {
        match self {
            Self::Panicked(payload) => resume_unwind(payload),
            Self::NoThread(error) => io::Error::other(format!(
                "a function that blocks needs a thread; there is none, and the system refused to start one: {error}"
            )),
        }
    }
}
