//! What may go wrong between us and a server.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::Peer;

/// Why a connection could not be made, or a query gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings name no server.
    #[error("the settings name no host: say `host=127.0.0.1`, or the folder of a Unix socket")]
    NoHost,
    /// There is no server, or no way to it.
    #[error("cannot reach the server at {peer}: {source}")]
    Unreachable {
        /// Where it was looked for.
        peer: Peer,
        /// What the system says.
        source: io::Error,
    },
    /// The server refused a query, or the connection broke.
    #[error("{}", in_full(.0))]
    Query(#[from] tokio_postgres::Error),
    /// The server took too long.
    #[error("the server did not answer within {0:?}")]
    Unanswered(Duration),
}

impl Error {
    /// The server's code for what was wrong, if it was the server that said so.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Query(error) => error.code(),
            _ => None,
        }
    }
}

/// The error with its cause: tokio-postgres prints no more than `db error`.
fn in_full(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(server), _) => server.to_string(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}
