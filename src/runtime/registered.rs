//! A socket and its place in the reactor of the runtime in which it was made: what the floor above waits with.
//!
//! ```text
//!   new ──▶ registered ── poll_io, at home ──▶ the reactor's contract
//!             │    │  └── poll_io, elsewhere ──▶ an error
//!             │    └── into_socket ──▶ taken out of the reactor, the socket goes on alone
//!             └── dropped ─┬─ at home ──▶ taken out, closed
//!                          ├─ elsewhere ──▶ the descriptor travels home in a message, and the same happens there
//!                          └─ after the runtime's end ──▶ closed
//! ```
//!
//! It holds the runtime's number and a key, no pointer: so it is `Send`, and a runtime that has gone is simply not
//! found.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};

use super::{Core, Hub, Message, try_with};
use crate::error::NoRuntime;
use crate::reactor::{Direction, Done, Readiness, Side, poll_io};
use crate::util::slab::Key;

/// What can be registered: anything that is a descriptor and can be had back from one.
pub(crate) trait Socket: AsFd + Into<OwnedFd> + From<OwnedFd> {}

impl<T: AsFd + Into<OwnedFd> + From<OwnedFd>> Socket for T {}

/// A socket in the reactor of its runtime.
pub(crate) struct Registered<S: Socket> {
    /// The socket. Invariant: `None` only once it is being dropped or was given back.
    socket: Option<S>,
    /// Its place in the reactor.
    key: Key,
    /// The number of its runtime.
    runtime: u32,
}

impl<S: Socket> Registered<S> {
    /// Puts a non-blocking socket into the reactor of the runtime that runs here; `known` is what it is ready for.
    pub(crate) fn new(socket: S, known: Readiness) -> io::Result<Self> {
        let registered = try_with(|core| {
            let key = core.reactor().borrow_mut().register(socket.as_fd(), known);
            Ok((key?, core.hub().number()))
        });
        let (key, runtime) = registered.unwrap_or_else(|outside| Err(no_runtime(outside)))?;
        Ok(Self {
            socket: Some(socket),
            key,
            runtime,
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
        let polled = self.at_home(|core| poll_io(core, side, cx.waker(), || call(self.get())));
        polled.unwrap_or_else(|| Poll::Ready(Err(elsewhere())))
    }

    /// Takes the socket out of the reactor and gives it back.
    ///
    /// Away from home it gives another descriptor of the same socket, as the first one must travel home.
    pub(crate) fn into_socket(mut self) -> io::Result<S> {
        if self.is_away() {
            return Ok(self.get().as_fd().try_clone_to_owned()?.into());
        }
        let socket = self.socket.take().expect("nobody can have taken it before");
        self.at_home(|core| core.forget_source(self.key, socket.as_fd()));
        Ok(socket)
    }

    /// Runs `f` with the runtime, if it runs here.
    fn at_home<R>(&self, f: impl FnOnce(&Core) -> R) -> Option<R> {
        let here = try_with(|core| (core.hub().number() == self.runtime).then(|| f(core)));
        here.ok().flatten()
    }

    /// True when the runtime exists but does not run here.
    fn is_away(&self) -> bool {
        self.at_home(|_| ()).is_none() && Hub::find(self.runtime).is_some()
    }
}

impl<S: Socket> Drop for Registered<S> {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take() else {
            return;
        };
        let fd: OwnedFd = socket.into();
        if self
            .at_home(|core| core.forget_source(self.key, fd.as_fd()))
            .is_none()
            && let Some(hub) = Hub::find(self.runtime)
        {
            hub.send(Message::SourceGone(self.key, fd));
        }
    }
}

impl<S: Socket + fmt::Debug> fmt::Debug for Registered<S> {
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
