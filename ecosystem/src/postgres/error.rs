//! The errors of connections and queries.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::Peer;

/// The error of connecting, or of a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings contain no host.
    #[error("the settings name no host: say `host=127.0.0.1`, or the folder of a Unix socket")]
    NoHost,
    /// The server cannot be reached.
    #[error("cannot reach the server at {peer}: {source}")]
    Unreachable {
        /// The address of the server.
        peer: Peer,
        /// The error of the system.
        source: io::Error,
    },
    /// The server rejected a query, or the connection broke.
    #[error("{}", in_full(.0))]
    Query(#[from] tokio_postgres::Error),
    /// The server did not answer in time.
    #[error("the server did not answer within {0:?}")]
    Unanswered(Duration),
}

impl Error {
    /// Returns the error code of the server, if the error came from it.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Query(error) => error.code(),
            _ => None,
        }
    }
}

/// Formats the error with its cause: tokio-postgres prints only `db error`.
fn in_full(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(server), _) => server.to_string(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}
