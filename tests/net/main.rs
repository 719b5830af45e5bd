//! TCP over loopback, against this crate's own sockets and against real peers: std, `nc`, Python's asyncio.
//!
//! Wall time: sockets are the kernel's, and so is when they are ready.

mod closing;
#[path = "../common/mod.rs"]
mod common;
mod connect;
mod crowds;
mod datagrams;
mod echo;
mod fairness;
mod faults;
mod foreign;
mod halves;
#[path = "../common/installed.rs"]
mod installed;
mod limits;
mod peers;
mod short_reads;
mod sockets;
mod streams;
mod unix;

use std::future::Future;
use std::net::Ipv4Addr;
use std::time::Duration;

use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{run, timeout};

/// Longer than any healthy test takes; it only bounds a failing one.
const LONG: Duration = Duration::from_secs(60);

/// Any free port of this machine.
const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Runs a test in a runtime of its own, and fails when it hangs.
fn bounded<T>(test: impl Future<Output = T>) -> T {
    run(async { timeout(LONG, test).await.expect("the test ends in time") })
}

/// The two ends of a connection: the one that connected, and the one that was accepted.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let client = TcpStream::connect(address).await.expect("a connection");
    let (server, peer) = listener.accept().await.expect("a connection");
    assert_eq!(Some(peer), client.local_addr().ok());
    (client, server)
}

/// Sends back what comes until it ends; gives the number of bytes.
async fn echo(stream: TcpStream) -> std::io::Result<u64> {
    futures::io::copy(&stream, &mut &stream).await
}
