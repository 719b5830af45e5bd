//! hyper-util's `client-legacy` and `server-graceful`: `cargo test -p wheelhouse-ecosystem
//! --features legacy --test legacy`.
//!
//! Their features have tokio's runtime compiled, but none is made: what needed one would panic
//! ("there is no reactor running").
//!
//! Wall time: sockets are the kernel's, and so is when they are ready.

use std::convert::Infallible;
use std::fs;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::server::graceful::GracefulShutdown;
use tower_service::Service;
use wheelhouse::compat::hyper::{Executor, Io, Timer};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::sync::Event;
use wheelhouse::{gather, run, sleep, spawn, timeout};

/// After this long, what should have happened has not.
const SOON: Duration = Duration::from_secs(20);

/// Connects for the client.
#[derive(Clone)]
struct Connector;

/// A connection of the client, with what its pool asks of it.
struct Pooled(Io<TcpStream>);

impl Service<Uri> for Connector {
    type Response = Pooled;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Pooled>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(async move {
            let authority = uri.authority().ok_or(io::ErrorKind::InvalidInput)?;
            let stream = TcpStream::connect(authority.as_str()).await?;
            Ok(Pooled(Io::vectored(stream)))
        })
    }
}

impl Connection for Pooled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pooled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl Write for Pooled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// How many threads tokio has made.
fn threads_of_tokio() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let names = tasks.map(|task| fs::read_to_string(task.path().join("comm")).unwrap_or_default());
    names.filter(|name| name.starts_with("tokio")).count()
}

/// Answers slowly where it is asked to.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/slow" {
        sleep(Duration::from_millis(50)).await;
    }
    Ok(Response::new(Full::from("hello")))
}

/// Serves until `stop` is set, then ends well; returns how many connections there were.
async fn serve(listener: TcpListener, stop: &Event) -> u32 {
    let graceful = GracefulShutdown::new();
    let mut count = 0;
    let accepting = async {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            count += 1;
            let mut protocol = http1::Builder::new();
            let connection = protocol
                .timer(Timer)
                .serve_connection(Io::new(stream), service_fn(answer));
            spawn(graceful.watch(connection)).detach();
        }
    };
    let accepting = Box::pin(accepting);
    futures::future::select(accepting, Box::pin(stop.wait())).await;
    timeout(SOON, graceful.shutdown()).await.expect("they end");
    count
}

#[test]
fn a_pool_of_connections_and_a_server_that_ends_well_run_without_tokios_runtime() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let stop = Event::new();
        let asking = async {
            let mut builder = Client::builder(Executor);
            builder.pool_timer(Timer).timer(Timer);
            let client: Client<_, Empty<Bytes>> = builder.build(Connector);
            let get = async |path: &str| {
                let uri = format!("http://{address}{path}")
                    .parse()
                    .expect("an address");
                let answer = client.get(uri).await.expect("an answer");
                let body = answer.into_body().collect().await.expect("all of it");
                assert_eq!(body.to_bytes(), "hello");
            };
            get("/").await;
            get("/").await; // over the same connection
            gather((get("/"), get("/"))).await;
            let slow = get("/slow");
            let stopping = async {
                sleep(Duration::from_millis(10)).await;
                stop.set(); // the request in flight is finished
            };
            gather((slow, stopping)).await;
            assert_eq!(threads_of_tokio(), 0);
        };
        let (connections, ()) = gather((serve(listener, &stop), asking)).await;
        assert!((1..=3).contains(&connections), "{connections}");
    });
}
