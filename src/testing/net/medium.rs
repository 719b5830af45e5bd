//! What a connection asks of its network.

use std::fmt;
use std::time::Duration;

use super::link::Link;
use super::route::Route;

/// The network, as a connection sees it.
pub(super) trait Medium: fmt::Debug {
    fn link(&self, route: Route) -> Link;

    fn is_cut(&self, route: Route) -> bool;

    fn draw_latency(&self, link: &Link) -> Duration;

    fn draw_break(&self, route: Route) -> bool;

    /// Returns how many of `bytes` a read or write transfers: all of them in half of the cases,
    /// else any number from 1.
    fn draw_part(&self, bytes: usize) -> usize;

    /// Removes the data of a connection that was dropped.
    fn forget_connection(&self, number: u64);
}
