//! The data of a network: hosts, links, cut routes, listeners, connections. Pure data.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Weak;

use super::connection::Connection;
use super::link::Link;
use super::port::Port;
use super::route::{HostId, Route};

/// The first port that is chosen where none is given.
const FIRST_PORT: u16 = 49152;

#[derive(Debug)]
struct HostEntry {
    name: String,
    address: IpAddr,
    /// The number of crashes.
    crashes: u64,
    /// The next port to choose where none is given.
    next_port: u16,
}

/// Whether a route is cut, and how often it was.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    is_cut: bool,
    times: u64,
}

#[derive(Debug, Default)]
pub(super) struct Map {
    /// The hosts, in the order in which they were named.
    hosts: Vec<HostEntry>,
    /// The link of all routes that are not in `links`.
    link: Link,
    links: BTreeMap<Route, Link>,
    /// The routes that are or were cut.
    cuts: BTreeMap<Route, Cut>,
    /// The listeners.
    ports: BTreeMap<SocketAddr, Weak<Port>>,
    /// The connections, by number.
    connections: BTreeMap<u64, Weak<Connection>>,
    /// The number of the last connection.
    last_connection: u64,
}

impl Map {
    /// Returns the host with this name or IP address. Creates it if there is none.
    pub(super) fn host(&mut self, name: &str) -> HostId {
        if let Some(id) = self.find(name) {
            return id;
        }
        let address = name.parse().unwrap_or_else(|_| self.free_address());
        self.hosts.push(HostEntry {
            name: name.to_owned(),
            address,
            crashes: 0,
            next_port: FIRST_PORT,
        });
        HostId(self.hosts.len() - 1)
    }

    /// Returns the host with this name or IP address, if there is one.
    pub(super) fn find(&self, name: &str) -> Option<HostId> {
        let address = name.parse::<IpAddr>().ok();
        let is_it = |host: &HostEntry| host.name == name || Some(host.address) == address;
        self.hosts.iter().position(is_it).map(HostId)
    }

    /// Returns the first free address of 10.0.0.1, 10.0.0.2, ….
    fn free_address(&self) -> IpAddr {
        let first = u32::from(Ipv4Addr::new(10, 0, 0, 1));
        let all = (first..).map(|number| IpAddr::V4(number.into()));
        let is_free = |address: &IpAddr| self.hosts.iter().all(|host| host.address != *address);
        all.into_iter()
            .find(is_free)
            .expect("there are more addresses than hosts")
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.hosts.iter().map(|host| &*host.name).collect()
    }

    /// Returns the host with an address, as seen from the host `from`.
    pub(super) fn at(&self, address: IpAddr, from: HostId) -> Option<HostId> {
        if address.is_loopback() {
            return Some(from);
        }
        let found = self.hosts.iter().position(|host| host.address == address);
        found.map(HostId)
    }

    pub(super) fn name(&self, host: HostId) -> &str {
        &self.hosts[host.0].name
    }

    pub(super) fn address(&self, host: HostId) -> IpAddr {
        self.hosts[host.0].address
    }

    pub(super) fn crashes(&self, host: HostId) -> u64 {
        self.hosts[host.0].crashes
    }

    pub(super) fn count_crash(&mut self, host: HostId) {
        self.hosts[host.0].crashes += 1;
    }

    /// Returns an address of the host with a port that has no listener.
    pub(super) fn free_port(&mut self, host: HostId) -> SocketAddr {
        loop {
            let entry = &mut self.hosts[host.0];
            let address = SocketAddr::new(entry.address, entry.next_port);
            entry.next_port = entry.next_port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.ports.contains_key(&address) {
                return address;
            }
        }
    }

    /// Returns the link of a route. The route of a host to itself is perfect, unless it was set.
    pub(super) fn link(&self, route: Route) -> Link {
        match self.links.get(&route) {
            Some(link) => link.clone(),
            None if route.0 == route.1 => Link::new(),
            None => self.link.clone(),
        }
    }

    /// Sets the link of all routes.
    pub(super) fn set_link(&mut self, link: Link) {
        self.links.clear();
        self.link = link;
    }

    pub(super) fn set_route(&mut self, route: Route, link: Link) {
        self.links.insert(route, link);
    }

    /// Cuts a route, or opens it.
    pub(super) fn set_cut(&mut self, route: Route, is_cut: bool) {
        let cut = self.cuts.entry(route).or_default();
        cut.times += u64::from(is_cut);
        cut.is_cut = is_cut;
    }

    pub(super) fn is_cut(&self, route: Route) -> bool {
        self.cuts.get(&route).is_some_and(|cut| cut.is_cut)
    }

    pub(super) fn times_cut(&self, route: Route) -> u64 {
        self.cuts.get(&route).map_or(0, |cut| cut.times)
    }

    pub(super) fn all_cut(&self) -> Vec<Route> {
        let cut = self.cuts.iter().filter(|(_, cut)| cut.is_cut);
        cut.map(|(route, _)| *route).collect()
    }

    pub(super) fn ports(&mut self) -> &mut BTreeMap<SocketAddr, Weak<Port>> {
        &mut self.ports
    }

    pub(super) fn connections(&mut self) -> &mut BTreeMap<u64, Weak<Connection>> {
        &mut self.connections
    }

    /// Returns the number for a new connection.
    pub(super) fn number_connection(&mut self) -> u64 {
        self.last_connection += 1;
        self.last_connection
    }
}
