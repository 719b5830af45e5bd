//! Sockets outside their runtime: on other threads, in other runtimes, after the end of the
//! runtime.

use std::io::{self, Read};
use std::net::TcpStream as StdStream;
use std::sync::mpsc::channel;
use std::thread;

use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::Runtime;
use wheelhouse::net::{TcpListener, TcpStream};

use super::{ANY, LONG, bounded, pair};

/// The message must say what is wrong and what to do.
fn assert_says_what_to_do(error: &io::Error) {
    let message = error.to_string();
    for part in [
        "outside the wheelhouse runtime",
        "Remote::spawn",
        "into_std",
        "from_std",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

/// A stream of `runtime`, and its peer, a stream of std.
fn with_std_peer(runtime: &Runtime) -> (TcpStream, StdStream) {
    runtime.block_on(async {
        let listener = TcpListener::bind(ANY).await.expect("a free port");
        let peer = StdStream::connect(listener.local_addr().expect("an address"));
        let peer = peer.expect("connected");
        peer.set_read_timeout(Some(LONG)).expect("an option");
        let (stream, _) = listener.accept().await.expect("a connection");
        (stream, peer)
    })
}

/// Reads until the other end is closed.
fn assert_ends(mut peer: StdStream) {
    assert_eq!(peer.read(&mut [0]).expect("an end, in time"), 0);
}

#[test]
fn on_another_thread_every_call_that_may_wait_is_an_error() {
    bounded(async {
        let (mut client, _server) = pair().await;
        let listener = TcpListener::bind(ANY).await.unwrap();
        let away = thread::spawn(move || {
            let errors = [
                block_on(client.read(&mut [0])).unwrap_err(),
                block_on(client.write(b"x")).unwrap_err(),
                block_on(client.peek(&mut [0])).unwrap_err(),
                block_on(listener.accept()).map(drop).unwrap_err(),
            ];
            errors.iter().for_each(assert_says_what_to_do);
            // Calls that never wait work on every thread.
            client.set_nodelay(true).unwrap();
            client.peer_addr().unwrap();
            (client, listener)
        });
        let (mut client, listener) = away.join().unwrap();
        // On the thread of their runtime they still work.
        client.write_all(b"x").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_, accepted) = futures::join!(TcpStream::connect(address), listener.accept());
        accepted.unwrap();
    });
}

#[test]
fn in_another_runtime_every_call_that_may_wait_is_an_error() {
    let home = Runtime::new().unwrap();
    let (mut stream, _peer) = with_std_peer(&home);
    let error = bounded(async { stream.read(&mut [0]).await.unwrap_err() });
    assert_says_what_to_do(&error);
    home.block_on(stream.write_all(b"x")).unwrap();
}

#[test]
fn a_stream_that_is_dropped_on_another_thread_is_closed() {
    bounded(async {
        let (client, mut server) = pair().await;
        thread::spawn(move || drop(client)).join().unwrap();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn a_stream_that_is_dropped_elsewhere_while_its_runtime_sleeps_is_closed() {
    let (send, receive) = channel::<TcpStream>();
    let (go, gone) = channel();
    let away = thread::spawn(move || {
        let stream = receive.recv().unwrap();
        gone.recv().unwrap();
        drop(stream);
    });
    bounded(async {
        let (client, mut server) = pair().await;
        send.send(client).unwrap();
        let mut byte = [0];
        let mut reading = Box::pin(server.read(&mut byte));
        assert!(futures::poll!(&mut reading).is_pending());
        go.send(()).unwrap();
        assert_eq!(reading.await.unwrap(), 0);
    });
    away.join().unwrap();
}

#[test]
fn a_stream_that_is_dropped_between_two_block_ons_is_closed() {
    let runtime = Runtime::new().unwrap();
    let (stream, peer) = with_std_peer(&runtime);
    drop(stream);
    runtime.block_on(async { wheelhouse::sleep(std::time::Duration::from_nanos(1)).await });
    assert_ends(peer);
    let (stream, peer) = with_std_peer(&runtime);
    drop(stream);
    drop(runtime);
    assert_ends(peer);
}

#[test]
fn a_stream_that_outlives_its_runtime_returns_errors_and_is_closed_when_dropped() {
    let runtime = Runtime::new().unwrap();
    let (mut stream, peer) = with_std_peer(&runtime);
    drop(runtime);
    let error = block_on(stream.read(&mut [0])).unwrap_err();
    assert_says_what_to_do(&error);
    let error = bounded(async { stream.write(b"x").await.unwrap_err() });
    assert_says_what_to_do(&error);
    drop(stream);
    assert_ends(peer);
}

#[test]
fn a_stream_can_be_moved_to_another_runtime_after_its_own_has_ended() {
    let runtime = Runtime::new().unwrap();
    let (stream, mut peer) = with_std_peer(&runtime);
    drop(runtime);
    bounded(async move {
        let mut stream = TcpStream::from_std(stream.into_std().unwrap()).unwrap();
        stream.write_all(b"moved").await.unwrap();
    });
    let mut got = String::new();
    peer.read_to_string(&mut got).unwrap();
    assert_eq!(got, "moved");
}

#[test]
fn a_stream_can_be_converted_into_std_on_another_thread() {
    let runtime = Runtime::new().unwrap();
    let (stream, mut peer) = with_std_peer(&runtime);
    let stream = thread::spawn(move || stream.into_std().unwrap())
        .join()
        .unwrap();
    drop(runtime);
    io::Write::write_all(&mut &stream, b"alive").unwrap();
    drop(stream);
    let mut got = String::new();
    peer.read_to_string(&mut got).unwrap();
    assert_eq!(got, "alive");
}

#[test]
fn a_runtime_with_tasks_that_wait_for_sockets_can_be_dropped() {
    let runtime = Runtime::new().unwrap();
    let (mut stream, peer) = with_std_peer(&runtime);
    runtime.block_on(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        wheelhouse::spawn(async move { listener.accept().await.map(drop) }).detach();
        wheelhouse::spawn(async move { stream.read(&mut [0]).await }).detach();
        wheelhouse::yield_now().await;
    });
    drop(runtime);
    assert_ends(peer);
}

#[test]
fn a_pending_future_of_a_socket_may_be_dropped_on_any_thread() {
    bounded(async {
        let (client, mut server) = pair().await;
        let mut peeking = Box::pin(async move { client.peek(&mut [0]).await });
        assert!(futures::poll!(&mut peeking).is_pending());
        thread::spawn(move || drop(peeking)).join().unwrap();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
    });
}
