//! Asking the server to stop what it does for a connection.

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_postgres::{CancelToken, NoTls};
use wheelhouse::compat::tokio::Io;

use super::peer::Stream;
use super::{Error, Peer};

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

impl std::fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interrupt")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
