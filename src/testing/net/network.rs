//! The network as its users hold it, and what goes wrong in it on purpose.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use super::connection::{Connection, Endpoints};
use super::host::Host;
use super::link::Link;
use super::listener::Port;
use super::map::{HostId, Map, Route};
use super::notifier::Notifier;
use crate::runtime::{next_random, try_with};

/// A network in memory: hosts, and what is between them. A clone is the same network.
///
/// See the [module](super) for what it does and does not do.
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

/// What all clones share.
struct Inner {
    /// Hosts, links, connections.
    map: RefCell<Map>,
    /// The state of an own generator; `None`: the run's choices are used.
    generator: Option<Cell<u64>>,
    /// Whether reads and writes are cut into parts.
    cuts_parts: Cell<bool>,
    /// Who waits for a way to be opened.
    opened: Notifier,
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Network {
    /// A network without hosts, with perfect links.
    ///
    /// What is left to chance in it is decided by the seed of the run, as [`testing::choose`](crate::testing::choose) does: in
    /// [`testing::explore`](crate::testing::explore()) and with [`Builder::seed`](crate::Builder::seed). Where there is none,
    /// latencies are the shortest, reads and writes are whole, and nothing breaks.
    #[must_use]
    pub fn new() -> Self {
        Self::with_generator(None)
    }

    /// A network that decides by a seed of its own, also where the run has none.
    ///
    /// Prefer [`new`](Self::new) in [`testing::explore`](crate::testing::explore()): what this one decides is the same in each of
    /// its runs, and is not made simpler when one fails.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::with_generator(Some(Cell::new(seed)))
    }

    /// A network that decides by a generator.
    fn with_generator(generator: Option<Cell<u64>>) -> Self {
        Self(Rc::new(Inner {
            map: RefCell::default(),
            generator,
            cuts_parts: Cell::new(true),
            opened: Notifier::default(),
        }))
    }

    /// The host of this name or IP address; made when it is mentioned for the first time here.
    ///
    /// Who has only a name gets an address: 10.0.0.1, 10.0.0.2, and so on.
    #[must_use]
    pub fn host(&self, name: impl Into<HostName>) -> Host {
        let name = name.into().0;
        let id = self.0.map.borrow_mut().host(&name);
        Host::new(self.clone(), id)
    }

    /// Sets how all links behave, whatever was set before. The way of a host to itself stays perfect.
    ///
    /// It counts for what is sent from now on.
    pub fn set_link(&self, link: Link) {
        self.0.map.borrow_mut().set_link(link);
    }

    /// Sets how one link behaves, in both directions.
    ///
    /// # Panics
    /// When there is no such host.
    #[track_caller]
    pub fn set_link_between(&self, a: impl Into<HostName>, b: impl Into<HostName>, link: Link) {
        let (a, b) = (self.find(a), self.find(b));
        let mut map = self.0.map.borrow_mut();
        map.set_route((a, b), link.clone());
        map.set_route((b, a), link);
    }

    /// Sets whether reads and writes are cut into parts, as the seed says: a read may give fewer bytes than there are, a write may
    /// take fewer than there is room for. They are, unless this switches it off.
    pub fn set_fragments(&self, is_on: bool) {
        self.0.cuts_parts.set(is_on);
    }

    /// Cuts two hosts off from each other, until they are [healed](Self::heal).
    ///
    /// Connections stall: nothing arrives, neither bytes nor an end, and whoever writes waits when the window is full. Attempts to
    /// connect wait, too, and give up after 127 s. What was under way is held and arrives after the healing.
    ///
    /// # Panics
    /// When there is no such host.
    #[track_caller]
    pub fn partition(&self, a: impl Into<HostName>, b: impl Into<HostName>) {
        let (a, b) = (self.find(a), self.find(b));
        self.set_cut((a, b), true);
        self.set_cut((b, a), true);
    }

    /// Cuts the way from one host to another, but not the way back.
    ///
    /// # Panics
    /// When there is no such host.
    #[track_caller]
    pub fn partition_one_way(&self, from: impl Into<HostName>, to: impl Into<HostName>) {
        let route = (self.find(from), self.find(to));
        self.set_cut(route, true);
    }

    /// Opens the way between two hosts, in both directions. What was held arrives after the shortest latency, in order.
    ///
    /// # Panics
    /// When there is no such host.
    #[track_caller]
    pub fn heal(&self, a: impl Into<HostName>, b: impl Into<HostName>) {
        let (a, b) = (self.find(a), self.find(b));
        self.set_cut((a, b), false);
        self.set_cut((b, a), false);
    }

    /// Opens all ways.
    pub fn heal_all(&self) {
        let cut = self.0.map.borrow().all_cut();
        for route in cut {
            self.set_cut(route, false);
        }
    }

    /// Breaks all connections between two hosts, here and now: both ends get
    /// [`ConnectionReset`](std::io::ErrorKind::ConnectionReset), what was under way or unread is lost.
    ///
    /// # Panics
    /// When there is no such host.
    #[track_caller]
    pub fn reset(&self, a: impl Into<HostName>, b: impl Into<HostName>) {
        let (a, b) = (self.find(a), self.find(b));
        self.reset_those(|hosts| hosts == [a, b] || hosts == [b, a]);
    }

    /// Lets the program of a host crash: see [`Host::crash`].
    ///
    /// # Panics
    /// When there is no such host.
    #[track_caller]
    pub fn crash(&self, host: impl Into<HostName>) {
        self.crash_host(self.find(host));
    }

    /// A host that was mentioned before: a fault at a host that is not there is a mistake in the test.
    #[track_caller]
    fn find(&self, name: impl Into<HostName>) -> HostId {
        let name = name.into().0;
        let map = self.0.map.borrow();
        let found = map.find(&name);
        found.unwrap_or_else(|| {
            panic!(
                "the network has no host `{name}`, but {:?}: `Network::host` makes one",
                map.names()
            )
        })
    }

    /// Cuts or opens a way, and tells all connections on it.
    fn set_cut(&self, route: Route, is_cut: bool) {
        self.0.map.borrow_mut().set_cut(route, is_cut);
        for connection in self.connections() {
            connection.set_cut(route, is_cut);
        }
        if !is_cut {
            self.0.opened.notify_all();
        }
    }

    /// Those who are connected now.
    fn connections(&self) -> Vec<Rc<Connection>> {
        let mut map = self.0.map.borrow_mut();
        let all = map.connections().values();
        all.filter_map(Weak::upgrade).collect()
    }

    /// Breaks the connections between such hosts.
    fn reset_those(&self, is_meant: impl Fn([HostId; 2]) -> bool) {
        for connection in self.connections() {
            if is_meant(connection.endpoints().hosts) {
                connection.reset();
            }
        }
    }

    /// A host's program crashes.
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

    /// Reads the map; what is done with it calls nothing foreign.
    pub(super) fn with_map<R>(&self, work: impl FnOnce(&mut Map) -> R) -> R {
        work(&mut self.0.map.borrow_mut())
    }

    /// The address of a host.
    pub(super) fn address(&self, host: HostId) -> IpAddr {
        self.0.map.borrow().address(host)
    }

    /// How a way behaves.
    pub(super) fn link(&self, route: Route) -> Link {
        self.0.map.borrow().link(route)
    }

    /// Whether a way is cut.
    pub(super) fn is_cut(&self, route: Route) -> bool {
        self.0.map.borrow().is_cut(route)
    }

    /// Waits for a way to be open; gives how often it has been cut.
    pub(super) fn poll_open(&self, route: Route, cx: &Context<'_>) -> Poll<u64> {
        if self.is_cut(route) {
            self.0.opened.register(cx.waker());
        }
        // The waker's clone was foreign code.
        if self.is_cut(route) {
            Poll::Pending
        } else {
            Poll::Ready(self.0.map.borrow().times_cut(route))
        }
    }

    /// Takes in a listener, unless there is one.
    pub(super) fn add_port(&self, port: &Rc<Port>) -> bool {
        let mut map = self.0.map.borrow_mut();
        let is_free = !map.ports().contains_key(&port.address());
        if is_free {
            map.ports().insert(port.address(), Rc::downgrade(port));
        }
        is_free
    }

    /// Forgets a listener, if it is the one at its address.
    pub(super) fn forget_port(&self, port: &Rc<Port>) {
        let mut map = self.0.map.borrow_mut();
        let known = map.ports().get(&port.address()).map(Weak::as_ptr);
        if known == Some(Rc::as_ptr(port)) {
            map.ports().remove(&port.address());
        }
    }

    /// Who listens at an address.
    pub(super) fn port(&self, address: SocketAddr) -> Option<Rc<Port>> {
        let mut map = self.0.map.borrow_mut();
        map.ports().get(&address).and_then(Weak::upgrade)
    }

    /// Makes a connection.
    pub(super) fn add_connection(&self, endpoints: Endpoints) -> Rc<Connection> {
        let number = self.0.map.borrow_mut().number_connection();
        let connection = Connection::new(self.clone(), number, endpoints);
        let mut map = self.0.map.borrow_mut();
        map.connections().insert(number, Rc::downgrade(&connection));
        connection
    }

    /// Forgets a connection.
    pub(super) fn forget_connection(&self, number: u64) {
        self.0.map.borrow_mut().connections().remove(&number);
    }

    /// Chooses one of so many.
    fn choose(&self, count: usize) -> usize {
        let Some(generator) = &self.0.generator else {
            return try_with(|core| core.choose(count)).unwrap_or(0);
        };
        if count < 2 {
            return 0;
        }
        let mut state = generator.get();
        let choice = next_random(&mut state) % count as u64;
        generator.set(state);
        choice as usize
    }

    /// A time that bytes travel.
    pub(super) fn draw_latency(&self, link: &Link) -> Duration {
        link.draw_latency(|count| self.choose(count))
    }

    /// Whether a write breaks its connection.
    pub(super) fn draw_break(&self, route: Route) -> bool {
        self.link(route).draw_break(|count| self.choose(count))
    }

    /// How many of so many bytes are moved: all of them half of the time, or any number but none.
    pub(super) fn draw_part(&self, bytes: usize) -> usize {
        if bytes < 2 || !self.0.cuts_parts.get() || self.choose(2) == 0 {
            return bytes;
        }
        1 + self.choose(bytes - 1)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Network");
        if let Ok(map) = self.0.map.try_borrow() {
            shown.field("hosts", &map.names());
        }
        shown.finish_non_exhaustive()
    }
}

/// Which host: a name, an IP address, or a [`Host`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

/// Implements it for what is shown as the name.
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

impl From<&Host> for HostName {
    fn from(host: &Host) -> Self {
        Self(host.name())
    }
}
