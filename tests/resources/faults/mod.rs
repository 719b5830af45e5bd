//! Faults of the network and of the process: a proxy that delays, cuts, resets and half-closes a
//! connection; a process without free descriptors. Each fault is an error that says what it is;
//! nothing hangs, and no descriptor stays open.

mod descriptors;
mod proxy;

use std::fs;
use std::io;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{run, sleep, spawn, timeout};

use crate::alone;
use proxy::{Fault, Proxy};

/// Longer than any test takes. Only a failing test waits so long.
const LONG: Duration = Duration::from_secs(60);

/// The number of open descriptors.
fn open() -> usize {
    let all = fs::read_dir("/proc/self/fd").expect("Linux has this");
    all.count()
}

/// An echo server that serves one connection after the other.
async fn echo(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        spawn(async move {
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..count]).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// The request, longer than the bytes that the proxy passes on before its fault.
const REQUEST: &[u8; 64] = &[b'x'; 64];

/// Sends the request, and reads an answer of the same length.
async fn ask(address: std::net::SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = [0; REQUEST.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, REQUEST);
    Ok(())
}

/// The outcome of a request through a proxy with this fault, within `limit`. Fails if a descriptor
/// stays open.
///
/// Wall time: the kernel decides when sockets are ready.
fn through(fault: Fault, limit: Duration) -> Result<io::Result<()>, wheelhouse::Elapsed> {
    let _alone = alone();
    // The first run opens the descriptors that a process opens once.
    run(async { sleep(Duration::ZERO).await });
    let before = open();
    let outcome = run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Proxy::start(listener.local_addr().expect("an address"), fault);
        let server = spawn(echo(listener));
        let outcome = timeout(limit, ask(proxy.address())).await;
        server.cancel();
        proxy.stop();
        outcome
    });
    assert_eq!(open(), before, "{fault:?}");
    outcome
}

/// The kind of the error of a request through a proxy with this fault.
fn kind(fault: Fault) -> io::ErrorKind {
    let outcome = through(fault, LONG).expect("it does not hang");
    outcome.expect_err("it must be seen").kind()
}

#[test]
fn without_a_fault_the_answer_arrives() {
    through(Fault::None, LONG).unwrap().unwrap();
}

#[test]
fn a_slow_connection_is_no_error() {
    let delay = Duration::from_millis(20);
    through(Fault::Delay(delay), LONG).unwrap().unwrap();
}

#[test]
fn a_connection_that_is_cut_is_an_unexpected_end() {
    assert_eq!(kind(Fault::CutAfter(40)), io::ErrorKind::UnexpectedEof);
    assert_eq!(kind(Fault::CutAfter(0)), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_connection_that_is_reset_is_connection_reset() {
    assert_eq!(kind(Fault::ResetAfter(40)), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_peer_that_closes_its_write_side_is_an_unexpected_end() {
    assert_eq!(kind(Fault::HalfClose), io::ErrorKind::UnexpectedEof);
}

/// Wall time: the proxy does not answer.
#[test]
fn a_timeout_ends_the_wait_for_a_peer_that_never_answers() {
    through(Fault::Silence, Duration::from_millis(30)).unwrap_err();
}

#[test]
fn a_connect_without_a_listener_is_refused() {
    assert_eq!(kind(Fault::Gone), io::ErrorKind::ConnectionRefused);
}
