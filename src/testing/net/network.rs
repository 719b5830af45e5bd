//! The handle of a network, with the faults that a test can inject.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use super::connection::{Connection, Endpoints};
use super::link::Link;
use super::map::Map;
use super::medium::Medium;
use super::notifier::Notifier;
use super::port::Port;
use super::route::{HostId, Route};
use crate::runtime::{next_random, try_with};

/// A simulated network of [`Host`](super::Host)s. A clone is the same network.
///
/// The [module](super) describes what it does and does not simulate.
///
/// # Examples
/// ```
/// use std::io::ErrorKind;
/// use std::time::Duration;
/// use wheelhouse::testing::{self, net::{Link, Network}};
/// use wheelhouse::{sleep, spawn, time};
///
/// testing::run(async {
///     let network = Network::new();
///     network.set_link(Link::new().latency(Duration::from_millis(10)));
///     let (server, client) = (network.host("server"), network.host("client"));
///     let _listener = server.listen(80).unwrap();
///
///     network.partition("client", "server");
///     let healing = network.clone();
///     spawn(async move {
///         sleep(Duration::from_secs(5)).await;
///         healing.heal("client", "server");
///     });
///     let start = time::now();
///     client.connect("server:80").await.unwrap();
///     assert_eq!(time::now() - start, Duration::from_millis(5020));
///
///     server.crash();
///     let error = client.connect("server:80").await.unwrap_err();
///     assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
/// });
/// ```
#[derive(Clone)]
pub struct Network(Rc<Inner>);

/// The data that all clones share.
struct Inner {
    map: RefCell<Map>,
    /// The state of the network's own generator; `None` if it uses the choices of the run.
    generator: Option<Cell<u64>>,
    /// Whether reads and writes are cut into parts.
    cuts_parts: Cell<bool>,
    /// The tasks that wait for a route to be opened.
    opened: Notifier,
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Network {
    /// Creates a network without hosts and with perfect links.
    ///
    /// The seed of the run decides everything random in it, as with
    /// [`testing::choose`](crate::testing::choose). A run has a seed in
    /// [`testing::explore`](crate::testing::explore()) and with
    /// [`Builder::seed`](crate::Builder::seed). Without a seed, latencies are the shortest, reads
    /// and writes are whole, and nothing breaks.
    #[must_use]
    pub fn new() -> Self {
        Self::with_generator(None)
    }

    /// Creates a network with its own seed, for a run that has none.
    ///
    /// Prefer [`new`](Self::new) in [`testing::explore`](crate::testing::explore()): a network with
    /// its own seed behaves the same in each run, and is not simplified when a run fails.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::with_generator(Some(Cell::new(seed)))
    }

    fn with_generator(generator: Option<Cell<u64>>) -> Self {
        Self(Rc::new(Inner {
            map: RefCell::default(),
            generator,
            cuts_parts: Cell::new(true),
            opened: Notifier::default(),
        }))
    }

    /// Sets the link between all hosts, and discards what
    /// [`set_link_between`](Self::set_link_between) has set. The connections of a host to itself
    /// stay perfect.
    ///
    /// It applies to what is sent afterwards.
    pub fn set_link(&self, link: Link) {
        self.0.map.borrow_mut().set_link(link);
    }

    /// Sets the link between two hosts, in both directions.
    ///
    /// # Panics
    /// If the network has no such host.
    #[track_caller]
    pub fn set_link_between(&self, a: impl Into<HostName>, b: impl Into<HostName>, link: Link) {
        let (a, b) = (self.find(a), self.find(b));
        let mut map = self.0.map.borrow_mut();
        map.set_route((a, b), link.clone());
        map.set_route((b, a), link);
    }

    /// Sets whether reads and writes may transfer fewer bytes than possible, as the seed decides.
    /// This is on by default.
    pub fn set_fragments(&self, is_on: bool) {
        self.0.cuts_parts.set(is_on);
    }

    /// Cuts the connection between two hosts, until [`heal`](Self::heal).
    ///
    /// Nothing arrives, neither bytes nor the end of a stream, and a write waits when the window is
    /// full. Attempts to connect wait, and fail after 127 s. What was in flight is held and arrives
    /// after `heal`.
    ///
    /// # Panics
    /// If the network has no such host.
    #[track_caller]
    pub fn partition(&self, a: impl Into<HostName>, b: impl Into<HostName>) {
        let (a, b) = (self.find(a), self.find(b));
        self.set_cut((a, b), true);
        self.set_cut((b, a), true);
    }

    /// Cuts the direction from one host to another, but not the opposite one.
    ///
    /// # Panics
    /// If the network has no such host.
    #[track_caller]
    pub fn partition_one_way(&self, from: impl Into<HostName>, to: impl Into<HostName>) {
        let route = (self.find(from), self.find(to));
        self.set_cut(route, true);
    }

    /// Ends a [`partition`](Self::partition), in both directions. What was held arrives in order,
    /// after the shortest latency.
    ///
    /// # Panics
    /// If the network has no such host.
    #[track_caller]
    pub fn heal(&self, a: impl Into<HostName>, b: impl Into<HostName>) {
        let (a, b) = (self.find(a), self.find(b));
        self.set_cut((a, b), false);
        self.set_cut((b, a), false);
    }

    /// Ends all partitions.
    pub fn heal_all(&self) {
        let cut = self.0.map.borrow().all_cut();
        for route in cut {
            self.set_cut(route, false);
        }
    }

    /// Breaks all connections between two hosts at once. Both ends get
    /// [`ConnectionReset`](std::io::ErrorKind::ConnectionReset); bytes in flight or unread are
    /// lost.
    ///
    /// # Panics
    /// If the network has no such host.
    #[track_caller]
    pub fn reset(&self, a: impl Into<HostName>, b: impl Into<HostName>) {
        let (a, b) = (self.find(a), self.find(b));
        self.reset_those(|hosts| hosts == [a, b] || hosts == [b, a]);
    }

    /// Simulates a crash of the program on a host: see [`Host::crash`](super::Host::crash).
    ///
    /// # Panics
    /// If the network has no such host.
    #[track_caller]
    pub fn crash(&self, host: impl Into<HostName>) {
        self.crash_host(self.find(host));
    }

    /// Returns an existing host. A fault at an unknown host is a mistake in the test.
    #[track_caller]
    fn find(&self, name: impl Into<HostName>) -> HostId {
        let name = name.into().0;
        let map = self.0.map.borrow();
        let found = map.find(&name);
        found.unwrap_or_else(|| {
            panic!(
                "the network has no host `{name}`, only {:?}; `Network::host` creates one",
                map.names()
            )
        })
    }

    /// Cuts or opens a route, for all connections on it.
    fn set_cut(&self, route: Route, is_cut: bool) {
        self.0.map.borrow_mut().set_cut(route, is_cut);
        for connection in self.connections() {
            connection.set_cut(route, is_cut);
        }
        if !is_cut {
            self.0.opened.notify_all();
        }
    }

    fn connections(&self) -> Vec<Rc<Connection>> {
        let mut map = self.0.map.borrow_mut();
        let all = map.connections().values();
        all.filter_map(Weak::upgrade).collect()
    }

    /// Breaks the connections whose hosts `is_meant` selects.
    fn reset_those(&self, is_meant: impl Fn([HostId; 2]) -> bool) {
        for connection in self.connections() {
            if is_meant(connection.endpoints().hosts) {
                connection.reset();
            }
        }
    }

    pub(super) fn crash_host(&self, host: HostId) {
        let address = self.address(host);
        let mut map = self.0.map.borrow_mut();
        map.count_crash(host);
        let ports: Vec<_> = map.ports().values().filter_map(Weak::upgrade).collect();
        map.ports().retain(|at, _| at.ip() != address);
        drop(map);
        self.reset_those(|hosts| hosts.contains(&host));
        for port in ports.iter().filter(|port| port.address().ip() == address) {
            port.crash();
        }
    }

    /// Returns the latency of one trip on a route.
    pub(super) fn draw_trip(&self, route: Route) -> Duration {
        self.0.draw_latency(&self.0.link(route))
    }

    /// Calls `work` with the map. `work` must not run third-party code, as the map is borrowed.
    pub(super) fn with_map<R>(&self, work: impl FnOnce(&mut Map) -> R) -> R {
        work(&mut self.0.map.borrow_mut())
    }

    pub(super) fn address(&self, host: HostId) -> IpAddr {
        self.0.map.borrow().address(host)
    }

    /// Polls until a route is open, and returns how often it has been cut.
    pub(super) fn poll_open(&self, route: Route, cx: &Context<'_>) -> Poll<u64> {
        if self.0.is_cut(route) {
            self.0.opened.register(cx.waker());
        }
        // Cloning the waker ran third-party code, which may have opened the route.
        if self.0.is_cut(route) {
            Poll::Pending
        } else {
            Poll::Ready(self.0.map.borrow().times_cut(route))
        }
    }

    /// Adds a listener. Returns `false` if its address has one.
    pub(super) fn add_port(&self, port: &Rc<Port>) -> bool {
        let mut map = self.0.map.borrow_mut();
        let is_free = !map.ports().contains_key(&port.address());
        if is_free {
            map.ports().insert(port.address(), Rc::downgrade(port));
        }
        is_free
    }

    /// Removes a listener, if it is still the one at its address.
    pub(super) fn forget_port(&self, port: &Rc<Port>) {
        let mut map = self.0.map.borrow_mut();
        let known = map.ports().get(&port.address()).map(Weak::as_ptr);
        if known == Some(Rc::as_ptr(port)) {
            map.ports().remove(&port.address());
        }
    }

    /// Returns the listener at an address.
    pub(super) fn port(&self, address: SocketAddr) -> Option<Rc<Port>> {
        let mut map = self.0.map.borrow_mut();
        map.ports().get(&address).and_then(Weak::upgrade)
    }

    pub(super) fn add_connection(&self, endpoints: Endpoints) -> Rc<Connection> {
        let number = self.0.map.borrow_mut().number_connection();
        let connection = Connection::new(self.0.clone(), number, endpoints);
        let mut map = self.0.map.borrow_mut();
        map.connections().insert(number, Rc::downgrade(&connection));
        connection
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Inner {
    /// Returns a number below `count`, chosen by the seed.
    fn choose(&self, count: usize) -> usize {
        let Some(generator) = &self.generator else {
            return try_with(|core| core.scheduler.choose(count)).unwrap_or(0);
        };
        if count < 2 {
            return 0;
        }
        let mut state = generator.get();
        let choice = next_random(&mut state) % count as u64;
        generator.set(state);
        choice as usize
    }
}

impl Medium for Inner {
    fn link(&self, route: Route) -> Link {
        self.map.borrow().link(route)
    }

    fn is_cut(&self, route: Route) -> bool {
        self.map.borrow().is_cut(route)
    }

    fn draw_latency(&self, link: &Link) -> Duration {
        link.draw_latency(|count| self.choose(count))
    }

    fn draw_break(&self, route: Route) -> bool {
        self.link(route).draw_break(|count| self.choose(count))
    }

    fn draw_part(&self, bytes: usize) -> usize {
        if bytes < 2 || !self.cuts_parts.get() || self.choose(2) == 0 {
            return bytes;
        }
        1 + self.choose(bytes - 1)
    }

    fn forget_connection(&self, number: u64) {
        self.map.borrow_mut().connections().remove(&number);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Network");
        if let Ok(map) = self.map.try_borrow() {
            shown.field("hosts", &map.names());
        }
        shown.finish_non_exhaustive()
    }
}

/// The name of a host. It is created from a name, an IP address or a [`Host`](super::Host).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! named_by {
    ($($type:ty),*) => {$(
        impl From<$type> for HostName {
            fn from(name: $type) -> Self {
                Self(name.to_string())
            }
        }
    )*};
}

named_by!(&str, String, &String, IpAddr, Ipv4Addr, Ipv6Addr);
