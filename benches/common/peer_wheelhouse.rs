//! This crate, through its public names.

use super::Peer;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{JoinHandle, Runtime};

/// A `wheelhouse` runtime with its default settings.
pub(crate) struct Wheelhouse(Runtime);

/// A join handle that resumes the task's panic.
pub(crate) struct Join<T>(JoinHandle<T>);

impl<T: 'static> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let joined = Pin::new(&mut self.0).poll(cx);
        joined.map(|result| result.expect("the task ends well"))
    }
}

impl Peer for Wheelhouse {
    const NAME: &'static str = "wheelhouse";
    type Handle<T: 'static> = Join<T>;
    type Sleep = wheelhouse::time::Sleep;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn new() -> Self {
        Self(Runtime::new().expect("the runtime can be built"))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F: Future + 'static>(&self, future: F) -> Join<F::Output> {
        Join(wheelhouse::spawn(future))
    }

    fn detach<F: Future<Output = ()> + 'static>(&self, future: F) {
        wheelhouse::spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        wheelhouse::yield_now()
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        wheelhouse::sleep(duration)
    }

    fn gather<F: Future>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> {
        wheelhouse::gather(futures)
    }

    async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        listener.accept().await.map(|(stream, _)| stream)
    }

    async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer).await
    }

    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}
