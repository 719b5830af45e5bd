//! TCP: a listener, a stream, and a socket whose options are set before it becomes one of them.
//!
//! ```text
//!   TcpListener ── accept ──▶ TcpStream ◀── connect
//!        ▲                        ▲
//!      listen ──── TcpSocket ── connect
//! ```

mod happy_eyeballs;
mod listener;
mod socket;
mod stream;

pub(crate) use happy_eyeballs::happy_eyeballs;
pub use listener::TcpListener;
pub use socket::TcpSocket;
pub use stream::TcpStream;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, socket_with};

use super::FLAGS;

/// Creates a non-blocking socket of the family of `address`.
fn new_socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    Ok(socket_with(family, SocketType::STREAM, FLAGS, None)?)
}
