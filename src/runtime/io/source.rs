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
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use crate::error::NoRuntime;
use crate::reactor::{Direction, Done, Readiness, Side, poll_io};
use crate::runtime::{HomeKey, try_with};
use crate::util::slab::Key;

/// A descriptor in the reactor of its runtime.
pub(crate) struct IoSource<S: AsFd> {
    /// Invariant: `None` only while this is dropped or converted.
    socket: Option<S>,
    key: Key,
    home: HomeKey,
}

impl<S: AsFd> IoSource<S> {
    /// Registers a non-blocking descriptor with the runtime of this thread; `known` is its initial
    /// readiness.
    pub(crate) fn new(socket: S, known: Readiness) -> io::Result<Self> {
        let registered = try_with(|core| {
            let key = core.io.register(socket.as_fd(), known);
            Ok((key?, HomeKey::of(core)))
        });
        let (key, home) = registered.unwrap_or_else(|outside| Err(no_runtime(outside)))?;
        Ok(Self {
            socket: Some(socket),
            key,
            home,
        })
    }

    pub(crate) fn get(&self) -> &S {
        self.socket
            .as_ref()
            .expect("it is taken only by what takes `self` too")
    }

    /// Makes `call` if the socket may be ready, or arranges that the task is woken when it is.
    pub(crate) fn poll_io<T>(
        &self,
        direction: Direction,
        cx: &Context<'_>,
        mut call: impl FnMut(&S) -> io::Result<Done<T>>,
    ) -> Poll<io::Result<T>> {
        let side = Side {
            key: self.key,
            direction,
        };
        let polled = self
            .home
            .with_home(|core| poll_io(&core.io, side, cx.waker(), || call(self.get())));
        polled.unwrap_or_else(|| Poll::Ready(Err(elsewhere())))
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
        let (key, home) = (self.key, self.home);
        let at_home = home.with_home(|core| core.io.deregister(key, fd));
        if at_home.is_none()
            && let Some(shared) = home.find()
        {
            shared.detach(fd);
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

/// The error of creating a socket outside a runtime.
#[cold]
fn no_runtime(outside: NoRuntime) -> io::Error {
    io::Error::other(outside)
}

/// The error of using a socket outside its runtime.
#[cold]
pub(crate) fn elsewhere() -> io::Error {
    io::Error::other(
        "used outside the wheelhouse runtime in which it was created: use it in a task of that runtime \
         (`Remote::spawn` starts one from another thread); a socket can also be moved here, with \
         `into_std` there and `from_std` here",
    )
}
