//! hyper on this runtime: streams, a timer and an executor for hyper 1.
//!
//! Futures and services need not be `Send`, also with HTTP/2, so they may hold an `Rc`.
//!
//! # Examples
//! A server and a client on the two ends of one connection:
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

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{ReadBufCursor, Sleep};
use pin_project_lite::pin_project;

use crate::{task, time};

/// The greatest number of bytes of one read. hyper's buffer grows with it and never shrinks: after
/// a body of 1 MiB a connection keeps 50 to 66 KiB with this size, 260 KiB with 64 KiB, and 418 KiB
/// on tokio, which sets no bound.
const CHUNK: usize = 16 << 10;

thread_local! {
    /// The buffer into which all streams of this thread read, because hyper's own buffer is not
    /// initialized. It is empty before the first read, and during a read, which may be third-party
    /// code that reads from another stream.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

pin_project! {
    /// Wraps a stream of `futures::io` for hyper.
    ///
    /// It buffers nothing. A read goes through a buffer of 16 KiB that all streams of a thread
    /// share. The [module](self) has an example.
    #[doc(alias = "TokioIo")]
    pub struct Io<S> {
        #[pin]
        stream: S,
        // Whether hyper should write from several buffers with one call.
        vectored: bool,
    }
}

impl<S> Io<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            vectored: false,
        }
    }

    /// Wraps a stream whose `poll_write_vectored` writes several buffers with one call, such as
    /// [`TcpStream`](crate::net::TcpStream) and [`UnixStream`](crate::net::UnixStream). hyper then
    /// does not copy larger bodies behind their headers.
    pub fn vectored(stream: S) -> Self {
        Self {
            vectored: true,
            ..Self::new(stream)
        }
    }

    /// Returns a reference to the stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns a mutable reference to the stream.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Returns the stream.
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
        let mut scratch = take_scratch();
        let size = into.remaining().min(CHUNK);
        let outcome = self.project().stream.poll_read(cx, &mut scratch[..size]);
        if let Poll::Ready(Ok(count)) = outcome {
            let read = &mut scratch[..count];
            into.put_slice(read);
            // A stream that claims more bytes than it wrote must not get those of another
            // connection.
            read.fill(0);
        }
        // After the thread-locals of this thread are destroyed, the buffer is dropped.
        SCRATCH.try_with(|place| place.set(scratch)).ok();
        outcome.map_ok(drop)
    }
}

/// Returns the buffer of this thread, or a new one.
fn take_scratch() -> Vec<u8> {
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    if scratch.is_empty() {
        scratch = vec![0; CHUNK];
    }
    scratch
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

/// Runs hyper's futures as tasks of the runtime. HTTP/2 needs it.
///
/// # Examples
/// hyper calls it when it is passed to a builder, as in `http2::Builder::new(Executor)`:
///
/// ```
/// use hyper::rt::Executor as _;
/// use wheelhouse::compat::hyper::Executor;
///
/// wheelhouse::run(async {
///     Executor.execute(async { println!("in a task of its own") });
///     wheelhouse::yield_now().await;
/// });
/// ```
///
/// # Panics
/// If hyper uses it outside a runtime.
#[doc(alias = "TokioExecutor")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F: Future + 'static> hyper::rt::Executor<F> for Executor {
    fn execute(&self, future: F) {
        task::spawn(future).detach();
    }
}

/// hyper's timer, on the clock of the runtime: in tests, virtual time. The [module](self) has an
/// example.
///
/// # Panics
/// If hyper uses it outside a runtime.
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

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use hyper::rt::{Read, ReadBuf};

    use super::*;

    /// A stream that fills the first `writes` bytes of a buffer with a letter, and returns that it
    /// has read `claims` bytes. Before that it reads from another stream.
    struct Letters {
        letter: u8,
        writes: usize,
        claims: usize,
        first: Option<Box<Io<Letters>>>,
    }

    impl AsyncRead for Letters {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            buffer[..self.writes].fill(self.letter);
            if let Some(inner) = &mut self.first {
                assert_eq!(read(inner), b"bb");
            }
            Poll::Ready(Ok(self.claims))
        }
    }

    /// Returns the bytes of one read.
    fn read(io: &mut Io<Letters>) -> Vec<u8> {
        let mut bytes = [0; 100];
        let mut buffer = ReadBuf::new(&mut bytes);
        let mut cx = Context::from_waker(Waker::noop());
        let ready = Pin::new(io).poll_read(&mut cx, buffer.unfilled());
        assert!(ready.is_ready());
        buffer.filled().to_vec()
    }

    fn letters(letter: u8, writes: usize, claims: usize) -> Letters {
        Letters {
            letter,
            writes,
            claims,
            first: None,
        }
    }

    #[test]
    fn a_stream_that_reads_from_another_one_keeps_its_own_bytes() {
        let inner = Io::new(letters(b'b', 2, 2));
        let mut outer = letters(b'a', 3, 3);
        outer.first = Some(Box::new(inner));
        let mut outer = Io::new(outer);
        assert_eq!(read(&mut outer), b"aaa");
        assert_eq!(read(&mut outer), b"aaa");
    }

    #[test]
    fn a_stream_that_claims_more_than_it_read_gets_nothing_of_others() {
        assert_eq!(read(&mut Io::new(letters(b's', 4, 4))), b"ssss");
        assert_eq!(read(&mut Io::new(letters(b'x', 1, 4))), b"x\0\0\0");
    }
}
