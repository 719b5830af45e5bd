//! smol's parts on one thread: `async-executor`'s `LocalExecutor`, driven by `async-io`'s
//! `block_on`.

use super::Peer;
use super::work::YieldOnce;
use async_executor::{LocalExecutor, Task};
use async_io::{Async, Timer};
use futures::io::{AsyncReadExt, AsyncWriteExt};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// smol's single-threaded executor and its reactor.
pub(crate) struct Smol(LocalExecutor<'static>);

/// A timer that returns nothing.
pub(crate) struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Peer for Smol {
    const NAME: &'static str = "smol";
    type Handle<T: 'static> = Task<T>;
    type Sleep = Sleep;
    type Listener = Async<TcpListener>;
    type Stream = Async<TcpStream>;

    fn new() -> Self {
        Self(LocalExecutor::new())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        async_io::block_on(self.0.run(future))
    }

    fn spawn<F: Future + 'static>(&self, future: F) -> Task<F::Output> {
        self.0.spawn(future)
    }

    fn detach<F: Future<Output = ()> + 'static>(&self, future: F) {
        self.0.spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        YieldOnce::default()
    }

    fn sleep(duration: Duration) -> Sleep {
        Sleep(Timer::after(duration))
    }

    async fn listen() -> io::Result<(Self::Listener, SocketAddr)> {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
        let address = listener.get_ref().local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        listener.accept().await.map(|(stream, _)| stream)
    }

    async fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer).await
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}
