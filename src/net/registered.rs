//! Readiness of any descriptor.
//!
//! ```text
//!                    readable, writable              the descriptor is ready
//!                 ┌──────────────────────▶ waiting ──────────────────────────┐
//!                 │                                                          ▼
//!   new ──▶ registered ◀─────────────────────────────────────────────────── Ok
//!            │    │  └── try_io, async_io: the caller's own system call
//!            │    └── into_inner ──▶ removed from epoll, open
//!            └── dropped ──────────▶ removed from epoll, closed by the destructor of `T`
//! ```
//!
//! Everything that waits is [`IoSource`]'s; this type adds what a value of users' own may do wrong:
//! a descriptor that epoll refuses, one that is registered already, one that is replaced through
//! [`get_mut`](Registered::get_mut). `T::as_fd` is third-party code, so nothing is borrowed while
//! it runs.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use rustix::io::ioctl_fionbio;

use super::register_error::{RegisterError, RegisterProblem};
use crate::reactor::{Direction, Done, Readiness};
use crate::runtime::IoSource;

/// Any file descriptor, registered with the runtime's event loop (asyncio: `loop.add_reader`,
/// tokio: `AsyncFd`, async-io: `Async`).
///
/// It waits until the descriptor is [readable](Self::readable) or [writable](Self::writable), and
/// makes system calls on it that would otherwise block: [`async_io`](Self::async_io). It is for
/// descriptors that this crate has no type for: inotify, timerfd, signalfd, terminals, serial
/// ports, raw and SEQPACKET sockets, and those inside C libraries.
///
/// All methods that wait take `&self`, and any number of tasks may wait at once. If `&T` implements
/// `Read` or `Write`, as `&File` and the sockets and pipes of std do, the `Registered` implements
/// the traits of `futures::io`.
///
/// Dropping it removes the registration and drops `T`, which closes the descriptor if `T` owns it.
/// This happens at once on every thread, also after the end of the runtime. `T` may also be a
/// reference or a `BorrowedFd`, if its owner stays open for as long.
///
/// # Readiness
/// [`readable`](Self::readable) returns if the kernel says so at that moment, as asyncio's
/// `add_reader` does. So it does not matter what reads from the descriptor: `try_io`, the methods
/// of the value itself through [`get_ref`](Self::get_ref), or a library that knows nothing of this
/// crate; and a caller that leaves some bytes unread is notified again. Of several tasks that wait,
/// all are woken, and only one may find something: a call after `readable` may still return
/// `WouldBlock`.
///
/// # Examples
/// A timerfd of Linux:
///
/// ```
/// use rustix::time::{
///     Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
///     timerfd_settime,
/// };
/// use wheelhouse::net::{Direction, Registered};
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
///     let timer = Registered::new(timer)?;
///     let millisecond = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
///     let times = Itimerspec { it_interval: Timespec::default(), it_value: millisecond };
///     timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times)?;
///
///     let mut expirations = [0; 8];
///     let read = |timer: &_| Ok(rustix::io::read(timer, &mut expirations)?);
///     assert_eq!(timer.async_io(Direction::Read, read).await?, 8);
///     assert_eq!(u64::from_ne_bytes(expirations), 1);
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "add_reader")]
#[doc(alias = "add_writer")]
#[doc(alias = "remove_reader")]
#[doc(alias = "AsyncFd")]
#[doc(alias = "Async")]
#[derive(Debug)]
pub struct Registered<T: AsFd> {
    source: IoSource<T>,
}

impl<T: AsFd> Registered<T> {
    /// Registers a descriptor and makes it non-blocking.
    ///
    /// It is registered for both directions. [`into_inner`](Self::into_inner) undoes the
    /// registration; the descriptor then stays non-blocking.
    ///
    /// # Errors
    /// [`RegisterError`], which contains `io`: outside a runtime; if the descriptor is
    /// registered already; if it cannot be watched, as a regular file; those of `epoll_ctl` and
    /// `ioctl`. `?` converts it to an [`io::Error`].
    pub fn new(io: T) -> Result<Self, RegisterError<T>> {
        let registered = Self::new_keeping_mode(io)?;
        match ioctl_fionbio(&registered, true) {
            Ok(()) => Ok(registered),
            Err(error) => {
                let problem = RegisterProblem::System(error.into());
                Err(RegisterError::new(registered.into_inner(), problem))
            }
        }
    }

    /// Registers a descriptor and leaves it blocking or non-blocking, as it is.
    ///
    /// For descriptors that others use, too: `O_NONBLOCK` belongs to the open file, so programs
    /// that share a terminal or a pipe also share the flag, and a C library may rely on a blocking
    /// socket. If the descriptor is blocking, wait with [`readable`](Self::readable) before each
    /// call, and make one call: a call that blocks stops all tasks of the thread. Do not use
    /// [`async_io`](Self::async_io) and the traits of `futures::io` then.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn new_keeping_mode(io: T) -> Result<Self, RegisterError<T>> {
        // The first wait asks the kernel, so nothing that is ready already waits for the loop.
        let known = Readiness::READABLE | Readiness::WRITABLE;
        match IoSource::try_new(io, known) {
            Ok(source) => Ok(Self { source }),
            Err((io, error)) => Err(RegisterError::new(io, RegisterProblem::of(error))),
        }
    }

    /// Returns the value with the descriptor.
    pub fn get_ref(&self) -> &T {
        self.source.get()
    }

    /// Returns the value with the descriptor.
    ///
    /// A value with another descriptor must not be put in its place: that is not registered, and
    /// methods that wait return [`UseError::Replaced`](super::UseError::Replaced).
    pub fn get_mut(&mut self) -> &mut T {
        self.source.get_mut()
    }

    /// Ends the registration and returns the value. This works on every thread.
    pub fn into_inner(self) -> T {
        self.source.into_socket()
    }

    /// Waits until a read does not block: there are bytes, a connection, the end of the stream, an
    /// error or urgent data.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// [`UseError`](super::UseError), if the runtime of the registration does not run here.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Waits until a write does not block: there is space for bytes, or an error to report.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As for [`readable`](Self::readable).
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_writable(cx)).await
    }

    /// Polls [`readable`](Self::readable), for futures that are written by hand. Any number of
    /// tasks may wait; the waker of each is kept.
    ///
    /// # Errors
    /// As for [`readable`](Self::readable).
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source()?.poll_ready(Direction::Read, cx)
    }

    /// Polls [`writable`](Self::writable), for futures that are written by hand.
    ///
    /// # Errors
    /// As for [`readable`](Self::readable).
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source()?.poll_ready(Direction::Write, cx)
    }

    /// Makes a system call in a direction, as soon as it does not block.
    ///
    /// `call` must not block: it returns an error of the kind
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) instead, and is then repeated when the descriptor
    /// is ready. It may be called several times.
    ///
    /// # Cancel safety
    /// A future that is dropped while it waits has done nothing, if `call` does nothing when it
    /// returns `WouldBlock`.
    ///
    /// # Errors
    /// Those of `call`, except `WouldBlock` and `Interrupted`;
    /// [`UseError`](super::UseError), if the runtime of the registration does not run here.
    ///
    /// # Examples
    /// ```
    /// use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
    /// use wheelhouse::net::{Direction, Registered};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wheelhouse::run(async {
    ///     let kind = SocketType::SEQPACKET;
    ///     let flags = SocketFlags::CLOEXEC;
    ///     let (one, other) = rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None)?;
    ///     let (one, other) = (Registered::new(one)?, Registered::new(other)?);
    ///
    ///     let send = |fd: &_| Ok(rustix::net::send(fd, b"packet", SendFlags::NOSIGNAL)?);
    ///     one.async_io(Direction::Write, send).await?;
    ///     let mut packet = [0; 100];
    ///     let receive = |fd: &_| Ok(rustix::net::recv(fd, &mut packet, RecvFlags::empty())?);
    ///     let (_, length) = other.async_io(Direction::Read, receive).await?;
    ///     assert_eq!(&packet[..length], b"packet");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[doc(alias = "read_with")]
    #[doc(alias = "write_with")]
    pub async fn async_io<R>(
        &self,
        direction: Direction,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        poll_fn(|cx| self.poll_io(direction, cx, &mut call)).await
    }

    /// Polls [`async_io`](Self::async_io), for futures that are written by hand. Any number of
    /// tasks may wait; the waker of each is kept.
    ///
    /// # Errors
    /// As for [`async_io`](Self::async_io).
    pub fn poll_io<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let call = |io: &T| call(io).map(Done::with);
        self.source()?.poll_io(direction, cx, call)
    }

    /// Makes a system call in a direction at once, and remembers if it would have blocked.
    ///
    /// The call is made even if the descriptor is not known to be ready. Nothing but a `WouldBlock`
    /// of `call` or the kernel's own answer makes the next [`readable`](Self::readable) wait.
    ///
    /// # Errors
    /// Those of `call`; [`UseError`](super::UseError), if the runtime of the registration does not
    /// run here: `call` is then not made.
    pub fn try_io<R>(
        &self,
        direction: Direction,
        call: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source()?.try_io(direction, call)
    }

    /// Returns the source, if its descriptor is the one that was registered.
    fn source(&self) -> io::Result<&IoSource<T>> {
        self.source.unless_replaced()
    }
}

impl<T: AsFd> AsFd for Registered<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

/// Reads as `&T` does.
impl<T: AsFd> AsyncRead for &Registered<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.source()?.poll_read(cx, buffer)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.source()?.poll_read_vectored(cx, buffers)
    }
}

/// Writes as `&T` does. Flushing flushes `&T`; closing only flushes, as a descriptor is closed when
/// it is dropped.
impl<T: AsFd> AsyncWrite for &Registered<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.source()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.source()?.poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = |mut io: &T| io.flush().map(Done::with);
        self.source()?.poll_io(Direction::Write, cx, flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// Reads as `&T` does.
impl<T: AsFd + Unpin> AsyncRead for Registered<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buffer)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read_vectored(cx, buffers)
    }
}

/// Writes as `&T` does; see `&Registered<T>`.
impl<T: AsFd + Unpin> AsyncWrite for Registered<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}
