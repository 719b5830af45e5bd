//! Sockets of one machine: a listener, a stream, datagrams. Their addresses are paths in the file system, or names in the abstract
//! namespace of Linux, or they have none.
//!
//! A path stays behind when its socket is closed; who listens there again removes it first.

mod datagram;
mod listener;
mod stream;

pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use stream::UnixStream;

use std::time::Duration;

/// How long to wait before somebody with a full queue is tried again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(50));
