//! A world that does not play along: a proxy that delays, cuts, resets and half-closes; a process that has no descriptors left.
//! Each fault is an error that says what it is, nothing hangs, and nothing is left open.

mod descriptors;
#[path = "../common/installed.rs"]
mod installed;
mod proxy;

use std::fs;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{run, sleep, spawn, timeout};

use proxy::{Fault, Proxy};

/// Longer than anything here takes; it only bounds a test that fails.
const LONG: Duration = Duration::from_secs(60);

/// Whoever holds it may open descriptors.
static ONE: Mutex<()> = Mutex::new(());

/// Waits until no other test runs.
fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many descriptors are open.
fn open() -> usize {
    let all = fs::read_dir("/proc/self/fd").expect("Linux has this");
    all.count()
}

/// Sends back what it is sent, one connection after the other.
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

/// What is sent. Longer than what the proxy lets through before it does something.
const REQUEST: &[u8; 64] = &[b'x'; 64];

/// Sends the request, and reads as much again.
async fn ask(address: std::net::SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = [0; REQUEST.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, REQUEST);
    Ok(())
}

/// What comes of asking through a proxy with this fault, within `patience`. Fails if a descriptor is left open.
///
/// Wall time: the connections are real.
fn through(fault: Fault, patience: Duration) -> Result<io::Result<()>, wheelhouse::Elapsed> {
    let _alone = alone();
    // What is made once in a process has been made then.
    run(async { sleep(Duration::ZERO).await });
    let before = open();
    let outcome = run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Proxy::start(listener.local_addr().expect("an address"), fault);
        let server = spawn(echo(listener));
        let outcome = timeout(patience, ask(proxy.address())).await;
        server.cancel();
        proxy.stop();
        outcome
    });
    assert_eq!(open(), before, "{fault:?}");
    outcome
}

/// The kind of error that comes of asking through a proxy with this fault.
fn kind(fault: Fault) -> io::ErrorKind {
    let outcome = through(fault, LONG).expect("it does not hang");
    outcome.expect_err("it must be seen").kind()
}

#[test]
fn without_a_fault_the_answer_comes() {
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
fn a_connection_that_is_reset_is_an_error_of_that_name() {
    assert_eq!(kind(Fault::ResetAfter(40)), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_peer_that_closes_its_side_is_an_unexpected_end() {
    assert_eq!(kind(Fault::HalfClose), io::ErrorKind::UnexpectedEof);
}

/// Wall time: the silence is real.
#[test]
fn a_peer_that_never_answers_is_left_by_the_timeout() {
    through(Fault::Silence, Duration::from_millis(30)).unwrap_err();
}

#[test]
fn nobody_there_is_refused() {
    assert_eq!(kind(Fault::Gone), io::ErrorKind::ConnectionRefused);
}
