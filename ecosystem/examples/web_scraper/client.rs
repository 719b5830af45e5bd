//! An HTTP client that follows redirects and keeps connections for later requests.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use futures_rustls::TlsConnector;
use futures_rustls::rustls::RootCertStore;
use hyper::StatusCode;
use url::{Origin, Url};
use wheelhouse_ecosystem::tls;

use crate::Failure;
use crate::connection::{Answer, Connection};

/// The limit of redirects, after which they are taken for endless.
const MOST_REDIRECTS: usize = 10;

/// A fetched page.
pub(crate) struct Page {
    /// The address after all redirects.
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
}

/// All visits share the client by reference. There is one thread, so no lock is needed.
pub(crate) struct Client {
    tls: TlsConnector,
    /// Idle connections.
    kept: RefCell<HashMap<Origin, Vec<Connection>>>,
    /// The number of connections so far.
    opened: Cell<usize>,
}

impl Client {
    /// Creates a client that trusts these certificates.
    pub(crate) fn new(roots: RootCertStore) -> Result<Self, Failure> {
        Ok(Self {
            tls: tls::connector(roots, &["http/1.1"])?,
            kept: RefCell::default(),
            opened: Cell::new(0),
        })
    }

    /// The number of connections so far.
    pub(crate) fn opened(&self) -> usize {
        self.opened.get()
    }

    /// Fetches a page and follows its redirects.
    pub(crate) async fn get(&self, url: &Url) -> Result<Page, Failure> {
        let mut url = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask(&url).await?;
            let Some(location) = answer.moved_to() else {
                let Answer { status, bytes, .. } = answer;
                return Ok(Page { url, status, bytes });
            };
            url = moved(&url, location)?;
        }
        Err(format!("redirected more than {MOST_REDIRECTS} times, last to {url}").into())
    }

    /// Sends one request.
    async fn ask(&self, url: &Url) -> Result<Answer, Failure> {
        while let Some(connection) = self.take(url) {
            // A server may have closed an idle connection, so its failure is no error: a new
            // connection is tried.
            if let Ok(answer) = self.ask_over(connection, url).await {
                return Ok(answer);
            }
        }
        let connection = Connection::open(url, &self.tls).await?;
        self.opened.update(|opened| opened + 1);
        self.ask_over(connection, url).await
    }

    /// Sends one request over a connection, and keeps the connection if it can be used again.
    async fn ask_over(&self, mut connection: Connection, url: &Url) -> Result<Answer, Failure> {
        let answer = connection.ask(url).await?;
        let mut kept = self.kept.borrow_mut();
        kept.entry(url.origin()).or_default().push(connection);
        Ok(answer)
    }

    /// Takes an idle connection to the page's server, if there is one.
    fn take(&self, url: &Url) -> Option<Connection> {
        self.kept.borrow_mut().get_mut(&url.origin())?.pop()
    }
}

/// Resolves the address of a redirect, which may be relative.
fn moved(from: &Url, location: &str) -> Result<Url, Failure> {
    match from.join(location) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => {
            Err(format!("redirected to `{location}`, which is not an http or https address").into())
        }
    }
}
