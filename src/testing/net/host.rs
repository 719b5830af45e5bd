//! A host: where programs listen and connect.
//!
//! Connecting is three steps, of which each is a trip over the network that a cut holds up; it is made anew when the cut is healed.
//!
//! ```text
//!   connect ── trip there ──▶ does anybody listen? ── yes: both ends are made, one waits to be accepted ── trip back ──▶ Ok
//!      │                                           └─ no ── trip back ──▶ ConnectionRefused
//!      └── 127 s ──▶ TimedOut
//! ```

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Network;
use super::connection::Endpoints;
use super::listener::Listener;
use super::map::{HostId, Route};
use super::stream::Stream;
use crate::net::{Target, ToSocketAddrs, happy_eyeballs, target};
use crate::runtime::require_runtime;
use crate::time::{sleep, timeout};

/// How long a host tries to connect: as long as Linux does, which asks seven times, after 1, 2, 4 … seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);

/// A host of a [`Network`]: where a program listens and connects. A clone is the same host.
#[derive(Clone)]
pub struct Host {
    /// Its network.
    network: Network,
    /// Which one it is.
    id: HostId,
}

impl Host {
    /// A host.
    pub(super) fn new(network: Network, id: HostId) -> Self {
        Self { network, id }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        self.network.with_map(|map| map.name(self.id).to_owned())
    }

    /// Its address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.network.address(self.id)
    }

    /// Listens at a port; with 0 at one that [`Listener::local_addr`] tells. asyncio hides this in `asyncio.start_server`.
    ///
    /// # Errors
    /// [`AddrInUse`](ErrorKind::AddrInUse) when somebody listens there.
    pub fn listen(&self, port: u16) -> io::Result<Listener> {
        let address = match port {
            0 => self.network.with_map(|map| map.free_port(self.id)),
            port => SocketAddr::new(self.ip(), port),
        };
        Listener::new(&self.network, address)
    }

    /// Connects to an address (asyncio: `asyncio.open_connection`).
    ///
    /// It takes what [`TcpStream::connect`](crate::net::TcpStream::connect) takes; names are those of the network, and `localhost`
    /// is this host. Of several addresses it takes the first that answers. While the way is cut it waits, and after 127 s gives up;
    /// [`timeout`] bounds that.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up. Whoever listens may have a connection of it to accept then, which ends at once.
    ///
    /// # Errors
    /// Outside of a runtime; when the text is no address; [`NotFound`](ErrorKind::NotFound) when the network has no host of that
    /// name, [`HostUnreachable`](ErrorKind::HostUnreachable) when none has the address; [`ConnectionRefused`](ErrorKind::ConnectionRefused)
    /// when nobody listens there; [`TimedOut`](ErrorKind::TimedOut); [`ConnectionReset`](ErrorKind::ConnectionReset) when one of the
    /// hosts crashed meanwhile. Of several addresses, the error of the last one.
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

    /// Lets the program of this host crash: nobody listens here any more, and all connections of the host break at both ends. Who
    /// connects is refused, until something listens here again.
    ///
    /// The tasks of the program are the caller's to end, since a crashed program does not run on: cancel them, or drop their group. Until then
    /// its listeners never give another connection, nor an error. To let the machine vanish, rather than the program, use
    /// [`Network::partition`].
    pub fn crash(&self) {
        self.network.crash_host(self.id);
    }

    /// The addresses that are meant.
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

    /// Connects to one address.
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

    /// How often it has crashed.
    fn crashes(&self) -> u64 {
        self.network.with_map(|map| map.crashes(self.id))
    }

    /// Makes a trip over the network. A cut that comes between lets it begin again.
    async fn traverse(&self, route: Route) {
        loop {
            let cuts = poll_fn(|cx| self.network.poll_open(route, cx)).await;
            let latency = self.network.draw_latency(&self.network.link(route));
            if !latency.is_zero() {
                sleep(latency).await;
            }
            if self.network.with_map(|map| map.times_cut(route)) == cuts {
                return;
            }
        }
    }

    /// Connects with whoever listens at a port of `server`, if anybody does.
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
