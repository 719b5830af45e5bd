//! tokio on one thread: a `LocalRuntime`, whose `spawn_local` goes to the scheduler's own queue
//! without the second queue that a `LocalSet` puts in between.

use super::Peer;
use super::work::YieldOnce;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::task::JoinHandle;

/// tokio's current-thread runtime with timers and I/O.
pub(crate) struct Tokio(LocalRuntime);

/// A join handle that resumes the task's panic.
pub(crate) struct Join<T>(JoinHandle<T>);

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let joined = Pin::new(&mut self.0).poll(cx);
        joined.map(|result| result.expect("the task ends well"))
    }
}

impl Peer for Tokio {
    const NAME: &'static str = "tokio";
    type Handle<T: 'static> = Join<T>;
    type Sleep = tokio::time::Sleep;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn new() -> Self {
        let built = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default());
        Self(built.expect("the runtime can be built"))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F: Future + 'static>(&self, future: F) -> Join<F::Output> {
        Join(tokio::task::spawn_local(future))
    }

    fn detach<F: Future<Output = ()> + 'static>(&self, future: F) {
        drop(tokio::task::spawn_local(future));
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        YieldOnce::default() // Costs tokio less than its own `yield_now`, which looks at I/O first.
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        tokio::time::sleep(duration)
    }

    fn unbudgeted<F: Future>(future: F) -> impl Future<Output = F::Output> {
        tokio::task::unconstrained(future)
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
