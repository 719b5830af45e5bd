//! A descriptor registered with the reactor of the runtime in which it was created.
//!
//! ```text
//!   new ──▶ registered ── poll_io, at home ────▶ reactor::poll_io
//!             │    │  └── poll_io, elsewhere ──▶ an error
//!             │    └── into_socket ──▶ removed from the poller, returned
//!             └── dropped ──────────▶ removed from the poller, closed
//! ```
//!
//! Both happen at once on every thread, even if the runtime does not run: a port becomes free, a
//! peer sees the end of the stream. The source with its waiters is removed from the reactor [at
//! home](HomeKey): at once on the thread of the runtime, otherwise by a message. The descriptor
//! must be removed from the poller before it is closed, because it stays there while a copy of it
//! is open, for example in a forked process.
//!
//! An `IoSource` contains keys and no pointer, so it is `Send`.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::task::{Context, Poll};

use super::use_error::{UseError, no_runtime};
use crate::reactor::{Direction, Done, Readiness, Side, poll_io};
use crate::runtime::{Core, HomeKey, try_with};
use crate::util::slab::Key;

/// A descriptor in the reactor of its runtime.
pub(crate) struct IoSource<S: AsFd> {
    /// Invariant: `None` only while this is dropped or converted.
    socket: Option<S>,
    key: Key,
    home: HomeKey,
    /// The number of the descriptor that is registered.
    number: RawFd,
}

impl<S: AsFd> IoSource<S> {
    /// Registers a non-blocking descriptor with the runtime of this thread; `known` is its initial
    /// readiness.
    pub(crate) fn new(socket: S, known: Readiness) -> io::Result<Self> {
        Self::try_new(socket, known).map_err(|(_, error)| error)
    }

    /// The same, and gives the socket back on an error.
    pub(crate) fn try_new(socket: S, known: Readiness) -> Result<Self, (S, io::Error)> {
        // `as_fd` may be third-party code.
        let fd = socket.as_fd();
        let number = fd.as_raw_fd();
        let registered = try_with(|core| {
            let key = core.io.register(fd, known);
            Ok((key?, HomeKey::of(core)))
        });
        match registered.unwrap_or_else(|outside| Err(no_runtime(outside))) {
            Ok((key, home)) => Ok(Self {
                socket: Some(socket),
                key,
                home,
                number,
            }),
            Err(error) => Err((socket, error)),
        }
    }

    pub(crate) fn get(&self) -> &S {
        self.socket
            .as_ref()
            .expect("it is taken only by what takes `self` too")
    }

    /// Returns the socket, for changes that may replace it: see
    /// [`unless_replaced`](Self::unless_replaced).
    pub(crate) fn get_mut(&mut self) -> &mut S {
        self.socket
            .as_mut()
            .expect("it is taken only by what takes `self` too")
    }

    /// Returns it, unless the socket has another descriptor than the one that is registered.
    pub(crate) fn unless_replaced(&self) -> io::Result<&Self> {
        if self.get().as_fd().as_raw_fd() == self.number {
            Ok(self)
        } else {
            Err(UseError::Replaced.into())
        }
    }

    /// Makes `call` if the socket may be ready, or arranges that the task is woken when it is.
    pub(crate) fn poll_io<T>(
        &self,
        direction: Direction,
        cx: &Context<'_>,
        mut call: impl FnMut(&S) -> io::Result<Done<T>>,
    ) -> Poll<io::Result<T>> {
        let side = self.side(direction);
        let polled = self
            .home
            .with_home(|core| poll_io(&core.io, side, cx.waker(), || call(self.get())));
        polled.unwrap_or_else(|| Poll::Ready(Err(self.misplaced())))
    }

    /// Returns one direction of it.
    pub(super) fn side(&self, direction: Direction) -> Side {
        Side {
            key: self.key,
            direction,
        }
    }

    /// Runs `f` with the runtime, if it runs here.
    pub(super) fn with_home<R>(&self, f: impl FnOnce(&Core) -> R) -> Option<R> {
        self.home.with_home(f)
    }

    /// Returns the error of using it where its runtime does not run.
    #[cold]
    pub(super) fn misplaced(&self) -> io::Error {
        if self.home.find().is_some() {
            UseError::Elsewhere.into()
        } else {
            UseError::RuntimeEnded.into()
        }
    }

    /// Deregisters the socket and returns it.
    pub(crate) fn into_socket(mut self) -> S {
        self.take()
            .expect("only this and `drop` take it, and both once")
    }

    /// Deregisters the socket, unless that was done before.
    fn take(&mut self) -> Option<S> {
        let socket = self.socket.take()?;
        let fd = socket.as_fd();
        // The registration of another descriptor is not this one's to end.
        let is_replaced = fd.as_raw_fd() != self.number;
        let (key, home) = (self.key, self.home);
        let at_home = home.with_home(|core| {
            if is_replaced {
                core.io.remove(key);
            } else {
                core.io.deregister(key, fd);
            }
        });
        if at_home.is_none()
            && let Some(shared) = home.find()
        {
            if !is_replaced {
                shared.detach(fd);
            }
            home.send_to(&shared, move |core| core.io.remove(key));
        }
        Some(socket)
    }
}

impl<S: AsFd> Drop for IoSource<S> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for IoSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(socket) => socket.fmt(f),
            None => f.write_str("taken"),
        }
    }
}

/// Returns an error outside a runtime.
pub(crate) fn require_runtime() -> io::Result<()> {
    try_with(|_| ()).map_err(no_runtime)
}
