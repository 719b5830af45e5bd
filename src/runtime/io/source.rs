//! A socket and its place in the reactor of the runtime in which it was made: what the floor above waits with.
//!
//! ```text
//!   new ──▶ registered ── poll_io, at home ──▶ the reactor's contract
//!             │    │  └── poll_io, elsewhere ──▶ an error
//!             │    └── into_socket ──▶ taken out of the poller, the socket goes on alone
//!             └── dropped ──────────▶ taken out of the poller, closed
//! ```
//!
//! Both happen at once on every thread, whether the runtime runs at this moment or not: a port is
//! free, a peer sees the end. What is left in the reactor then, the key and those that wait, is
//! ended [at home](HomeKey): at once on the thread that drives the runtime, else by a message. The
//! order matters: out of the poller first, closed second. A descriptor of which a copy is open elsewhere,
//! as in a forked process, stays in the poller when it is closed.
//!
//! It holds two keys and no pointer, so it is `Send`.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use crate::error::NoRuntime;
use crate::reactor::{Direction, Done, Readiness, Side, poll_io};
use crate::runtime::{HomeKey, try_with};
use crate::util::slab::Key;

/// A socket in the reactor of its runtime.
pub(crate) struct IoSource<S: AsFd> {
    /// The socket. Invariant: `None` only once it is being dropped or was given back.
    socket: Option<S>,
    /// Its place in the reactor.
    key: Key,
    home: HomeKey,
}

impl<S: AsFd> IoSource<S> {
    /// Puts a non-blocking socket into the reactor of the runtime that runs here; `known` is what it is ready for.
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

    /// The socket.
    pub(crate) fn get(&self) -> &S {
        self.socket
            .as_ref()
            .expect("it is taken only by what takes `self` too")
    }

    /// Makes `call` when the socket may be ready for it, or sees to it that the task is woken when it is.
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

    /// Takes the socket out of the reactor and returns it.
    pub(crate) fn into_socket(mut self) -> S {
        self.take()
            .expect("only this and `drop` take it, and both once")
    }

    /// Takes the socket out of the reactor, unless that was done before.
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

/// Refuses to go on outside of a runtime, before anything was done.
pub(crate) fn require_runtime() -> io::Result<()> {
    try_with(|_| ()).map_err(no_runtime)
}

/// What making a socket outside of a runtime gives.
#[cold]
fn no_runtime(outside: NoRuntime) -> io::Error {
    io::Error::other(outside)
}

/// What using a socket away from its runtime gives.
#[cold]
pub(crate) fn elsewhere() -> io::Error {
    io::Error::other(
        "this was used away from the wheelhouse runtime in which it was made: use it in a task of that runtime \
         (`Remote::spawn` starts one from another thread); a socket may also be moved over by `into_std` there and \
         `from_std` here",
    )
}
