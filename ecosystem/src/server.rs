//! An HTTP server: the protocols of hyper, with a task for each connection, time limits and a
//! graceful shutdown.
//!
//! ```text
//!   serve ── task group ─┬─ accept: spawns a child for each connection
//!                        ├─ child ── awaits ── task: TLS, HTTP/1 or HTTP/2
//!                        └─ …
//!   `stop` is done ──▶ no new connections ──▶ requests in flight finish
//!                  ──▶ deadline: the remaining connections are cancelled
//! ```
//!
//! A handler may panic. A group passes the panic of a child to its parent, so the child only awaits
//! another task that serves the connection. The panic then ends that task and one connection (in
//! HTTP/2 one request). A cancelled child cancels its task and waits for it.

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::pending;
use std::io::ErrorKind;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures::future::{Either, select};
use futures_rustls::TlsAcceptor;
use hyper::body::{Body, Incoming};
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::server::conn::auto::Builder;
use wheelhouse::compat::hyper::{Executor, Io, Timer};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::sync::Event;
use wheelhouse::{TaskGroup, sleep, spawn, task_group, timeout};

/// The default time limit for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after a failed accept: descriptors become free only with time.
const PAUSE: Duration = Duration::from_millis(100);

/// The error of a connection.
type Failure = Box<dyn Error + Send + Sync>;

/// A server that answers requests with a function, whose captures need not be `Send`.
pub struct Server<H> {
    /// Returns the future of a response.
    handler: H,
    /// The protocols of hyper, and their settings.
    protocols: Builder<Executor>,
    /// The time limit for the head of a request.
    head_timeout: Duration,
    /// The TLS settings, if connections are encrypted.
    tls: Option<TlsAcceptor>,
    /// Set when connections have to end.
    stopping: Event,
    /// The number of open connections.
    open: Cell<usize>,
    /// Set while no connection is open.
    idle: Event,
}

/// An open connection of a server, for its counters.
struct Open<H>(Rc<Server<H>>);

impl<H> Server<H> {
    /// Creates a server that answers requests with this function.
    pub fn new(handler: H) -> Self {
        let idle = Event::new();
        idle.set();
        Self {
            handler,
            protocols: protocols(HEAD_TIMEOUT),
            head_timeout: HEAD_TIMEOUT,
            tls: None,
            stopping: Event::new(),
            open: Cell::new(0),
            idle,
        }
    }

    /// Sets the time limit for the head of a request. A slower connection is closed.
    #[must_use]
    pub fn head_timeout(self, head_timeout: Duration) -> Self {
        Self {
            protocols: protocols(head_timeout),
            head_timeout,
            ..self
        }
    }

    /// Encrypts all connections with TLS.
    #[must_use]
    pub fn tls(self, tls: TlsAcceptor) -> Self {
        Self {
            tls: Some(tls),
            ..self
        }
    }

    /// The number of open connections.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Waits until no connection is open.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn all_closed(&self) {
        self.idle.wait().await;
    }

    /// Counts a connection until the result is dropped.
    fn enter(self: Rc<Self>) -> Open<H> {
        self.open.update(|open| open + 1);
        self.idle.clear();
        Open(self)
    }
}

impl<H> Drop for Open<H> {
    fn drop(&mut self) {
        let server = &self.0;
        server.open.update(|open| open - 1);
        if server.open() == 0 {
            server.idle.set();
        }
    }
}

impl<H, F, B> Server<H>
where
    H: Fn(Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Error: Into<Failure>> + 'static,
{
    /// Serves until `stop` is done. Then accepts no new connections and lets requests in flight
    /// finish within `deadline`. Returns the number of connections that were cancelled after that.
    ///
    /// # Cancel safety
    /// If the future is cancelled, so are all connections.
    pub async fn serve(
        self: &Rc<Self>,
        listener: TcpListener,
        stop: impl Future,
        deadline: Duration,
    ) -> usize {
        let listener = &listener;
        let served = task_group(async |group| {
            let accepting = group.spawn(self.accept(group, listener));
            stop.await;
            accepting.cancel_and_wait().await.ok();
            self.stopping.set();
            timeout(deadline, self.all_closed()).await.ok();
            let cut_off = self.open();
            group.cancel();
            Ok::<_, Infallible>(cut_off)
        });
        served.await.unwrap_or_default()
    }

    /// Serves until it is cancelled.
    pub async fn serve_forever(self: &Rc<Self>, listener: TcpListener) {
        self.serve(listener, pending::<()>(), Duration::ZERO).await;
    }

    /// Accepts connections until it is cancelled.
    async fn accept<'scope, 'env>(
        self: &'env Rc<Self>,
        group: &'scope TaskGroup<'scope, 'env, Infallible>,
        listener: &'env TcpListener,
    ) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = Rc::clone(self);
                    // Errors of a connection concern only its client. The hook has printed a panic.
                    group.spawn(async { drop(spawn(server.converse(stream)).await) });
                }
                // The client has closed the connection already. Another one may wait.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Serves one connection.
    async fn converse(self: Rc<Self>, stream: TcpStream) {
        let open = self.enter();
        let server = &open.0;
        let asked = Rc::new(Event::new());
        let silence = pin!(async {
            // The timeout of hyper starts with HTTP, after the TLS handshake and the detection of
            // the protocol.
            if timeout(server.head_timeout, asked.wait()).await.is_ok() {
                pending().await
            }
        });
        let talk = pin!(server.secure(stream, &asked));
        select(talk, silence).await;
    }

    /// Serves a connection, with TLS if the server uses it.
    async fn secure(&self, stream: TcpStream, asked: &Rc<Event>) -> Result<(), Failure> {
        // Answers are written as a whole, so a delay has no use.
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.talk(Io::vectored(stream), asked).await,
            // Boxed, as it is twice as large as the rest, and most servers have a proxy for TLS.
            Some(tls) => Box::pin(self.talk_by_tls(tls, stream, asked)).await,
        }
    }

    /// Completes the TLS handshake and serves the connection.
    async fn talk_by_tls(
        &self,
        tls: &TlsAcceptor,
        stream: TcpStream,
        asked: &Rc<Event>,
    ) -> Result<(), Failure> {
        let stopping = pin!(self.stopping.wait());
        let shaken = select(tls.accept(stream), stopping).await;
        let Either::Left((stream, _)) = shaken else {
            return Ok(()); // nothing was asked for yet
        };
        self.talk(Io::new(stream?), asked).await
    }

    /// Serves HTTP until the connection ends or the server stops.
    async fn talk<S>(&self, stream: S, asked: &Rc<Event>) -> Result<(), Failure>
    where
        S: Read + Write + Unpin + 'static,
    {
        let (handler, asked) = (self.handler.clone(), Rc::clone(asked));
        let service = service_fn(move |request| {
            asked.set();
            let response = handler(request);
            async { Ok::<_, Infallible>(response.await) }
        });
        let mut connection = pin!(self.protocols.serve_connection(stream, service));
        let stopping = pin!(self.stopping.wait());
        match select(connection.as_mut(), stopping).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }
}

/// Returns the protocols with the clock and the tasks of wheelhouse.
fn protocols(head_timeout: Duration) -> Builder<Executor> {
    let mut protocols = Builder::new(Executor);
    protocols
        .http1()
        .timer(Timer)
        .header_read_timeout(head_timeout)
        .pipeline_flush(true);
    protocols
        .http2()
        .timer(Timer)
        .keep_alive_interval(head_timeout);
    protocols
}

impl<H> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("open", &self.open())
            .field("head_timeout", &self.head_timeout)
            .finish_non_exhaustive()
    }
}
