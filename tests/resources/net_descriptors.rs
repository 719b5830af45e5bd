//! However sockets end, all their file descriptors are closed.

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use crate::installed::installed;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::fs::File;
use wheelhouse::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use wheelhouse::process::Command;
use wheelhouse::signal::{SignalKind, unix};
use wheelhouse::{Runtime, run, spawn, timeout, yield_now};

/// The number of open descriptors.
fn open() -> usize {
    std::fs::read_dir("/proc/self/fd")
        .expect("Linux has this")
        .count()
}

/// A connection: both streams.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    let client = TcpStream::connect(address).await.expect("a connection");
    (client, listener.accept().await.expect("a connection").0)
}

/// Connections that are closed by both sides.
fn ended_in_order() {
    run(async {
        for _ in 0..100 {
            let (mut client, server) = pair().await;
            let echo = spawn(async move { futures::io::copy(&server, &mut &server).await });
            client.write_all(b"x").await.unwrap();
            client.close().await.unwrap();
            client.read_to_end(&mut Vec::new()).await.unwrap();
            echo.await.unwrap().unwrap();
        }
    });
}

/// Tasks that are cancelled while they read, accept and connect.
fn cancelled() {
    run(async {
        for _ in 0..20 {
            let (client, server) = pair().await;
            let (mut read, write) = client.into_split();
            let reading = spawn(async move { read.read(&mut [0]).await });
            let brief = timeout(Duration::ZERO, server.peek(&mut [0])).await;
            assert!(brief.is_err());
            yield_now().await;
            assert!(reading.cancel_and_wait().await.is_err());
            drop(write);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut connecting = Box::pin(TcpStream::connect(address));
            assert!(futures::poll!(&mut connecting).is_pending());
        }
    });
}

/// A runtime that is dropped with its sockets and tasks.
fn dropped_with_the_runtime() {
    let runtime = Runtime::new().unwrap();
    let waiting = Rc::new(Cell::new(0));
    runtime.block_on(async {
        for _ in 0..20 {
            let (client, server) = pair().await;
            for mut stream in [client, server] {
                let waiting = Rc::clone(&waiting);
                spawn(async move {
                    waiting.set(waiting.get() + 1);
                    stream.read(&mut [0]).await
                })
                .detach();
            }
        }
        yield_now().await;
    });
    assert_eq!(waiting.get(), 40);
}

/// Streams that are dropped on another thread, between two `block_on`s, and after the end of their
/// runtime.
fn dropped_away() {
    let runtime = Runtime::new().unwrap();
    let (client, server) = runtime.block_on(pair());
    thread::spawn(move || drop(client)).join().unwrap();
    drop(server);
    let (client, server) = runtime.block_on(pair());
    let std = thread::spawn(move || client.into_std().unwrap());
    drop(std.join().unwrap());
    let last = runtime.block_on(pair());
    runtime.block_on(yield_now());
    drop(runtime);
    thread::spawn(move || drop(server)).join().unwrap();
    drop(last.0.into_std().unwrap());
    drop(last.1);
}

/// One of each type that holds descriptors.
async fn everything() -> Vec<Box<dyn Send>> {
    let mut child = Command::new(installed("cat"));
    child.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    child.kill().unwrap();
    child.wait().await.unwrap();
    let (client, server) = pair().await;
    let path = std::env::temp_dir().join(format!("wh-everything-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    vec![
        Box::new((child, pipes)),
        Box::new((client.into_split(), server)),
        Box::new(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()),
        Box::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()),
        Box::new((
            listener,
            UnixStream::pair().unwrap(),
            UnixDatagram::pair().unwrap(),
        )),
        Box::new(unix(SignalKind::window_change()).unwrap()),
        Box::new(File::open("/dev/null").await.unwrap()),
    ]
}

/// Drops them outside `block_on`, on another thread, and while the event loop is busy.
fn closed_at_once() {
    let runtime = Runtime::new().unwrap();
    let before = open();
    let all = runtime.block_on(everything());
    assert!(open() > before + 15);
    drop(all);
    assert_eq!(open(), before, "on the runtime's thread");
    let all = runtime.block_on(everything());
    thread::spawn(move || drop(all)).join().unwrap();
    assert_eq!(open(), before, "on another thread");
    runtime.block_on(async {
        let all = everything().await;
        thread::spawn(move || drop(all)).join().unwrap();
        assert_eq!(open(), before, "while the loop is busy");
    });
}

/// Sockets that cannot be created.
fn refused() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        TcpListener::bind(address).await.unwrap_err();
        drop(listener);
        TcpStream::connect([address, address]).await.unwrap_err();
    });
}

#[test]
fn all_descriptors_are_closed_after_every_kind_of_end() {
    let _alone = crate::alone();
    let before = open();
    let ends: [(&str, fn()); 6] = [
        ("ended in order", ended_in_order),
        ("cancelled", cancelled),
        ("dropped with the runtime", dropped_with_the_runtime),
        ("dropped away", dropped_away),
        ("closed at once", closed_at_once),
        ("refused", refused),
    ];
    for (name, end) in ends {
        end();
        assert_eq!(open(), before, "{name}");
    }
}
