//! A connection: the client that sends queries, and the task that transfers the bytes.
//!
//! ```text
//!   driving ─┬─ the client was dropped ───────────────────▶ closed
//!            ├─ the connection broke, or was abandoned ───▶ ended
//!            └─ cancelled, as at the runtime's end ──▶ leaving: continues for
//!                 a while, so that other tasks can roll back ──▶ ended
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

/// How long a connection whose task was cancelled waits for its client to end.
const GRACE: Duration = Duration::from_secs(10);

/// The default time limit for the end of a transaction.
const LIMIT: Duration = Duration::from_secs(5);

/// How a connection has ended.
type End = Result<(), tokio_postgres::Error>;

/// A connection to a server. It dereferences to the [`Client`] of tokio-postgres.
///
/// Queries that run at the same time, as in a [`gather`](wheelhouse::gather()), are sent together,
/// and the server answers them in order. Dropping the session closes the connection after the
/// pending queries were answered.
pub struct Session {
    /// Sends queries.
    client: Client,
    /// The address of the server.
    peer: Peer,
    /// Set to close the connection at once.
    abandoned: Rc<Event>,
    /// Transfers the bytes.
    driver: JoinHandle<End>,
    /// The time limit for the end of a transaction.
    limit: Duration,
}

impl Session {
    /// Connects to the first host of the settings that can be reached.
    ///
    /// It uses those settings that `Config::connect_raw` documents, the hosts with their addresses
    /// and ports, and `connect_timeout` for each host. Notices and notifications of the server are
    /// discarded.
    ///
    /// # Cancel safety
    /// The connection is closed.
    ///
    /// # Errors
    /// [`Error::NoHost`]; [`Error::Unreachable`]; [`Error::Query`] if the server rejects the
    /// connection; [`Error::Unanswered`] after `connect_timeout`.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        Self::connect_with(config, drop).await
    }

    /// Connects like [`connect`](Self::connect), and passes notices and the notifications of
    /// `LISTEN` to `on_message`.
    ///
    /// # Cancel safety
    /// The connection is closed.
    ///
    /// # Errors
    /// Like [`connect`](Self::connect).
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

    /// Returns the address of the server.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Returns a handle that stops the query of this connection.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        Interrupt::new(self.client.cancel_token(), self.peer.clone())
    }

    /// Sets how long the server may take to commit or roll back before the connection is closed.
    /// The default is five seconds.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Closes the connection, and waits until it is closed.
    ///
    /// # Cancel safety
    /// Pending queries have ten seconds to be answered.
    ///
    /// # Errors
    /// If the connection broke.
    ///
    /// # Panics
    /// If the function that was passed to [`connect_with`](Self::connect_with) has panicked.
    pub async fn close(self) -> Result<(), Error> {
        let Self { client, driver, .. } = self;
        drop(client);
        match driver.await {
            Ok(end) => Ok(end?),
            Err(wheelhouse::JoinError::Panicked(panic)) => panic.resume(),
            // The runtime is shutting down.
            Err(_cancelled) => Ok(()),
        }
    }

    /// Returns the client and the limits of a transaction.
    pub(super) fn parts(&mut self) -> (&mut Client, Bound<'_>) {
        let bound = Bound {
            interrupt: self.interrupt(),
            abandoned: &self.abandoned,
            limit: self.limit,
        };
        (&mut self.client, bound)
    }
}

/// The limits of the end of a transaction.
pub(super) struct Bound<'a> {
    /// Stops the running query.
    pub(super) interrupt: Interrupt,
    /// Closes the connection at once.
    abandoned: &'a Event,
    /// The time limit.
    limit: Duration,
}

impl Bound<'_> {
    /// Waits for the answer of the server, and closes the connection if it takes too long.
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

/// A connection over TCP or a Unix socket.
enum Wire {
    /// TCP.
    Tcp(Connection<Io<wheelhouse::net::TcpStream>, NoTlsStream>),
    /// A Unix socket.
    Unix(Connection<Io<wheelhouse::net::UnixStream>, NoTlsStream>),
}

/// A connection before its task is spawned.
struct Connected {
    /// Sends queries.
    client: Client,
    /// The address of the server.
    peer: Peer,
    /// The future that transfers the bytes.
    wire: Wire,
}

impl Connected {
    /// Spawns the task that transfers the bytes.
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

/// Connects, and starts the protocol.
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

/// Applies the time limit of the settings to connecting.
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

/// Transfers bytes until the connection has ended.
///
/// At the end of the runtime all tasks are cancelled at once, this one and those that roll back
/// over it. So it continues until they are done.
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

/// Transfers bytes until the client is dropped, the connection breaks, or it is abandoned.
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
