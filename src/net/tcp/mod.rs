//! TCP: a listener, a stream, and a stream's halves.
//!
//! ```text
//!   TcpListener ── accept ──▶ TcpStream ◀── connect
//!                              │     ▲
//!               split_mut, into_split    reunite
//!                              ▼     │
//!                  read half, write half: `&TcpStream` or `Arc<TcpStream>` behind a direction
//! ```
//!
//! All reading and writing is done by methods of the stream that take `&self`; [`traits`] leads every type there.

mod dial;
mod listener;
mod owned;
mod split;
mod stream;
mod traits;

pub use listener::TcpListener;
pub use owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use split::{ReadHalf, WriteHalf};
pub use stream::TcpStream;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// A new non-blocking socket for addresses like this one.
fn new_socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    Ok(socket_with(family, SocketType::STREAM, FLAGS, None)?)
}

/// What every socket is: never blocking, and not inherited by child processes.
const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
