//! Asks the server to stop the query of a connection.

use std::fmt;
use std::time::Duration;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_postgres::{CancelToken, NoTls};
use wheelhouse::compat::tokio::Io;
use wheelhouse::{catch_cancel, shield, timeout};

use super::peer::Stream;
use super::{Error, Peer};

/// The time limit of the request when a cancellation waits for it.
const LIMIT: Duration = Duration::from_secs(5);

/// Stops the query that a connection runs on the server.
#[derive(Clone)]
pub struct Interrupt {
    /// Identifies the connection.
    token: CancelToken,
    /// The address of the server.
    peer: Peer,
}

impl Interrupt {
    /// Creates it for a connection to the server at `peer`.
    pub(super) fn new(token: CancelToken, peer: Peer) -> Self {
        Self { token, peer }
    }

    /// Sends PostgreSQL's cancel request over a separate connection, and waits until the server has
    /// processed it.
    ///
    /// The query ends with the error `query_canceled`. If no query runs, nothing happens. A request
    /// that arrives before the query is lost; the protocol does not report this.
    ///
    /// # Cancel safety
    /// It is unknown whether the request was sent.
    ///
    /// # Errors
    /// [`Error::Unreachable`], or [`Error::Query`] if the connection breaks.
    pub async fn send(&self) -> Result<(), Error> {
        match self.peer.open().await?.0 {
            Stream::Tcp(stream) => self.send_over(stream).await,
            Stream::Unix(stream) => self.send_over(stream).await,
        }
    }

    /// Awaits a query of the connection. If it is cancelled, for example by a [`timeout`], the
    /// server is asked to stop the query, and then the cancellation propagates.
    ///
    /// The next query of the connection then need not wait. In a transaction, PostgreSQL treats the
    /// stopped query as failed.
    ///
    /// # Cancel safety
    /// A cancellation stops the query. If third-party code drops this future (`select!`), the query
    /// continues to run.
    pub async fn during<F: Future>(&self, query: F) -> F::Output {
        match catch_cancel(query).await {
            Ok(output) => output,
            Err(cancelled) => {
                // If the server cannot be reached, the next query fails.
                shield(timeout(LIMIT, self.send())).await.ok();
                cancelled.resume().await
            }
        }
    }

    /// Sends the request over a new connection.
    async fn send_over<S>(&self, stream: S) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = Io::new(stream);
        self.token.cancel_query_raw(&mut stream, NoTls).await?;
        // The server closes this connection after it has signalled the process that runs the query.
        // Before that, the signal could hit the next query.
        let mut nothing = [0];
        let end = stream.get_mut().read(&mut nothing).await;
        match end {
            Ok(_) => Ok(()),
            Err(source) => Err(Error::Unreachable {
                peer: self.peer.clone(),
                source,
            }),
        }
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
