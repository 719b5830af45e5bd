//! An HTTP client: redirects are followed, and connections are kept for the next request.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use futures_rustls::TlsConnector;
use futures_rustls::rustls::RootCertStore;
use hyper::StatusCode;
use url::{Origin, Url};
use wheelhouse_ecosystem::tls;

use crate::Failure;
use crate::connection::{Answer, Connection};

/// A page that redirects more often than this redirects for ever.
const MOST_REDIRECTS: usize = 10;

/// What came.
pub(crate) struct Page {
    /// Where it was in the end.
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
}

/// One thread: many visits share it by reference, with no lock.
pub(crate) struct Client {
    tls: TlsConnector,
    /// Connections that wait for their next request.
    kept: RefCell<HashMap<Origin, Vec<Connection>>>,
    /// How many connections were made.
    opened: Cell<usize>,
}

impl Client {
    /// A client that trusts whom these certificates vouch for.
    pub(crate) fn new(roots: RootCertStore) -> Result<Self, Failure> {
        Ok(Self {
            tls: tls::connector(roots, &["http/1.1"])?,
            kept: RefCell::default(),
            opened: Cell::new(0),
        })
    }

    /// How many connections were made.
    pub(crate) fn opened(&self) -> usize {
        self.opened.get()
    }

    /// Fetches a page, from wherever it has moved to.
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
            // Servers close connections when they please, so a kept one may fail: nothing is wrong until a new one does.
            if let Ok(answer) = self.ask_over(connection, url).await {
                return Ok(answer);
            }
        }
        let connection = Connection::open(url, &self.tls).await?;
        self.opened.update(|opened| opened + 1);
        self.ask_over(connection, url).await
    }

    /// Sends one request over this connection, and keeps that if it can be used again.
    async fn ask_over(&self, mut connection: Connection, url: &Url) -> Result<Answer, Failure> {
        let answer = connection.ask(url).await?;
        let mut kept = self.kept.borrow_mut();
        kept.entry(url.origin()).or_default().push(connection);
        Ok(answer)
    }

    /// A connection to where this page is, if one is kept.
    fn take(&self, url: &Url) -> Option<Connection> {
        self.kept.borrow_mut().get_mut(&url.origin())?.pop()
    }
}

/// Where a page has gone; what a server gives may be relative to where it was.
fn moved(from: &Url, location: &str) -> Result<Url, Failure> {
    match from.join(location) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(format!("redirected to what is no http or https address: {location}").into()),
    }
}
