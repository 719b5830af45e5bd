//! Sockets are closed at once, wherever they are dropped: outside `block_on`, and on another thread
//! while the event loop is busy.
//!
//! What went wrong: a socket that was dropped outside its runtime stayed open until the event loop
//! ran again. Its port stayed in use, and its peer saw no end of the stream.

use std::future::Future;
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::Context;
use std::thread;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::Runtime;
use wheelhouse::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};

use super::unix::Folder;
use super::{ANY, LONG, pair};
use crate::common::CountingWaker;

/// Creates something in a runtime, drops it in each place outside the runtime, and calls `check`
/// right after.
fn closes_at_once<T, P, F>(make: impl Fn() -> F, check: impl Fn(P) + Send + Copy + 'static)
where
    T: Send + 'static,
    P: Send + 'static,
    F: Future<Output = (T, P)>,
{
    let runtime = Runtime::new().unwrap();
    // Outside `block_on`, on the thread of the runtime and on another one.
    let (made, peer) = runtime.block_on(make());
    drop(made);
    check(peer);
    let (made, peer) = runtime.block_on(make());
    thread::spawn(move || drop(made)).join().unwrap();
    check(peer);
    // While the event loop is busy: it does not run before `check` has returned.
    runtime.block_on(async {
        let (made, peer) = make().await;
        let elsewhere = thread::spawn(move || {
            drop(made);
            check(peer);
        });
        elsewhere.join().unwrap();
    });
    // New sockets reuse the slots of the dropped ones, and work.
    runtime.block_on(async {
        for _ in 0..3 {
            let (mut client, mut server) = pair().await;
            client.write_all(b"x").await.unwrap();
            server.read_exact(&mut [0]).await.unwrap();
        }
    });
}

/// Fails unless the stream ends. Only a failing test waits for the timeout.
fn sees_the_end(mut peer: std::net::TcpStream) {
    peer.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

/// The same for a Unix socket.
fn unix_sees_the_end(mut peer: std::os::unix::net::UnixStream) {
    peer.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

/// A connection and its peer.
async fn connection() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    (stream, listener.accept().unwrap().0)
}

#[test]
fn the_port_of_a_dropped_listener_is_free_and_refuses_connections() {
    let make = || async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    };
    closes_at_once(make, |address: SocketAddr| {
        let refused = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        drop(std::net::TcpListener::bind(address).unwrap());
    });
}

#[test]
fn the_peer_of_a_dropped_stream_sees_the_end() {
    closes_at_once(connection, sees_the_end);
}

#[test]
fn the_peer_of_dropped_halves_sees_the_end() {
    let make = || async {
        let (stream, peer) = connection().await;
        (stream.into_split(), peer)
    };
    closes_at_once(make, sees_the_end);
}

#[test]
fn the_peer_of_a_stream_that_was_converted_into_std_and_dropped_sees_the_end() {
    let runtime = Runtime::new().unwrap();
    let (stream, peer) = runtime.block_on(connection());
    drop(stream.into_std().unwrap());
    sees_the_end(peer);
    let (stream, peer) = runtime.block_on(connection());
    let elsewhere = thread::spawn(move || stream.into_std().unwrap());
    let stream = elsewhere.join().unwrap();
    drop(stream);
    sees_the_end(peer);
}

/// The descriptor is not duplicated, and it is no longer registered.
#[test]
fn a_stream_that_was_converted_into_std_elsewhere_can_be_converted_back() {
    let runtime = Runtime::new().unwrap();
    let (stream, _peer) = runtime.block_on(connection());
    let fd = stream.as_fd().try_clone_to_owned().unwrap();
    let stream = thread::spawn(move || stream.into_std().unwrap())
        .join()
        .unwrap();
    drop(fd);
    runtime.block_on(async { TcpStream::from_std(stream).unwrap() });
}

#[test]
fn the_peers_of_unix_sockets_see_the_end() {
    closes_at_once(
        || async {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            (UnixStream::from_std(ours).unwrap(), theirs)
        },
        unix_sees_the_end,
    );
    closes_at_once(
        || async {
            let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
            (UnixDatagram::from_std(ours).unwrap(), theirs)
        },
        |peer: std::os::unix::net::UnixDatagram| {
            let error = peer.send(b"x").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        },
    );
}

#[test]
fn the_path_of_a_dropped_listener_refuses_connections() {
    let folder = Folder::new();
    let next = std::sync::atomic::AtomicU32::new(0);
    let make = || async {
        let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path(&format!("socket{number}"));
        (UnixListener::bind(&path).unwrap(), path)
    };
    closes_at_once(make, |path: std::path::PathBuf| {
        let error = std::os::unix::net::UnixStream::connect(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn the_port_of_a_dropped_datagram_socket_is_free() {
    let make = || async {
        let socket = UdpSocket::bind(ANY).await.unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    };
    closes_at_once(make, |address: SocketAddr| {
        drop(std::net::UdpSocket::bind(address).unwrap());
    });
}

#[test]
fn a_task_that_waits_for_a_socket_is_woken_when_the_socket_is_dropped_elsewhere() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let (counter, waker) = CountingWaker::new();
        assert!(
            listener
                .poll_accept(&mut Context::from_waker(&waker))
                .is_pending()
        );
        thread::spawn(move || drop(listener)).join().unwrap();
        while counter.wakes() == 0 {
            wheelhouse::yield_now().await;
        }
    });
}

#[test]
fn sockets_that_outlive_their_runtime_are_closed_when_dropped() {
    let runtime = Runtime::new().unwrap();
    let (stream, peer) = runtime.block_on(connection());
    let shared = Arc::new(stream);
    drop(runtime);
    thread::spawn(move || drop(shared)).join().unwrap();
    sees_the_end(peer);
}
