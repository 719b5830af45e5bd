//! A small site on this machine, with working and with broken pages.

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use futures_rustls::rustls::pki_types::CertificateDer;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::LOCATION;
use hyper::{Request, Response};
use url::Url;
use wheelhouse::net::TcpListener;
use wheelhouse::{sleep, spawn};
use wheelhouse_ecosystem::server::Server;
use wheelhouse_ecosystem::tls::Identity;

use crate::Failure;

pub(crate) struct Site {
    /// The addresses of the pages.
    pub(crate) urls: Vec<Url>,
    /// The certificate that a client has to trust.
    pub(crate) certificate: CertificateDer<'static>,
}

/// Starts the site. Its servers are tasks, which end with the program.
pub(crate) async fn start() -> Result<Site, Failure> {
    let identity = Identity::new(&["localhost"])?;
    let acceptor = identity.acceptor()?;
    let plain = listen(Server::new(page)).await?;
    let secure = listen(Server::new(page).tls(acceptor)).await?;
    let mut urls = Vec::new();
    for path in [
        "", "about", "slow", "broken", "missing", "moved", "circle", "silent",
    ] {
        urls.push(Url::parse(&format!("http://localhost:{plain}/{path}"))?);
    }
    for path in ["", "moved"] {
        urls.push(Url::parse(&format!("https://localhost:{secure}/{path}"))?);
    }
    let certificate = identity.certificate().clone();
    Ok(Site { urls, certificate })
}

/// Starts a server and returns its port.
async fn listen<H, F>(server: Server<H>) -> Result<u16, Failure>
where
    H: Fn(Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Response<Full<Bytes>>> + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let server = Rc::new(server);
    spawn(async move { server.serve_forever(listener).await }).detach();
    Ok(port)
}

async fn page(request: Request<Incoming>) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/" => answer(200, "<h1>A site</h1>"),
        "/about" => answer(
            200,
            "<h1>About</h1><p>Pages that show what a scraper meets.</p>",
        ),
        "/slow" => {
            sleep(Duration::from_millis(300)).await;
            answer(200, "<h1>At last</h1>")
        }
        "/broken" => answer(500, "the server has a fault"),
        "/moved" => moved("/about"),
        "/circle" => moved("circle"), // relative, and back to itself
        "/silent" => pending().await,
        _ => answer(404, "no such page"),
    }
}

fn answer(status: u16, text: &'static str) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).body(Full::from(text));
    response.expect("the status is one")
}

fn moved(to: &'static str) -> Response<Full<Bytes>> {
    let response = Response::builder().status(302).header(LOCATION, to);
    response.body(Full::default()).expect("the header is one")
}
