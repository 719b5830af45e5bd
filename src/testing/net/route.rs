//! The hosts of a network and the routes between them, as its data names them.

/// The index of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostId(pub(super) usize);

/// A direction between two hosts: from, to.
pub(super) type Route = (HostId, HostId);
