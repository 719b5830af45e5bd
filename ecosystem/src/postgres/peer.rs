//! The address of a server.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::Host;
use wheelhouse::net::{TcpStream, UnixStream};

use super::Error;

/// The default port of PostgreSQL.
const USUAL_PORT: u16 = 5432;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A port of a host.
    Named(String, u16),
    /// A socket address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A connection to a server.
pub(super) enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

impl Peer {
    /// Returns all servers of the settings, in their order.
    pub(super) fn all(config: &Config) -> Vec<Self> {
        let ports = config.get_ports();
        let addresses = config.get_hostaddrs();
        let hosts = config.get_hosts();
        let port = |place: usize| match ports {
            [] => USUAL_PORT,
            [one] => *one,
            _ => ports.get(place).copied().unwrap_or(USUAL_PORT),
        };
        let peer = |place: usize| match (addresses.get(place), hosts.get(place)) {
            (Some(address), _) => Some(Self::Tcp((*address, port(place)).into())),
            (None, Some(Host::Tcp(name))) => Some(Self::Named(name.clone(), port(place))),
            (None, Some(Host::Unix(folder))) => {
                let socket = format!(".s.PGSQL.{}", port(place));
                Some(Self::Unix(folder.join(socket)))
            }
            (None, None) => None,
        };
        (0..hosts.len().max(addresses.len()))
            .filter_map(peer)
            .collect()
    }

    /// Connects, and returns also the address that was used, as a host name may have several.
    pub(super) async fn open(&self) -> Result<(Stream, Self), Error> {
        let opened = match self {
            Self::Named(name, port) => tcp(TcpStream::connect((name.as_str(), *port)).await),
            Self::Tcp(address) => tcp(TcpStream::connect(*address).await),
            Self::Unix(path) => UnixStream::connect(path).await.map(|stream| {
                let peer = Self::Unix(path.clone());
                (Stream::Unix(stream), peer)
            }),
        };
        opened.map_err(|source| Error::Unreachable {
            peer: self.clone(),
            source,
        })
    }
}

/// Opens a TCP connection without delays (`TCP_NODELAY`), and returns its address.
fn tcp(connected: io::Result<TcpStream>) -> io::Result<(Stream, Peer)> {
    let stream = connected?;
    stream.set_nodelay(true)?;
    let peer = Peer::Tcp(stream.peer_addr()?);
    Ok((Stream::Tcp(stream), peer))
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name, port) => write!(f, "{name}:{port}"),
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}
