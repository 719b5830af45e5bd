//! The peer `floor`: a hand-written executor with a heap of timers and a bare epoll. It shows the lower bound of the cost of a runtime.

mod sockets;
mod task;
mod timers;

use super::Peer;
use super::work::YieldOnce;
use sockets::Socket;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;
use task::{Handle, Queue};
use timers::{Sleep, fire};

/// The hand-written executor.
pub(crate) struct Floor(Rc<Queue>);

/// Checks timers and sockets, and waits if `idle`.
fn turn(idle: bool) {
    let next = fire();
    sockets::turn(idle, next);
    if idle {
        fire();
    }
}

impl Peer for Floor {
    const NAME: &'static str = "floor";
    type Handle<T: 'static> = Handle<T>;
    type Sleep = Sleep;
    type Listener = Socket<TcpListener>;
    type Stream = Socket<TcpStream>;

    fn new() -> Self {
        Self(Rc::default())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future, turn)
    }

    fn spawn<F: Future + 'static>(&self, future: F) -> Handle<F::Output> {
        self.0.spawn(future)
    }

    fn detach<F: Future<Output = ()> + 'static>(&self, future: F) {
        self.0.detach(future);
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        YieldOnce::default()
    }

    fn sleep(duration: Duration) -> Sleep {
        Sleep::new(duration)
    }

    async fn listen() -> io::Result<(Self::Listener, SocketAddr)> {
        Socket::listen()
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        poll_fn(|cx| listener.poll_accept(cx)).await
    }

    async fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| stream.poll_read(cx, buffer)).await
    }

    async fn write_all(stream: &mut Self::Stream, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|cx| stream.poll_write_all(cx, &mut bytes)).await
    }
}
