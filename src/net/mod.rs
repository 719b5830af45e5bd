//! TCP, UDP and Unix sockets, pipes, and the readiness of other descriptors.
//!
//! [`TcpListener`] accepts connections (asyncio: `asyncio.start_server`) and [`TcpStream::connect`]
//! opens one (asyncio: `asyncio.open_connection`). Streams implement the traits of `futures::io`;
//! that crate's `AsyncReadExt`, `AsyncWriteExt` and `BufReader` add `read_exact`, `write_all`,
//! `lines` and more.
//!
//! An echo server and a client:
//!
//! ```
//! use futures::io::{AsyncReadExt, AsyncWriteExt};
//! use wheelhouse::net::{TcpListener, TcpStream};
//! use wheelhouse::spawn;
//!
//! async fn serve(listener: TcpListener) -> std::io::Result<()> {
//!     loop {
//!         let (stream, _peer) = listener.accept().await?;
//!         spawn(async move { futures::io::copy(&stream, &mut &stream).await }).detach();
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! wheelhouse::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     spawn(serve(listener)).detach();
//!
//!     let mut stream = TcpStream::connect(address).await?;
//!     stream.write_all(b"hello").await?;
//!     let mut answer = [0; 5];
//!     stream.read_exact(&mut answer).await?;
//!     assert_eq!(&answer, b"hello");
//!     Ok(())
//! })
//! # }
//! ```
//!
//! | for | use |
//! |---|---|
//! | connections between machines | [`TcpListener`], [`TcpStream`]; [`TcpSocket`] to set options first |
//! | connections within one machine | [`UnixListener`], [`UnixStream`] |
//! | datagrams | [`UdpSocket`], [`UnixDatagram`] |
//! | a proxy between two streams | [`copy_bidirectional`] |
//! | pipes and FIFOs | [`pipe()`], [`PipeReader`], [`PipeWriter`] |
//! | any other descriptor | [`Registered`] |
//! | the addresses of a host name | [`lookup_host`] |
//! | a server that also runs in tests without a network | [`Listen`], with [`testing::net`](crate::testing::net) |
//!
//! Each socket converts from and into the type of the same name in `std::net` or
//! `std::os::unix::net`. Options that have no method here are set with
//! `socket2::SockRef::from(&socket)`.
//!
//! # Guarantees
//! - An operation on a ready socket takes one system call. An operation on a socket that is known
//!   not to be ready takes none. A request and its response are one write, one read and one wait of
//!   the event loop.
//! - Any number of tasks may use the same `&TcpStream`, or any other socket, at once. All tasks
//!   that wait for it are woken when it becomes ready.
//! - A task whose sockets are always ready does not starve the others: after a number of operations
//!   in one poll it goes to the end of the run queue.
//! - A socket may be moved to another thread and dropped there. Its descriptor is always closed,
//!   also if the runtime has ended.
//!
//! # Non-guarantees
//! - A socket works only inside the runtime in which it was created. Elsewhere, reading, writing
//!   and accepting return an error that says so.
//! - Host names are resolved by `getaddrinfo` on another thread, which cannot be interrupted: after
//!   a cancellation the lookup runs to its end in the background. Numeric addresses need no lookup.
//!   See [`ToSocketAddrs`].
//! - If several tasks read from one stream, it is not defined which task gets which bytes.

mod address;
mod copy;
mod duplex;
mod halves;
mod listen;
mod pipe;
mod readiness;
mod register_error;
mod registered;
mod tcp;
mod udp;
mod unix;

pub(crate) use address::{Target, target};
pub use address::{ToSocketAddrs, lookup_host};
pub use copy::{CopyBidirectional, copy_bidirectional};
pub use duplex::Duplex;
pub(crate) use duplex::{Bytes, read_by_ref, stream, write_by_ref};
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub(crate) use halves::{split_borrowed, split_owned};
pub use listen::{Incoming, Listen};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub(crate) use readiness::{custom_io, datagram_calls, readable, recv, stream_calls, writable};
pub use register_error::{RegisterError, RegisterProblem};
pub use registered::Registered;
pub(crate) use tcp::happy_eyeballs;
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{PeerCredentials, ReceivedFds, UnixDatagram, UnixListener, UnixStream};

pub use crate::reactor::Direction;
pub use crate::runtime::UseError;

use rustix::net::SocketFlags;

/// Flags of each new socket: it does not block, and child processes do not inherit it.
const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
