//! Why a function on another thread gave no value.

use std::io;
use std::panic::resume_unwind;

use crate::util::Payload;

/// Why a function on another thread gave no value.
pub(crate) enum Failure {
    /// It panicked.
    Panicked(Payload),
    /// It was not called: the pool had no thread, and the system refused one.
    NoThread(io::Error),
}

impl Failure {
    /// Returns the error of a function that was not called; a panic continues here.
    ///
    /// The kind is not that of the system's error, `WouldBlock`, which users of an async read or write take
    /// for "not ready".
    pub(crate) fn into_error(self) -> io::Error {
        match self {
            Self::Panicked(payload) => resume_unwind(payload),
            Self::NoThread(error) => io::Error::other(format!(
                "a function that blocks needs a thread; there is none, and the system refused to start one: {error}"
            )),
        }
    }
}
