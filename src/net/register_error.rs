//! The error of a registration, with the value that was not registered.

use std::fmt;
use std::io::{self, ErrorKind};

use rustix::io::Errno;

use crate::error::NoRuntime;

/// The error of [`Registered::new`](super::Registered::new). It holds the value that was not
/// registered.
pub struct RegisterError<T> {
    io: T,
    problem: RegisterProblem,
}

/// Why a descriptor was not registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterProblem {
    /// No runtime runs on this thread.
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
    /// The descriptor is registered with this runtime.
    #[error(
        "the descriptor is registered with this runtime already: share that `Registered` (by a \
         reference or an `Rc`), or register a duplicate of the descriptor (`try_clone`)"
    )]
    AlreadyRegistered,
    /// The kernel has no readiness for this kind of file, as for a regular file or a directory.
    #[error(
        "the kernel cannot watch this kind of file (a regular file or a directory, for example), \
         which never says that it is not ready: use `wheelhouse::fs::File`, or `to_thread` for \
         other calls"
    )]
    NotPollable,
    /// Another error of the system.
    #[error("the system refuses to watch the descriptor: {0}")]
    System(io::Error),
}

impl RegisterProblem {
    /// Finds out what an error of the reactor means.
    pub(super) fn of(error: io::Error) -> Self {
        let outside = error.get_ref().and_then(|inner| inner.downcast_ref());
        match (outside, error.raw_os_error().map(Errno::from_raw_os_error)) {
            (Some(&NoRuntime(())), _) => Self::NoRuntime(NoRuntime(())),
            (_, Some(Errno::EXIST)) => Self::AlreadyRegistered,
            (_, Some(Errno::PERM)) => Self::NotPollable,
            _ => Self::System(error),
        }
    }
}

impl<T> RegisterError<T> {
    pub(super) fn new(io: T, problem: RegisterProblem) -> Self {
        Self { io, problem }
    }

    /// Returns why the value was not registered.
    pub fn problem(&self) -> &RegisterProblem {
        &self.problem
    }

    /// Returns the value that was not registered.
    pub fn into_inner(self) -> T {
        self.io
    }
}

impl<T> From<RegisterError<T>> for io::Error {
    /// Drops the value. The error has the [`RegisterProblem`] inside, except for an error of the
    /// system, which is returned as it is.
    fn from(error: RegisterError<T>) -> Self {
        let problem = error.problem;
        match problem {
            RegisterProblem::System(error) => error,
            RegisterProblem::AlreadyRegistered => Self::new(ErrorKind::AlreadyExists, problem),
            RegisterProblem::NotPollable => Self::new(ErrorKind::InvalidInput, problem),
            RegisterProblem::NoRuntime(_) => Self::other(problem),
        }
    }
}

impl<T> fmt::Debug for RegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RegisterError").field(&self.problem).finish()
    }
}

impl<T> fmt::Display for RegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl<T> std::error::Error for RegisterError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            RegisterProblem::System(error) => Some(error),
            _ => None,
        }
    }
}
