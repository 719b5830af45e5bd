//! A host: where programs listen and connect.
//!
//! ```text
//!   connect ── trip to the server ──▶ is there a listener?
//!                                       ├─ yes: both ends exist, one is in the
//!                                       │   backlog ── trip back ──▶ Ok
//!                                       └─ no ──────── trip back ──▶ ConnectionRefused
//!   after 127 s ──▶ TimedOut
//! ```
//!
//! A partition holds up a trip; the trip starts again when the partition is healed.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::connection::Endpoints;
use super::listener::Listener;
use super::network::{HostName, Network};
use super::route::{HostId, Route};
use super::stream::Stream;
use crate::net::{Target, ToSocketAddrs, happy_eyeballs, target};
use crate::runtime::require_runtime;
use crate::time::{sleep, timeout};

/// The time limit of a connection attempt. It is that of Linux, which sends seven SYN packets,
/// after 1, 2, 4 … seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);

/// A host of a [`Network`], where a program listens and connects. A clone is the same host.
///
/// # Examples
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::testing::{self, net::Network};
///
/// testing::run(async {
///     let network = Network::new();
///     let (server, client) = (network.host("server"), network.host("client"));
///     let listener = server.listen(80).unwrap();
///
///     let mut ours = client.connect("server:80").await.unwrap();
///     let (mut theirs, peer) = listener.accept().await.unwrap();
///     assert_eq!(peer.ip(), client.ip());
///
///     ours.write_all(b"hello").await.unwrap();
///     let mut bytes = [0; 5];
///     theirs.read_exact(&mut bytes).await.unwrap();
///     assert_eq!(&bytes, b"hello");
/// });
/// ```
#[derive(Clone)]
pub struct Host {
    network: Network,
    id: HostId,
}

impl Host {
    pub(super) fn new(network: Network, id: HostId) -> Self {
        Self { network, id }
    }

    /// Returns the name of the host.
    #[must_use]
    pub fn name(&self) -> String {
        self.network.with_map(|map| map.name(self.id).to_owned())
    }

    /// Returns the IP address of the host.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.network.address(self.id)
    }

    /// Listens on a port. Port 0 chooses a free one, which [`Listener::local_addr`] returns.
    ///
    /// # Errors
    /// [`AddrInUse`](ErrorKind::AddrInUse) if there is a listener on this port.
    pub fn listen(&self, port: u16) -> io::Result<Listener> {
        let address = match port {
            0 => self.network.with_map(|map| map.free_port(self.id)),
            port => SocketAddr::new(self.ip(), port),
        };
        Listener::new(&self.network, address)
    }

    /// Connects to an address (asyncio: `asyncio.open_connection`).
    ///
    /// The argument is that of [`TcpStream::connect`](crate::net::TcpStream::connect). Names are
    /// those of the network's hosts, and `localhost` is this host. Of several addresses, the first
    /// that answers is used. While the network is partitioned the attempt waits, for up to 127 s; a
    /// [`timeout`] makes that shorter.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the attempt. The listener may then accept a connection that
    /// ends at once.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput) if the text is not an address,
    /// - [`NotFound`](ErrorKind::NotFound) if the network has no host of that name, and
    ///   [`HostUnreachable`](ErrorKind::HostUnreachable) if no host has the IP address,
    /// - [`ConnectionRefused`](ErrorKind::ConnectionRefused) if there is no listener,
    /// - [`TimedOut`](ErrorKind::TimedOut) after 127 s,
    /// - [`ConnectionReset`](ErrorKind::ConnectionReset) if one of the hosts crashed meanwhile,
    /// - and an error outside of a runtime.
    ///
    /// If several addresses were tried, the error of the last one.
    pub async fn connect<A: ToSocketAddrs>(&self, address: A) -> io::Result<Stream> {
        require_runtime()?;
        let addresses = self.resolve(&address)?;
        drop(address);
        let attempt = async |address| {
            let connected = timeout(CONNECT_TIMEOUT, self.handshake(address)).await;
            connected.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
        };
        happy_eyeballs(addresses, attempt).await
    }

    /// Simulates a crash of the program on this host: its listeners stop listening, and all its
    /// connections break at both ends.
    ///
    /// Later attempts to connect are refused, until a new listener exists. The listeners of the
    /// crashed program never return another connection, nor an error. The tasks of the program are
    /// not ended; the test cancels them, for example by cancelling their group. To simulate a
    /// machine that becomes unreachable, use [`Network::partition`].
    pub fn crash(&self) {
        self.network.crash_host(self.id);
    }

    fn resolve(&self, address: &impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
        let (name, port) = match target(address)? {
            Target::Addresses(addresses) => return Ok(addresses),
            Target::Host(name, port) => (name, port),
        };
        let found = self.network.with_map(|map| match &*name {
            "localhost" => Some(map.address(self.id)),
            name => map.find(name).map(|host| map.address(host)),
        });
        match found {
            Some(ip) => Ok(vec![(ip, port).into()]),
            None => Err(io::Error::new(
                ErrorKind::NotFound,
                format!("the simulated network has no host `{name}`"),
            )),
        }
    }

    async fn handshake(&self, to: SocketAddr) -> io::Result<Stream> {
        let server = self.network.with_map(|map| map.at(to.ip(), self.id));
        let server = server.ok_or(ErrorKind::HostUnreachable)?;
        let crashes = self.crashes();
        self.traverse((self.id, server)).await;
        if self.crashes() != crashes {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let stream = self.open_connection(server, to.port());
        self.traverse((server, self.id)).await;
        match stream {
            Some(stream) if stream.is_reset() => Err(ErrorKind::ConnectionReset.into()),
            Some(stream) => Ok(stream),
            None => Err(ErrorKind::ConnectionRefused.into()),
        }
    }

    fn crashes(&self) -> u64 {
        self.network.with_map(|map| map.crashes(self.id))
    }

    /// Waits for the latency of a route. If the route is cut meanwhile, the trip starts again after
    /// it is healed.
    async fn traverse(&self, route: Route) {
        loop {
            let cuts = poll_fn(|cx| self.network.poll_open(route, cx)).await;
            let latency = self.network.draw_trip(route);
            if !latency.is_zero() {
                sleep(latency).await;
            }
            if self.network.with_map(|map| map.times_cut(route)) == cuts {
                return;
            }
        }
    }

    /// Creates a connection and puts it into the backlog of the listener on a port of `server`;
    /// `None` if there is no listener.
    fn open_connection(&self, server: HostId, port: u16) -> Option<Stream> {
        let server_at = SocketAddr::new(self.network.address(server), port);
        let listens = self.network.port(server_at)?;
        let client_at = self.network.with_map(|map| map.free_port(self.id));
        let connection = self.network.add_connection(Endpoints {
            hosts: [self.id, server],
            addresses: [client_at, server_at],
        });
        let (ours, theirs) = Stream::pair(connection);
        listens.push(theirs);
        Some(ours)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Host").field(&self.name()).finish()
    }
}

impl Network {
    /// Returns the host with this name or IP address, and creates it if there is none.
    ///
    /// A host that is created by its name gets one of the addresses 10.0.0.1, 10.0.0.2, ….
    #[must_use]
    pub fn host(&self, name: impl Into<HostName>) -> Host {
        let name = name.into();
        let id = self.with_map(|map| map.host(name.as_str()));
        Host::new(self.clone(), id)
    }
}

impl From<&Host> for HostName {
    fn from(host: &Host) -> Self {
        host.name().into()
    }
}
