//! Unix sockets: a listener, a stream, datagrams; see unix(7).
//!
//! An address is a path in the file system, a name in the abstract namespace of Linux, or empty. A
//! path stays when its socket is closed; a server removes it before it binds again.

mod ancillary;
mod datagram;
mod listener;
mod stream;

pub use ancillary::{PeerCredentials, ReceivedFds};
pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use stream::UnixStream;

use std::time::Duration;

/// The first and the longest pause before a peer with a full queue is tried again.
pub(super) const RETRY: (Duration, Duration) =
    (Duration::from_micros(200), Duration::from_millis(50));
