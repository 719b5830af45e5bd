//! Peers of other programs: `nc`, and asyncio as client and as server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::spawn;

use super::{ANY, bounded, echo};
use crate::installed::installed;

/// Starts one of the Python programs in `tests/peers`.
pub(super) fn python(program: &str, arguments: &[&str]) -> Child {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let started = Command::new(installed("python3"))
        .arg(path.join(program))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    started.expect("python3 can be started")
}

/// An echo server with a task for each connection.
async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        spawn(echo(stream)).detach();
    }
}

/// Starts our echo server on a thread of its own, so that the test may block.
fn our_server() -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        wheelhouse::run(async {
            let listener = TcpListener::bind(ANY).await.expect("a free port");
            let address = listener.local_addr().expect("an address");
            tell.send(address).expect("the test listens");
            serve(listener).await;
        });
    });
    told.recv().expect("the server tells its address")
}

#[test]
fn netcat_receives_what_it_sent() {
    let address = our_server();
    let started = Command::new(installed("nc"))
        .args(["-N", "-w", "30", "127.0.0.1", &address.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut nc = started.expect("nc can be started");
    let sent: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut stdin = nc.stdin.take().expect("piped");
    let writing = std::thread::spawn({
        let sent = sent.clone();
        move || stdin.write_all(&sent)
    });
    let mut got = Vec::new();
    let mut stdout = nc.stdout.take().expect("piped");
    stdout.read_to_end(&mut got).expect("nc's output");
    writing.join().expect("no panic").expect("nc takes it all");
    assert!(
        got == sent,
        "{} of {} bytes came back",
        got.len(),
        sent.len()
    );
    assert!(nc.wait().expect("nc ends").success());
}

#[test]
fn an_asyncio_client_talks_to_our_server() {
    let address = our_server();
    let mut client = python("net_client.py", &[&address.port().to_string(), "100"]);
    let mut report = String::new();
    let mut stdout = client.stdout.take().expect("piped");
    stdout.read_to_string(&mut report).expect("its output");
    assert_eq!(report.trim(), "100 connections were echoed");
    assert!(client.wait().expect("it ends").success());
}

#[test]
fn our_client_talks_to_an_asyncio_server() {
    let mut server = python("net_server.py", &[]);
    let mut lines = BufReader::new(server.stdout.take().expect("piped")).lines();
    let port: u16 = lines
        .next()
        .expect("it says its port")
        .expect("a line")
        .parse()
        .expect("a number");
    bounded(async {
        let clients: Vec<_> = (0..100)
            .map(|number| spawn(reverse(port, format!("message {number}"))))
            .collect();
        for client in clients {
            client.await.expect("no panic").expect("no error");
        }
    });
    // The server exits at the end of its standard input, and prints the number of connections.
    drop(server.stdin.take());
    assert_eq!(lines.next().expect("a last line").expect("a line"), "100");
    assert!(server.wait().expect("it ends").success());
}

/// Sends a message, ends the write side, and checks that the reversed message comes back.
async fn reverse(port: u16, message: String) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(message.as_bytes()).await?;
    stream.close().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert_eq!(answer, message.chars().rev().collect::<String>());
    Ok(())
}
