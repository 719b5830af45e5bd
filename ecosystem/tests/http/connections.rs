//! Clients that do not behave: they are slow, silent, hasty, or gone.

use std::rc::Rc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::TlsAcceptor;
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{gather, run, sleep, timeout, yield_now};
use wheelhouse_ecosystem::server::Server;
use wheelhouse_ecosystem::tls::Identity;

use crate::programs::answer;
use crate::servers::{pages, serve};

/// After this long, what should have happened has not.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How long the servers of these tests wait for a request.
const HEAD_TIMEOUT: Duration = Duration::from_millis(200);

fn acceptor() -> TlsAcceptor {
    let identity = Identity::new(&["localhost"]).expect("a certificate can be made");
    identity.acceptor().expect("it fits its key")
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("the server listens")
}

/// Sends this, then nothing, and waits for the server to close.
async fn fall_silent(port: u16, said: &[u8]) {
    let mut stream = connect(port).await;
    stream.write_all(said).await.expect("the server takes it");
    let mut got = Vec::new();
    let closed = timeout(SOON, stream.read_to_end(&mut got)).await;
    assert!(
        closed.is_ok(),
        "still open after {:?}",
        String::from_utf8_lossy(said)
    );
}

// The clients' silence is over sockets, so the real clock has to run: for as long as the servers
// are patient.
#[test]
fn a_client_that_falls_silent_is_closed() {
    run(async {
        let (server, port) = serve(Server::new(pages).head_timeout(HEAD_TIMEOUT)).await;
        gather((
            fall_silent(port, b""),
            fall_silent(port, b"P"),
            fall_silent(port, b"PRI * HTTP/2.0\r\n\r\nSM"),
            fall_silent(port, b"GET / HTTP/1.1\r\nHo"),
            fall_silent(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ))
        .await;
        timeout(SOON, server.all_closed())
            .await
            .expect("none is left");
    });
}

#[test]
fn a_client_that_sends_a_byte_at_a_time_is_closed() {
    run(async {
        let (_server, port) = serve(Server::new(pages).head_timeout(HEAD_TIMEOUT)).await;
        let mut stream = connect(port).await;
        let dripping = async {
            // Never done, and never silent for long.
            while stream.write_all(b"G").await.is_ok() {
                sleep(HEAD_TIMEOUT / 10).await;
            }
        };
        timeout(SOON, dripping)
            .await
            .expect("the server has closed");
    });
}

#[test]
fn a_tls_client_that_falls_silent_is_closed() {
    run(async {
        let server = Server::new(pages)
            .tls(acceptor())
            .head_timeout(HEAD_TIMEOUT);
        let (_server, port) = serve(server).await;
        gather((fall_silent(port, b""), fall_silent(port, b"\x16\x03\x01"))).await;
    });
}

#[test]
fn a_server_that_stops_does_not_wait_for_handshakes() {
    run(async {
        let server = Rc::new(Server::new(pages).tls(acceptor()));
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let _silent = connect(port).await;
        let accepted = async {
            while server.open() == 0 {
                yield_now().await;
            }
        };
        let serving = server.serve(listener, accepted, SOON * 2);
        assert_eq!(timeout(SOON, serving).await, Ok(0));
    });
}

#[test]
fn a_client_that_is_slow_to_read_is_waited_for() {
    run(async {
        let (_server, port) = serve(Server::new(pages).head_timeout(HEAD_TIMEOUT)).await;
        let mut stream = connect(port).await;
        let request = b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream
            .write_all(request)
            .await
            .expect("the server takes it");
        sleep(HEAD_TIMEOUT * 2).await; // longer than the server waits for requests
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.expect("all comes");
        assert!(got.len() > crate::servers::BIG);
    });
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    run(async {
        let (server, port) = serve(Server::new(pages)).await;
        let said: [&[u8]; 4] = [
            b"",
            b"GET / HT",
            b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n",
        ];
        let clients = (0..100).map(|number| async move {
            let mut stream = connect(port).await;
            stream
                .write_all(said[number % 4])
                .await
                .expect("the server takes it");
            // Half of them say goodbye, the others reset the connection.
            let linger = (number % 8 < 4).then_some(Duration::ZERO);
            stream.set_linger(linger).expect("it is a socket");
        });
        gather(clients.collect::<Vec<_>>()).await;
        // The server has accepted them all once it answers a later one.
        let mut last = connect(port).await;
        last.write_all(b"GET / HTTP/1.0\r\n\r\n")
            .await
            .expect("the server lives");
        let mut got = String::new();
        last.read_to_string(&mut got).await.expect("and answers");
        assert!(got.ends_with("hello from /"), "{got}");
        timeout(SOON, server.all_closed())
            .await
            .expect("none is left");
    });
}

#[test]
fn nc_asks_three_times_at_once_and_is_answered_in_order() {
    run(async {
        let (_server, port) = serve(Server::new(pages)).await;
        let ask = |page, last| format!("GET {page} HTTP/1.1\r\nHost: x\r\n{last}\r\n");
        let requests = ask("/1", "") + &ask("/2", "") + &ask("/3", "Connection: close\r\n");
        let line = format!("nc 127.0.0.1 {port}");
        let got = answer(&line, requests.as_bytes()).await;
        assert_eq!(got.matches("HTTP/1.1 200 OK").count(), 3, "{got}");
        let places = ["/1", "/2", "/3"].map(|page| got.find(&format!("hello from {page}")));
        assert!(places.is_sorted() && places[0].is_some(), "{got}");
    });
}
