//! What a network consists of: hosts, links, cuts, who listens, who is connected. Pure data.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Weak;

use super::connection::Connection;
use super::link::Link;
use super::listener::Port;

/// The first port that is given to those who ask for none.
const FIRST_PORT: u16 = 49152;

/// Which host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostId(usize);

/// From whom to whom.
pub(super) type Route = (HostId, HostId);

/// One host.
#[derive(Debug)]
struct HostEntry {
    /// Its name.
    name: String,
    /// Its address.
    address: IpAddr,
    /// How often it has crashed.
    crashes: u64,
    /// The port that the next one gets who asks for none.
    next_port: u16,
}

/// Whether a way is cut.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    /// Whether it is now.
    is_cut: bool,
    /// How often it was.
    times: u64,
}

/// A network.
#[derive(Debug, Default)]
pub(super) struct Map {
    /// The hosts, in the order in which they were named.
    hosts: Vec<HostEntry>,
    /// How links are that nothing else is said of.
    link: Link,
    /// How other links are.
    links: BTreeMap<Route, Link>,
    /// The ways that are or were cut.
    cuts: BTreeMap<Route, Cut>,
    /// Who listens.
    ports: BTreeMap<SocketAddr, Weak<Port>>,
    /// Who is connected, by the numbers of the connections.
    connections: BTreeMap<u64, Weak<Connection>>,
    /// The number of the connection that was made last.
    last_connection: u64,
}

impl Map {
    /// The host with this name, or this number as its name; made if it is not there.
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

    /// The host with this name or address.
    pub(super) fn find(&self, name: &str) -> Option<HostId> {
        let address = name.parse::<IpAddr>().ok();
        let is_it = |host: &HostEntry| host.name == name || Some(host.address) == address;
        self.hosts.iter().position(is_it).map(HostId)
    }

    /// The first of 10.0.0.1, 10.0.0.2, … that is free.
    fn free_address(&self) -> IpAddr {
        let first = u32::from(Ipv4Addr::new(10, 0, 0, 1));
        let all = (first..).map(|number| IpAddr::V4(number.into()));
        let is_free = |address: &IpAddr| self.hosts.iter().all(|host| host.address != *address);
        all.into_iter()
            .find(is_free)
            .expect("there are more addresses than hosts")
    }

    /// The names of all hosts.
    pub(super) fn names(&self) -> Vec<&str> {
        self.hosts.iter().map(|host| &*host.name).collect()
    }

    /// Who has an address, as seen from `from`.
    pub(super) fn at(&self, address: IpAddr, from: HostId) -> Option<HostId> {
        if address.is_loopback() {
            return Some(from);
        }
        let found = self.hosts.iter().position(|host| host.address == address);
        found.map(HostId)
    }

    /// The name of a host.
    pub(super) fn name(&self, host: HostId) -> &str {
        &self.hosts[host.0].name
    }

    /// The address of a host.
    pub(super) fn address(&self, host: HostId) -> IpAddr {
        self.hosts[host.0].address
    }

    /// How often a host has crashed.
    pub(super) fn crashes(&self, host: HostId) -> u64 {
        self.hosts[host.0].crashes
    }

    /// A host crashes.
    pub(super) fn count_crash(&mut self, host: HostId) {
        self.hosts[host.0].crashes += 1;
    }

    /// A port of a host at which nobody listens.
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

    /// How a way behaves. A host's way to itself is perfect, unless something else is said of it.
    pub(super) fn link(&self, route: Route) -> Link {
        match self.links.get(&route) {
            Some(link) => link.clone(),
            None if route.0 == route.1 => Link::new(),
            None => self.link.clone(),
        }
    }

    /// Sets how all links behave.
    pub(super) fn set_link(&mut self, link: Link) {
        self.links.clear();
        self.link = link;
    }

    /// Sets how one way behaves.
    pub(super) fn set_route(&mut self, route: Route, link: Link) {
        self.links.insert(route, link);
    }

    /// Cuts a way, or opens it.
    pub(super) fn set_cut(&mut self, route: Route, is_cut: bool) {
        let cut = self.cuts.entry(route).or_default();
        cut.times += u64::from(is_cut);
        cut.is_cut = is_cut;
    }

    /// Whether a way is cut.
    pub(super) fn is_cut(&self, route: Route) -> bool {
        self.cuts.get(&route).is_some_and(|cut| cut.is_cut)
    }

    /// How often a way has been cut.
    pub(super) fn times_cut(&self, route: Route) -> u64 {
        self.cuts.get(&route).map_or(0, |cut| cut.times)
    }

    /// The ways that are cut.
    pub(super) fn all_cut(&self) -> Vec<Route> {
        let cut = self.cuts.iter().filter(|(_, cut)| cut.is_cut);
        cut.map(|(route, _)| *route).collect()
    }

    /// Who listens.
    pub(super) fn ports(&mut self) -> &mut BTreeMap<SocketAddr, Weak<Port>> {
        &mut self.ports
    }

    /// Those who are connected.
    pub(super) fn connections(&mut self) -> &mut BTreeMap<u64, Weak<Connection>> {
        &mut self.connections
    }

    /// The number of a new connection.
    pub(super) fn number_connection(&mut self) -> u64 {
        self.last_connection += 1;
        self.last_connection
    }
}
