//! TCP, UDP and Unix sockets, with peers of this crate, of std, of asyncio, and with `nc`.
//!
//! Wall time: the kernel decides when sockets are ready.

mod ancillary;
mod closing;
#[path = "../common/mod.rs"]
mod common;
mod connect;
mod copying;
mod crowds;
mod datagrams;
mod echo;
mod fairness;
mod faults;
mod halves;
#[path = "../common/installed.rs"]
mod installed;
mod limits;
mod outside_runtime;
mod peers;
mod pipes;
mod readiness;
mod registered;
mod short_reads;
mod sockets;
mod streams;
mod unix;

use std::future::Future;
use std::net::Ipv4Addr;
use std::time::Duration;

use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{run, timeout};

/// Longer than any test takes. Only a failing test waits so long.
const LONG: Duration = Duration::from_secs(60);

/// A free port, which the system chooses.
const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Runs a test in a runtime of its own. Fails if it hangs.
fn bounded<T>(test: impl Future<Output = T>) -> T {
    run(async { timeout(LONG, test).await.expect("the test ends in time") })
}

/// A connection: the stream that connected, and the stream that was accepted.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let client = TcpStream::connect(address).await.expect("a connection");
    let (server, peer) = listener.accept().await.expect("a connection");
    assert_eq!(Some(peer), client.local_addr().ok());
    (client, server)
}

/// Sends all bytes back until the stream ends. Returns their number.
async fn echo(stream: TcpStream) -> std::io::Result<u64> {
    futures::io::copy(&stream, &mut &stream).await
}
