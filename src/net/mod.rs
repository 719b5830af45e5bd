//! Sockets. Floor 3.
//!
//! [`TcpListener`] takes connections (asyncio: `asyncio.start_server`), [`TcpStream::connect`] makes one (asyncio:
//! `asyncio.open_connection`); [`UnixListener`] and [`UnixStream`] do so within one machine. Bytes go through the traits of
//! `futures::io`, so a program that reads and writes also uses that crate's `AsyncReadExt` and `AsyncWriteExt`, which have
//! `read_exact`, `write_all` and the rest, and its `BufReader` with `lines`. [`UdpSocket`] and [`UnixDatagram`] are for
//! datagrams. All types turn from and into their namesakes in std.
//!
//! A server that takes [`impl Listen`](Listen) in place of a `TcpListener` also runs on the simulated network of
//! [`testing::net`](crate::testing::net), in virtual time and with faults on purpose.
//!
//! ```text
//!   listeners, streams, halves, …      what users hold; only ids and a descriptor inside, so all are `Send`
//!            │
//!        Registered                    a socket and its place in the reactor of one runtime
//!            │ at home                              │ elsewhere
//!            ▼                                      ▼
//!   the reactor's one way to wait        polled: an error; dropped: sent home, closed there
//! ```
//!
//! # Guarantees
//! - A socket that is ready costs the system call that moves the bytes and no other; one that is known to have
//!   nothing is not asked. A request and its answer are one read, one write and the loop's wait.
//! - Any number of tasks may use one `&TcpStream` or any other socket at once; all who wait are woken when it is ready.
//! - A socket that is always ready gives way: after a number of calls in one poll its task goes to the end of the queue.
//! - A socket may be moved to another thread, and dropped there. Its descriptor is closed whatever becomes of the
//!   runtime.
//!
//! # Non-guarantees
//! - Sockets work only inside the runtime in which they were made. Anywhere else reading, writing and accepting give
//!   an error that says so.
//! - Host names are looked up by the system's resolver, which cannot be interrupted: a lookup that is cancelled goes on by
//!   itself on its thread. Addresses written as numbers are not looked up. See [`ToSocketAddrs`].
//! - Which of several tasks that wait for the same bytes gets them is not defined.

mod address;
mod duplex;
mod halves;
mod listen;
mod tcp;
mod udp;
mod unix;

pub use address::ToSocketAddrs;
pub(crate) use address::{Target, target};
pub use duplex::Duplex;
pub(crate) use duplex::{Bytes, read_by_ref, stream, write_by_ref};
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub(crate) use halves::{split_borrowed, split_owned};
pub use listen::{Incoming, Listen};
pub(crate) use tcp::happy_eyeballs;
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};

use rustix::net::SocketFlags;

/// What every socket is: never blocking, and not inherited by child processes.
const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
