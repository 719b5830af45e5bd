//! What a connection that waits for its next request costs. `compat::hyper::Io` kept a buffer of 16
//! KiB for each, so that an idle connection took 34 KiB where hyper on tokio takes 18.
//!
//! The allocator counts by thread: the server is on one, its clients are on others. One test, so
//! that nothing else is counted.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use wheelhouse::compat::hyper::{Io, Timer};
use wheelhouse::net::TcpListener;
use wheelhouse::{run, spawn, to_thread};
use wheelhouse_ecosystem::server::Server;

thread_local! {
    /// Bytes that this thread allocated and did not free.
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, with a counter.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: it passes everything on to the system's allocator; the counter has no destructor and does
// not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set(BYTES.get() + layout.size().cast_signed());
        // SAFETY: the caller's duty.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size().cast_signed());
        // SAFETY: the caller's duty.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How many connections are measured.
const COUNT: usize = 400;

/// Takes what was sent, and answers with two bytes.
async fn swallow(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        drop(frame.expect("the client sends all of it"));
    }
    Response::new(Full::from("ok"))
}

/// hyper alone: a task for each connection.
async fn hyper_alone(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let service = service_fn(async |request| Ok::<_, Infallible>(swallow(request).await));
        let mut protocol = http1::Builder::new();
        protocol.timer(Timer);
        spawn(protocol.serve_connection(Io::vectored(stream), service)).detach();
    }
}

/// The server of this package.
async fn our_server(listener: TcpListener) {
    Rc::new(Server::new(swallow)).serve_forever(listener).await;
}

/// Opens connections, asks once over each, and keeps them.
fn ask(port: u16, count: usize, size: usize) -> Vec<TcpStream> {
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n");
    let body = vec![b'x'; size];
    let clients = (0..count).map(|_| {
        let mut client = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        client
            .write_all(head.as_bytes())
            .expect("it takes the head");
        client.write_all(&body).expect("it takes the body");
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n\r\nok") {
            let mut byte = [0];
            client.read_exact(&mut byte).expect("it answers");
            got.extend(byte);
        }
        client
    });
    clients.collect()
}

/// How many bytes an idle connection has allocated, after a request with a body of this size.
fn idle(serve: impl AsyncFnOnce(TcpListener) + 'static, size: usize) -> isize {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        spawn(async move { serve(listener).await }).detach();
        let asked = move |count| to_thread(move || ask(port, count, size));
        let some = asked(20).await;
        let before = BYTES.get();
        let more = asked(COUNT).await;
        let each = (BYTES.get() - before) / COUNT.cast_signed();
        drop((some, more));
        each
    })
}

#[test]
fn a_connection_that_waits_keeps_no_buffer_but_hypers() {
    // hyper's two buffers take 16 KiB at first. On tokio a connection takes 17.9 KiB with hyper
    // alone, 26.6 KiB with both protocols.
    let each = idle(hyper_alone, 0);
    assert!(each < 20 << 10, "hyper alone: {each} bytes");
    let each = idle(our_server, 0);
    assert!(each < 30 << 10, "our server: {each} bytes");
    // What is read at once makes hyper's buffer grow: up to 64 KiB here, 408 KiB on tokio.
    let each = idle(hyper_alone, 1 << 20);
    assert!(
        each < 80 << 10,
        "hyper alone, after a large body: {each} bytes"
    );
    let each = idle(our_server, 1 << 20);
    assert!(
        each < 90 << 10,
        "our server, after a large body: {each} bytes"
    );
}
