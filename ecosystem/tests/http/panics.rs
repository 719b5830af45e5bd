//! A handler that panics ended the server: each connection was a child of a group, which passes the
//! panic to its parent. Now it ends one connection, in HTTP/2 one request, and the others and the
//! server do not notice.
//!
//! Wall time: sockets are the kernel's, and so is when they are ready.

use std::rc::Rc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::{Request, Response};
use wheelhouse::compat::hyper::{Executor, Io};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::sync::Event;
use wheelhouse::{run, spawn, timeout, yield_now};
use wheelhouse_ecosystem::server::Server;
use wheelhouse_ecosystem::tls::Identity;

use crate::connections::SOON;
use crate::programs::{Folder, command, finish, output};
use crate::servers::serve;

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose, while dropped");
    }
}

/// Answers, panics, or answers never and panics when it is dropped.
async fn moody(request: Request<Incoming>) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/panic" => panic!("on purpose"),
        "/late" => {
            yield_now().await;
            panic!("on purpose, after an await")
        }
        "/bomb" => {
            let _bomb = Bomb;
            std::future::pending().await
        }
        _ => Response::new(Full::from("well")),
    }
}

async fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    stream.expect("the server listens")
}

/// Asks once more over a connection, and returns what comes.
async fn ask(stream: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok();
    let mut got = vec![0; 4096];
    let count = timeout(SOON, stream.read(&mut got)).await;
    let count = count.expect("an answer or an end").unwrap_or(0);
    String::from_utf8_lossy(&got[..count]).into_owned()
}

#[test]
fn a_panic_in_http_1_ends_its_connection_only() {
    run(async {
        let (server, port) = serve(Server::new(moody)).await;
        let mut calm = connect(port).await;
        assert!(ask(&mut calm, "/").await.ends_with("well"));
        for path in ["/panic", "/late"] {
            assert_eq!(ask(&mut connect(port).await, path).await, "", "{path}");
        }
        assert!(
            ask(&mut calm, "/").await.ends_with("well"),
            "the other lives"
        );
        assert!(ask(&mut connect(port).await, "/").await.ends_with("well"));
        drop(calm);
        let closed = timeout(SOON, server.all_closed()).await;
        closed.expect("none is left");
    });
}

#[test]
fn a_destructor_that_panics_when_its_client_leaves_ends_its_connection_only() {
    run(async {
        let (server, port) = serve(Server::new(moody)).await;
        let mut calm = connect(port).await;
        let mut leaving = connect(port).await;
        let request = b"GET /bomb HTTP/1.1\r\nHost: x\r\n\r\n";
        leaving.write_all(request).await.expect("it is open");
        assert!(ask(&mut calm, "/").await.ends_with("well"));
        drop(leaving);
        let one_left = async {
            while server.open() > 1 {
                yield_now().await;
            }
        };
        timeout(SOON, one_left).await.expect("it is noticed");
        assert!(ask(&mut calm, "/").await.ends_with("well"));
    });
}

#[test]
fn a_panic_in_http_2_ends_its_request_only() {
    run(async {
        let (_server, port) = serve(Server::new(moody)).await;
        let io = Io::new(connect(port).await);
        let shaken = http2::handshake(Executor, io).await;
        let (mut sender, connection) = shaken.expect("the server speaks HTTP/2");
        spawn(connection).detach();
        let request = |path: &str| {
            let request = Request::get(format!("http://127.0.0.1:{port}{path}"));
            request
                .body(Empty::<Bytes>::new())
                .expect("it is well formed")
        };
        for path in ["/panic", "/late"] {
            let answer = timeout(SOON, sender.send_request(request(path))).await;
            answer.expect("it does not hang").expect_err("no answer");
            let answer = sender.send_request(request("/")).await;
            let body = answer.expect("the connection lives").collect().await;
            assert_eq!(body.expect("all of it").to_bytes(), "well");
        }
    });
}

#[test]
fn a_panic_behind_tls_ends_its_connection_only() {
    run(async {
        let folder = Folder::new();
        let identity = Identity::new(&["localhost"]).expect("a certificate can be made");
        let acceptor = identity.acceptor().expect("it fits its key");
        let (_server, port) = serve(Server::new(moody).tls(acceptor)).await;
        let certificate = folder.write("cert.pem", identity.certificate_pem());
        let curl = |path| {
            let trust = format!("--http1.1 --cacert {certificate}");
            format!("curl -sS {trust} https://localhost:{port}{path}")
        };
        assert!(!finish(&mut command(&curl("/panic"))).await.status.success());
        assert_eq!(output(&curl("/")).await, "well");
    });
}

#[test]
fn what_panics_when_the_deadline_cuts_it_off_does_not_keep_the_server_from_ending_well() {
    run(async {
        let server = Rc::new(Server::new(moody));
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let stop = Event::new();
        let serving = server.serve(listener, stop.wait(), Duration::ZERO);
        let clients = async {
            let mut streams = [connect(port).await, connect(port).await];
            for stream in &mut streams {
                let request = b"GET /bomb HTTP/1.1\r\nHost: x\r\n\r\n";
                stream.write_all(request).await.expect("it is open");
            }
            assert!(ask(&mut connect(port).await, "/").await.ends_with("well"));
            stop.set();
            streams
        };
        let both = futures::future::join(serving, clients);
        let (cut_off, _) = timeout(SOON, both).await.expect("it ends");
        assert!(cut_off >= 2, "{cut_off}");
        assert_eq!(server.open(), 0);
    });
}

/// The connection is not let go of when its group is cancelled before the child has begun.
#[test]
fn connections_end_with_a_server_that_is_cancelled_at_any_moment() {
    for turns in 0..12 {
        run(async {
            let (server, port) = {
                let server = Rc::new(Server::new(moody));
                let listener = TcpListener::bind("127.0.0.1:0")
                    .await
                    .expect("a port is free");
                let port = listener.local_addr().expect("it is bound").port();
                let serving = Rc::clone(&server);
                (
                    spawn(async move { serving.serve_forever(listener).await }),
                    port,
                )
            };
            let mut stream = connect(port).await;
            for _ in 0..turns {
                yield_now().await;
            }
            let ended = timeout(SOON, server.cancel_and_wait()).await;
            ended.expect("it ends").expect_err("it was cancelled");
            let mut got = Vec::new();
            let closed = timeout(SOON, stream.read_to_end(&mut got)).await;
            drop(closed.expect("the connection is closed, or reset"));
        });
    }
}
