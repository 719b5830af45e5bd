//! Asking the server to stop what it does for a connection.

use std::fmt;
use std::time::Duration;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_postgres::{CancelToken, NoTls};
use wheelhouse::compat::tokio::Io;
use wheelhouse::{catch_cancel, shield, timeout};

use super::peer::Stream;
use super::{Error, Peer};

/// How long the request may take where it holds up a cancellation.
const LIMIT: Duration = Duration::from_secs(5);

/// Can ask the server to stop the query that a connection runs.
#[derive(Clone)]
pub struct Interrupt {
    /// Says which connection is meant.
    token: CancelToken,
    /// Where the server is.
    peer: Peer,
}

impl Interrupt {
    /// For a connection to the server that is there.
    pub(super) fn new(token: CancelToken, peer: Peer) -> Self {
        Self { token, peer }
    }

    /// Sends PostgreSQL's cancel request, over a connection of its own, and waits until the server has passed it on.
    ///
    /// The query ends with the error `query_canceled`; where none runs, nothing happens. A request that is sent before
    /// the server has read the query is lost, and the protocol has no answer that would tell.
    ///
    /// # Cancel safety
    /// Whether the request was sent is unknown then.
    ///
    /// # Errors
    /// [`Error::Unreachable`]; [`Error::Query`] when the connection breaks.
    pub async fn send(&self) -> Result<(), Error> {
        match self.peer.open().await?.0 {
            Stream::Tcp(stream) => self.send_over(stream).await,
            Stream::Unix(stream) => self.send_over(stream).await,
        }
    }

    /// Awaits a query of the connection; when it is cancelled, as by a [`timeout`], the server is asked to stop it, and then
    /// the cancellation goes on.
    ///
    /// What is sent next on the connection is not held up by the query then. In a transaction PostgreSQL takes the
    /// stopped query for a failed one.
    ///
    /// # Cancel safety
    /// That is what it is for. Foreign code that drops this (`select!`) leaves the query running.
    pub async fn during<F: Future>(&self, query: F) -> F::Output {
        match catch_cancel(query).await {
            Ok(output) => output,
            Err(cancelled) => {
                // A server that cannot be asked is for the next query to find out.
                shield(timeout(LIMIT, self.send())).await.ok();
                cancelled.resume().await
            }
        }
    }

    /// Sends it over a new connection.
    async fn send_over<S>(&self, stream: S) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = Io::new(stream);
        self.token.cancel_query_raw(&mut stream, NoTls).await?;
        // The server closes when it has signalled the process that runs the query. Before that, what is sent
        // next on the connection could be hit instead.
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
