//! Waiting for a socket or pipe without moving bytes, and calls that do not wait: what sockets have
//! in common with [`Registered`](super::Registered).

use std::io;
use std::os::fd::AsFd;

use rustix::net::RecvFlags;

/// Implements waiting until reads of a type with an `IoSource` in `$field` do not block.
macro_rules! readable {
    ($type:ty, $field:ident) => {
        impl $type {
            /// Waits until a read does not block: there is something to read, or the end, or an
            /// error.
            ///
            /// Of several tasks that wait all are woken, and only one may find something: a read
            /// that does not wait may still return `WouldBlock`.
            ///
            /// # Cancel safety
            /// Nothing is lost.
            ///
            /// # Errors
            /// Fails outside the runtime in which it was created.
            pub async fn readable(&self) -> std::io::Result<()> {
                std::future::poll_fn(|cx| self.poll_readable(cx)).await
            }

            /// Polls [`readable`](Self::readable), for futures that are written by hand. Any number
            /// of tasks may wait; the waker of each is kept.
            ///
            /// # Errors
            /// As for [`readable`](Self::readable).
            #[doc(alias = "poll_read_ready")]
            pub fn poll_readable(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.$field.poll_ready($crate::reactor::Direction::Read, cx)
            }
        }
    };
}

/// Implements waiting until writes of a type with an `IoSource` in `$field` do not block.
macro_rules! writable {
    ($type:ty, $field:ident) => {
        impl $type {
            /// Waits until a write does not block: there is space to write, or an error to report.
            ///
            /// Of several tasks that wait all are woken: a write that does not wait may still
            /// return `WouldBlock`.
            ///
            /// # Cancel safety
            /// Nothing is lost.
            ///
            /// # Errors
            /// Fails outside the runtime in which it was created.
            pub async fn writable(&self) -> std::io::Result<()> {
                std::future::poll_fn(|cx| self.poll_writable(cx)).await
            }

            /// Polls [`writable`](Self::writable), for futures that are written by hand. Any number
            /// of tasks may wait; the waker of each is kept.
            ///
            /// # Errors
            /// As for [`writable`](Self::writable).
            #[doc(alias = "poll_write_ready")]
            pub fn poll_writable(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.$field
                    .poll_ready($crate::reactor::Direction::Write, cx)
            }
        }
    };
}

/// Implements system calls of the caller on a type with an `IoSource<$std>` in `$field`.
macro_rules! custom_io {
    ($type:ty, $field:ident, $std:ty) => {
        impl $type {
            /// Makes a system call in a direction, as soon as it does not block; see
            /// [`Registered::async_io`](crate::net::Registered::async_io).
            ///
            /// # Cancel safety
            /// A future that is dropped while it waits has done nothing, if `call` does nothing
            /// when it returns `WouldBlock`.
            ///
            /// # Errors
            /// Fails outside the runtime in which it was created, and with the errors of `call`,
            /// except `WouldBlock` and `Interrupted`.
            pub async fn async_io<R>(
                &self,
                direction: $crate::reactor::Direction,
                call: impl FnMut(&$std) -> std::io::Result<R>,
            ) -> std::io::Result<R> {
                self.$field.when_ready(direction, call).await
            }

            /// Polls [`async_io`](Self::async_io), for futures that are written by hand. Any number
            /// of tasks may wait; the waker of each is kept.
            ///
            /// # Errors
            /// As for [`async_io`](Self::async_io).
            pub fn poll_io<R>(
                &self,
                direction: $crate::reactor::Direction,
                cx: &mut std::task::Context<'_>,
                mut call: impl FnMut(&$std) -> std::io::Result<R>,
            ) -> std::task::Poll<std::io::Result<R>> {
                let call = |socket: &$std| call(socket).map($crate::reactor::Done::with);
                self.$field.poll_io(direction, cx, call)
            }

            /// Makes a system call in a direction at once; see
            /// [`Registered::try_io`](crate::net::Registered::try_io).
            ///
            /// # Errors
            /// Fails outside the runtime in which it was created, and with the errors of `call`,
            /// `WouldBlock` among them.
            pub fn try_io<R>(
                &self,
                direction: $crate::reactor::Direction,
                call: impl FnOnce(&$std) -> std::io::Result<R>,
            ) -> std::io::Result<R> {
                self.$field.try_io(direction, call)
            }
        }
    };
}

/// Implements what streams with an `IoSource` in `$field` have besides.
macro_rules! stream_calls {
    ($type:ty, $field:ident) => {
        impl $type {
            /// Reads some bytes without waiting. Returns 0 at the end of the stream, or if `buffer`
            /// is empty.
            ///
            /// # Errors
            /// `WouldBlock` if there are none. Fails outside the runtime of the stream, and with
            /// the errors of `recv`.
            pub fn try_read(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                use std::io::Read;
                let read = |mut socket: &_| Read::read(&mut socket, buffer);
                self.$field.try_io($crate::reactor::Direction::Read, read)
            }

            /// Writes some bytes without waiting.
            ///
            /// # Errors
            /// `WouldBlock` if there is no space. Fails outside the runtime of the stream, and with
            /// the errors of `send`.
            pub fn try_write(&self, bytes: &[u8]) -> std::io::Result<usize> {
                use std::io::Write;
                let write = |mut socket: &_| Write::write(&mut socket, bytes);
                self.$field.try_io($crate::reactor::Direction::Write, write)
            }

            /// Waits until the peer has closed the connection or ended its writing side, or the
            /// connection is broken. Reads nothing, and does not wait until the received bytes are
            /// read.
            ///
            /// A server uses it to stop work for a client that no longer waits. A peer that only
            /// ended its writing side may still read; the system does not distinguish this from a
            /// close. A peer that disappears without a packet (its machine lost power) is not
            /// noticed until the system times out.
            ///
            /// # Cancel safety
            /// Nothing is lost.
            ///
            /// # Errors
            /// Fails outside the runtime of the stream. A broken connection is no error here.
            pub async fn closed(&self) -> std::io::Result<()> {
                std::future::poll_fn(|cx| self.poll_closed(cx)).await
            }

            /// Polls [`closed`](Self::closed), for futures that are written by hand.
            ///
            /// # Errors
            /// As for [`closed`](Self::closed).
            pub fn poll_closed(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.$field
                    .poll_closed($crate::reactor::Direction::Read, cx)
            }
        }
    };
}

/// Implements what sockets for datagrams with an `IoSource` in `$field` have besides.
macro_rules! datagram_calls {
    ($type:ty, $field:ident) => {
        impl $type {
            /// Sends a datagram to the connected peer without waiting. Returns its length.
            ///
            /// # Errors
            /// `WouldBlock` if there is no space. Fails outside the runtime of the socket, and with
            /// the other errors of [`send`](Self::send).
            pub fn try_send(&self, bytes: &[u8]) -> std::io::Result<usize> {
                let send = |socket: &_| {
                    Ok(rustix::net::send(
                        socket,
                        bytes,
                        rustix::net::SendFlags::NOSIGNAL,
                    )?)
                };
                self.$field.try_io($crate::reactor::Direction::Write, send)
            }

            /// Receives a datagram without waiting. Returns its length.
            ///
            /// # Errors
            /// `WouldBlock` if there is none. Fails outside the runtime of the socket, and with the
            /// other errors of [`recv`](Self::recv).
            pub fn try_recv(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let receive =
                    |socket: &_| $crate::net::recv(socket, buffer, rustix::net::RecvFlags::empty());
                self.$field
                    .try_io($crate::reactor::Direction::Read, receive)
            }

            /// Waits for a datagram and copies it into `buffer` without consuming it: the next
            /// receive returns it again. Returns its length.
            ///
            /// # Cancel safety
            /// Nothing is lost.
            ///
            /// # Errors
            /// Fails outside the runtime of the socket, and with the errors of `recv`.
            pub async fn peek(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let look =
                    |socket: &_| $crate::net::recv(socket, buffer, rustix::net::RecvFlags::PEEK);
                self.$field
                    .when_ready($crate::reactor::Direction::Read, look)
                    .await
            }
        }
    };
}

/// Receives what fits into `buffer`.
pub(crate) fn recv(socket: impl AsFd, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
    let (_, count) = rustix::net::recv(socket, buffer, flags)?;
    Ok(count)
}

pub(crate) use {custom_io, datagram_calls, readable, stream_calls, writable};
