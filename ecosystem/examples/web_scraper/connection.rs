//! A connection to a server, with or without TLS.

use futures::io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use futures_rustls::rustls::pki_types::ServerName;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, HOST, HeaderMap, LOCATION, USER_AGENT};
use hyper::{Request, StatusCode};
use url::{Host, Position, Url};
use wheelhouse::compat::hyper::Io;
use wheelhouse::net::TcpStream;
use wheelhouse::spawn;

use crate::Failure;

/// A connection for one request after the other.
pub(crate) struct Connection(SendRequest<Empty<Bytes>>);

/// The answer of a server.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The length of the body.
    pub(crate) bytes: u64,
}

impl Connection {
    /// Connects to the page's server.
    pub(crate) async fn open(url: &Url, tls: &TlsConnector) -> Result<Self, Failure> {
        let host = url.host().ok_or("the address names no host")?;
        let port = url
            .port_or_known_default()
            .ok_or("the address has no port")?;
        let stream = TcpStream::connect(format!("{host}:{port}")).await?;
        match url.scheme() {
            "https" => Self::over(tls.connect(name(&host)?, stream).await?).await,
            _ => Self::over(stream).await,
        }
    }

    /// Starts HTTP on a stream. A task transfers the bytes, and ends with the connection.
    async fn over<S>(stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let (sender, carrier) = handshake(Io::new(stream)).await?;
        spawn(carrier).detach();
        Ok(Self(sender))
    }

    /// Sends a request and reads the answer to its end. The body may be long, so it is counted and
    /// not stored.
    pub(crate) async fn ask(&mut self, url: &Url) -> Result<Answer, Failure> {
        self.0.ready().await?;
        let (head, mut body) = self.0.send_request(request(url)?).await?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            bytes: length(&mut body).await?,
        })
    }
}

impl Answer {
    /// Returns the target of a redirect.
    pub(crate) fn moved_to(&self) -> Option<&str> {
        match self.status.as_u16() {
            301 | 302 | 303 | 307 | 308 => self.headers.get(LOCATION)?.to_str().ok(),
            _ => None,
        }
    }
}

/// Returns the name that the server's certificate must have.
fn name(host: &Host<&str>) -> Result<ServerName<'static>, Failure> {
    Ok(match host {
        Host::Domain(name) => ServerName::try_from(name.to_string())?,
        Host::Ipv4(address) => std::net::IpAddr::from(*address).into(),
        Host::Ipv6(address) => std::net::IpAddr::from(*address).into(),
    })
}

fn request(url: &Url) -> Result<Request<Empty<Bytes>>, Failure> {
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, "wheelhouse-web_scraper")
        .header(ACCEPT, "*/*");
    Ok(request.body(Empty::new())?)
}

/// Reads a body to its end, and returns its length.
async fn length(body: &mut Incoming) -> Result<u64, hyper::Error> {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(length)
}
