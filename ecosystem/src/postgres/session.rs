//! A connection: the client that sends queries, and the task that moves the bytes.
//!
//! ```text
//!   driving ─┬─ the client was dropped: says goodbye to the server ──▶ ended
//!            ├─ the connection broke, or was abandoned ─────────────▶ ended
//!            └─ cancelled, as at the runtime's end ──▶ leaving: drives on for a while, so that others can
//!                                                       roll back ──▶ ended
//! ```

use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures::future::{Either, select};
use futures::io::{AsyncRead, AsyncWrite};
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use wheelhouse::compat::tokio::Io;
use wheelhouse::sync::Event;
use wheelhouse::{JoinHandle, catch_cancel, shield, spawn, timeout};

use super::peer::Stream;
use super::{Error, Interrupt, Peer};

/// How long a connection whose task is cancelled waits for its client to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long the end of a transaction may take, if nothing else is said.
const LIMIT: Duration = Duration::from_secs(5);

/// How a connection ended.
type End = Result<(), tokio_postgres::Error>;

/// A connection to a server. It is the [`Client`] of tokio-postgres, by `Deref`.
///
/// Queries that run at the same time, as in a [`gather`](wheelhouse::gather()), travel together, and the server answers
/// them in their order. Dropping it says goodbye to the server when the queries under way have been answered.
pub struct Session {
    /// Sends queries.
    client: Client,
    /// The server's end.
    peer: Peer,
    /// Set when the connection is to be closed at once.
    abandoned: Rc<Event>,
    /// Moves the bytes.
    driver: JoinHandle<End>,
    /// How long the end of a transaction may take.
    limit: Duration,
}

impl Session {
    /// Connects to the first of the hosts that the settings name and that can be reached.
    ///
    /// Of the settings, those count that `Config::connect_raw` says, and the hosts, their addresses and ports, and
    /// `connect_timeout`, for each host. Notices and notifications of the server are dropped.
    ///
    /// # Cancel safety
    /// The connection is closed.
    ///
    /// # Errors
    /// [`Error::NoHost`], [`Error::Unreachable`], [`Error::Query`] when the server refuses, [`Error::Unanswered`] after
    /// `connect_timeout`.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        Self::connect_with(config, drop).await
    }

    /// Connects as [`connect`](Self::connect) does; what the server says unasked is given to `on_message`: the notifications of
    /// `LISTEN`, and notices.
    ///
    /// # Cancel safety
    /// The connection is closed.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with<F>(config: &Config, on_message: F) -> Result<Self, Error>
    where
        F: FnMut(AsyncMessage) + 'static,
    {
        let mut last = Error::NoHost;
        for peer in Peer::all(config) {
            match in_time(config, connect_to(config, &peer)).await {
                Ok(connected) => return Ok(connected.drive(on_message)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where the server is.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What asks the server to stop the query that runs here.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        Interrupt::new(self.client.cancel_token(), self.peer.clone())
    }

    /// Bounds how long the server may take to commit or roll back before the connection is closed: five seconds, unless this
    /// says otherwise.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Says goodbye to the server, and waits until the connection is closed.
    ///
    /// # Cancel safety
    /// The queries under way have ten seconds to be answered.
    ///
    /// # Errors
    /// When the connection broke.
    ///
    /// # Panics
    /// When what was given to [`connect_with`](Self::connect_with) has panicked.
    pub async fn close(self) -> Result<(), Error> {
        let Self { client, driver, .. } = self;
        drop(client);
        match driver.await {
            Ok(end) => Ok(end?),
            Err(wheelhouse::JoinError::Panicked(panic)) => panic.resume(),
            // At the end of the runtime.
            Err(_cancelled) => Ok(()),
        }
    }

    /// For the transactions: the client, and what bounds their ends.
    pub(super) fn parts(&mut self) -> (&mut Client, Bound<'_>) {
        let bound = Bound {
            interrupt: self.interrupt(),
            abandoned: &self.abandoned,
            limit: self.limit,
        };
        (&mut self.client, bound)
    }
}

/// What bounds the end of a transaction.
pub(super) struct Bound<'a> {
    /// Stops the query that runs.
    pub(super) interrupt: Interrupt,
    /// Closes the connection at once.
    abandoned: &'a Event,
    /// How long it may take.
    limit: Duration,
}

impl Bound<'_> {
    /// Waits for the server's answer, and closes the connection when it takes too long.
    pub(super) async fn wait<T>(&self, answer: impl Future<Output = T>) -> Result<T, Error> {
        match timeout(self.limit, answer).await {
            Ok(answer) => Ok(answer),
            Err(_elapsed) => {
                self.abandoned.set();
                Err(Error::Unanswered(self.limit))
            }
        }
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.peer)
            .field("closed", &self.client.is_closed())
            .finish_non_exhaustive()
    }
}

/// A connection over one kind of stream or the other.
enum Wire {
    /// TCP.
    Tcp(Connection<Io<wheelhouse::net::TcpStream>, NoTlsStream>),
    /// A Unix socket.
    Unix(Connection<Io<wheelhouse::net::UnixStream>, NoTlsStream>),
}

/// What is connected and not driven yet.
struct Connected {
    /// Sends queries.
    client: Client,
    /// The server's end.
    peer: Peer,
    /// What has to be driven.
    wire: Wire,
}

impl Connected {
    /// Has a task drive it.
    fn drive(self, on_message: impl FnMut(AsyncMessage) + 'static) -> Session {
        let abandoned = Rc::new(Event::new());
        let until = Rc::clone(&abandoned);
        let driver = match self.wire {
            Wire::Tcp(connection) => spawn(drive(connection, until, on_message)),
            Wire::Unix(connection) => spawn(drive(connection, until, on_message)),
        };
        Session {
            client: self.client,
            peer: self.peer,
            abandoned,
            driver,
            limit: LIMIT,
        }
    }
}

/// Connects, and introduces itself to the server.
async fn connect_to(config: &Config, peer: &Peer) -> Result<Connected, Error> {
    let (stream, peer) = peer.open().await?;
    let (client, wire) = match stream {
        Stream::Tcp(stream) => {
            let (client, connection) = config.connect_raw(Io::vectored(stream), NoTls).await?;
            (client, Wire::Tcp(connection))
        }
        Stream::Unix(stream) => {
            let (client, connection) = config.connect_raw(Io::vectored(stream), NoTls).await?;
            (client, Wire::Unix(connection))
        }
    };
    Ok(Connected { client, peer, wire })
}

/// Bounds connecting, if the settings do.
async fn in_time<T>(
    config: &Config,
    connecting: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(&limit) = config.get_connect_timeout() else {
        return connecting.await;
    };
    match timeout(limit, connecting).await {
        Ok(connected) => connected,
        Err(_elapsed) => Err(Error::Unanswered(limit)),
    }
}

/// Drives a connection to its end.
///
/// At the end of the runtime all tasks are cancelled at once, this one and those that roll back through it. So it goes on
/// until they are done.
async fn drive<S>(
    mut connection: Connection<Io<S>, NoTlsStream>,
    abandoned: Rc<Event>,
    mut on_message: impl FnMut(AsyncMessage),
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let driving = pump(&mut connection, &abandoned, &mut on_message);
    let cancelled = match catch_cancel(driving).await {
        Ok(end) => return end,
        Err(cancelled) => cancelled,
    };
    let leaving = pump(&mut connection, &abandoned, &mut on_message);
    match shield(timeout(GRACE, leaving)).await {
        Ok(end) => end,
        Err(_elapsed) => cancelled.resume().await,
    }
}

/// Moves bytes until the client is dropped, the connection breaks, or it is abandoned.
async fn pump<S>(
    connection: &mut Connection<Io<S>, NoTlsStream>,
    abandoned: &Event,
    on_message: &mut impl FnMut(AsyncMessage),
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let moving = async {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            on_message(message?);
        }
        Ok(())
    };
    match select(pin!(moving), pin!(abandoned.wait())).await {
        Either::Left((end, _)) => end,
        Either::Right(_) => Ok(()),
    }
}
