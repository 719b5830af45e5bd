//! The errors of using a socket where it is not registered.

use std::io;

use crate::error::NoRuntime;

/// Why a socket, pipe or descriptor cannot be used here.
///
/// It comes inside of an [`io::Error`]: `error.get_ref()?.downcast_ref::<UseError>()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UseError {
    /// Another runtime runs on this thread, or none, and the runtime of the socket has not ended.
    #[error(
        "used outside the wheelhouse runtime in which it was created: use it in a task of that \
         runtime (`Remote::spawn` starts one from another thread); a socket can also be moved here, \
         with `into_std` there and `from_std` here"
    )]
    Elsewhere,
    /// The runtime of the socket has ended.
    #[error(
        "used outside the wheelhouse runtime in which it was created, which has ended: take it out \
         by `into_std` or `into_inner`, and register it by `from_std` or `Registered::new` in a \
         task of a runtime that runs (`Remote::spawn` starts one from another thread)"
    )]
    RuntimeEnded,
    /// The value in a [`Registered`](crate::net::Registered) has another descriptor than it had
    /// when it was registered.
    #[error(
        "the descriptor in this `Registered` was replaced, and nothing watches the new one: take \
         the value out by `into_inner`, and register it by `Registered::new`"
    )]
    Replaced,
}

impl From<UseError> for io::Error {
    fn from(error: UseError) -> Self {
        Self::other(error)
    }
}

/// Returns the error of making a socket outside of a runtime.
#[cold]
pub(super) fn no_runtime(outside: NoRuntime) -> io::Error {
    io::Error::other(outside)
}
