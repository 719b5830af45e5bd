//! What hyper asks of a runtime: streams, a timer, and somebody to run its futures.
//!
//! None of it asks for `Send`: services may hold `Rc`s, also over HTTP/2.
//!
//! # Examples
//! A server and a client, over a connection of their own:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http_body_util::{BodyExt, Empty, Full};
//! use hyper::body::{Bytes, Incoming};
//! use hyper::{Request, Response, client, server, service::service_fn};
//! use wheelhouse::compat::hyper::{Io, Timer};
//! use wheelhouse::net::UnixStream;
//!
//! async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     Ok(Response::new(Full::from("hello")))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! wheelhouse::run(async {
//!     let (near, far) = UnixStream::pair()?;
//!     let mut serving = server::conn::http1::Builder::new();
//!     serving.timer(Timer);
//!     wheelhouse::spawn(serving.serve_connection(Io::new(far), service_fn(hello))).detach();
//!
//!     let (mut sender, connection) = client::conn::http1::handshake(Io::new(near)).await?;
//!     wheelhouse::spawn(connection).detach();
//!     let request = Request::get("/").header("host", "here").body(Empty::<Bytes>::new())?;
//!     let response = sender.send_request(request).await?;
//!     assert_eq!(response.into_body().collect().await?.to_bytes(), "hello");
//!     Ok(())
//! })
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{ReadBufCursor, Sleep};
use pin_project_lite::pin_project;

use crate::{task, time};

/// How much is read at a time.
const CHUNK: usize = 16 << 10;

pin_project! {
    /// A stream for hyper, of a stream of `futures::io`.
    ///
    /// What is read goes through a buffer of 16 KiB, so that no unsafe code is needed; it is made by the first read.
    #[doc(alias = "TokioIo")]
    pub struct Io<S> {
        #[pin]
        stream: S,
        // Where bytes are read to. Empty until the first read.
        chunk: Box<[u8]>,
        // Whether writes from several buffers at once are worth it.
        vectored: bool,
    }
}

impl<S> Io<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            chunk: Box::default(),
            vectored: false,
        }
    }

    /// Wraps a stream that writes from several buffers with one call, as [`TcpStream`](crate::net::TcpStream) and
    /// [`UnixStream`](crate::net::UnixStream) do: larger bodies are then not copied behind their headers.
    pub fn vectored(stream: S) -> Self {
        Self {
            vectored: true,
            ..Self::new(stream)
        }
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Gives the stream back.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: fmt::Debug> fmt::Debug for Io<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Io").field(&self.stream).finish()
    }
}

impl<S: AsyncRead> hyper::rt::Read for Io<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        if this.chunk.is_empty() {
            *this.chunk = vec![0; CHUNK].into();
        }
        let room = into.remaining().min(CHUNK);
        let count = ready!(this.stream.poll_read(cx, &mut this.chunk[..room]))?;
        into.put_slice(&this.chunk[..count]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite> hyper::rt::Write for Io<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_close(cx)
    }
}

/// Runs hyper's futures as tasks of the runtime, which HTTP/2 needs.
///
/// # Panics
/// When hyper uses it outside of a runtime.
#[doc(alias = "TokioExecutor")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F: Future + 'static> hyper::rt::Executor<F> for Executor {
    fn execute(&self, future: F) {
        task::spawn(future).detach();
    }
}

/// Tells hyper the time, and wakes it, by the runtime's clock: in tests the virtual one.
///
/// # Panics
/// When hyper uses it outside of a runtime.
#[doc(alias = "TokioTimer")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(time::sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(time::sleep_until(deadline))
    }

    fn now(&self) -> Instant {
        time::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<time::Sleep>() {
            Some(ours) => ours.get_mut().reset(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

impl Sleep for time::Sleep {}
