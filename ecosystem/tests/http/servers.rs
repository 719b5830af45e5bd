//! The servers that other programs talk to: ours, in this process. No tests here.

use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::{Request, Response};
use wheelhouse::net::TcpListener;
use wheelhouse::{sleep, spawn};
use wheelhouse_ecosystem::server::Server;

/// The length of `/big`.
pub(crate) const BIG: usize = 8 << 20;

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

/// What the tests ask for: a greeting, much, slowly, or what was sent.
pub(crate) async fn pages(request: Request<Incoming>) -> Answer {
    Response::new(match request.uri().path() {
        "/big" => whole(vec![b'x'; BIG]),
        "/slow" => {
            sleep(Duration::from_secs(60)).await;
            whole("at last")
        }
        "/echo" => request.into_body().boxed_unsync(),
        path => whole(format!("hello from {path}")),
    })
}

fn whole(content: impl Into<Bytes>) -> UnsyncBoxBody<Bytes, hyper::Error> {
    Full::new(content.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Starts a server; gives it, and its port.
pub(crate) async fn serve<H, F, B>(server: Server<H>) -> (Rc<Server<H>>, u16)
where
    H: Fn(Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let server = Rc::new(server);
    let serving = Rc::clone(&server);
    spawn(async move { serving.serve_forever(listener).await }).detach();
    (server, port)
}
