//! A client leaves while its handler works: hyper drops the handler. What `guide::limits` says
//! about it.
//!
//! Wall time: sockets are the kernel's, and so is when they are ready.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

use futures::io::AsyncWriteExt;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use wheelhouse::net::TcpStream;
use wheelhouse::sync::Event;
use wheelhouse::{finally, run, shield, spawn, timeout, yield_now};
use wheelhouse_ecosystem::server::Server;

use crate::connections::SOON;
use crate::servers::serve;

/// What a handler has come to.
#[derive(Default)]
struct Log {
    begun: Event,
    rolled_back: Event,
    may_end: Event,
    done: Event,
    dropped: Cell<u32>,
}

/// Counts drops.
struct Guard(Rc<Log>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.dropped.set(self.0.dropped.get() + 1);
    }
}

/// Never ends, and cleans up with an await.
async fn roll_back(log: Rc<Log>) {
    let _guard = Guard(Rc::clone(&log));
    let work = async {
        log.begun.set();
        pending::<()>().await;
    };
    let clean_up = async {
        yield_now().await;
        log.rolled_back.set();
    };
    finally(work, clean_up).await;
}

/// Ends when it may.
async fn finish(log: Rc<Log>) {
    log.begun.set();
    log.may_end.wait().await;
    log.done.set();
}

async fn answer(request: Request<Incoming>, log: Rc<Log>) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/in_the_handler" => roll_back(log).await,
        "/in_a_task" => drop(spawn(roll_back(log)).await),
        _ => drop(spawn(shield(finish(log))).await),
    }
    Response::new(Full::default())
}

/// Asks for a page, and leaves when its handler has begun; returns when the server has closed the
/// connection.
async fn ask_and_leave(path: &str) -> Rc<Log> {
    let log = Rc::new(Log::default());
    let shared = Rc::clone(&log);
    let (server, port) = serve(Server::new(move |request| {
        answer(request, Rc::clone(&shared))
    }))
    .await;
    let client = TcpStream::connect(("127.0.0.1", port)).await;
    let mut client = client.expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    client
        .write_all(request.as_bytes())
        .await
        .expect("it is open");
    log.begun.wait().await;
    drop(client);
    timeout(SOON, server.all_closed())
        .await
        .expect("it is noticed");
    log
}

#[test]
fn a_handler_is_dropped_without_its_clean_up() {
    run(async {
        let log = ask_and_leave("/in_the_handler").await;
        assert_eq!(log.dropped.get(), 1);
        for _ in 0..10 {
            yield_now().await;
        }
        assert!(!log.rolled_back.is_set());
    });
}

#[test]
fn a_task_that_the_handler_awaits_cleans_up_with_awaits() {
    run(async {
        let log = ask_and_leave("/in_a_task").await;
        timeout(SOON, log.rolled_back.wait())
            .await
            .expect("it cleans up");
        yield_now().await;
        assert_eq!(log.dropped.get(), 1);
    });
}

#[test]
fn a_shielded_task_that_the_handler_awaits_is_done_to_its_end() {
    run(async {
        let log = ask_and_leave("/in_a_shield").await;
        log.may_end.set();
        timeout(SOON, log.done.wait()).await.expect("it ends");
    });
}
