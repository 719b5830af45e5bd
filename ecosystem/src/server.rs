//! An HTTP server: hyper's protocols, and around them what hyper leaves to its users. Connections
//! are accepted, each in a task of its own, the silent ones are closed, and it ends well.
//!
//! ```text
//!   serve ── task group ─┬─ accept: one child for each connection
//!                        ├─ child ── awaits ── task: TLS, then HTTP/1 or HTTP/2, whichever the client begins with
//!                        └─ ...
//!   `stop` is done ──▶ no new connections ──▶ the open ones finish what was asked ──▶ deadline: they are cancelled
//! ```
//!
//! A handler may panic. A group passes a child's panic to its parent, so the connection is not the
//! child but a task that the child awaits: the panic ends that task, and with it one connection (in
//! HTTP/2 one request). A cancelled child cancels its task, and waits for it.

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

/// How long a client may take for the head of a request, if nothing else is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait when a connection cannot be accepted: file descriptors come back with time only.
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection fails with.
type Failure = Box<dyn Error + Send + Sync>;

/// A server whose requests are answered by a function; what that captures need not be `Send`.
pub struct Server<H> {
    /// Gives the future of a response.
    handler: H,
    /// hyper's protocols and their settings.
    protocols: Builder<Executor>,
    /// How long a client may take for the head of a request.
    patience: Duration,
    /// What encrypts connections, if anything does.
    tls: Option<TlsAcceptor>,
    /// Set when connections are to end.
    stopping: Event,
    /// How many connections are open.
    open: Cell<usize>,
    /// Set while no connection is open.
    idle: Event,
}

/// An open connection of a server, for its counters.
struct Open<H>(Rc<Server<H>>);

impl<H> Server<H> {
    /// A server that answers requests by this function.
    pub fn new(handler: H) -> Self {
        let idle = Event::new();
        idle.set();
        Self {
            handler,
            protocols: protocols(PATIENCE),
            patience: PATIENCE,
            tls: None,
            stopping: Event::new(),
            open: Cell::new(0),
            idle,
        }
    }

    /// Closes connections whose client takes longer than this for the head of a request.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self {
            protocols: protocols(patience),
            patience,
            ..self
        }
    }

    /// Encrypts all connections.
    #[must_use]
    pub fn tls(self, tls: TlsAcceptor) -> Self {
        Self {
            tls: Some(tls),
            ..self
        }
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Waits until no connection is open.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn all_closed(&self) {
        self.idle.wait().await;
    }

    /// Counts a connection until what this gives is dropped.
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
    /// Serves until `stop` is done; then finishes what was asked for, within `deadline`. Gives how many connections had to be
    /// cut off then.
    ///
    /// # Cancel safety
    /// When it is cancelled, so are all connections.
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
                    // How it ended is its client's business; of a panic the hook has told.
                    group.spawn(async { drop(spawn(server.converse(stream)).await) });
                }
                // That client gave up: the next one may be there.
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
            // hyper's own timeout begins with HTTP: not yet in the TLS handshake, nor before the protocol is known.
            if timeout(server.patience, asked.wait()).await.is_ok() {
                pending().await
            }
        });
        let talk = pin!(server.secure(stream, &asked));
        select(talk, silence).await;
    }

    /// Talks, by TLS if the server has it.
    async fn secure(&self, stream: TcpStream, asked: &Rc<Event>) -> Result<(), Failure> {
        // Answers are written as a whole: nothing is gained by waiting for more.
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.talk(Io::vectored(stream), asked).await,
            // In a box: it is twice as large as all the rest, and most servers have a proxy for it.
            Some(tls) => Box::pin(self.talk_by_tls(tls, stream, asked)).await,
        }
    }

    /// Shakes hands, and talks.
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

    /// Talks HTTP to the end of the connection, or until the server stops.
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

/// The protocols, by wheelhouse's clock and with its tasks.
fn protocols(patience: Duration) -> Builder<Executor> {
    let mut protocols = Builder::new(Executor);
    protocols
        .http1()
        .timer(Timer)
        .header_read_timeout(patience)
        .pipeline_flush(true);
    protocols.http2().timer(Timer).keep_alive_interval(patience);
    protocols
}

impl<H> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("open", &self.open())
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
