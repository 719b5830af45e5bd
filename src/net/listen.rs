//! What all listeners have in common, so that one server fits each of them.
//!
//! ```text
//!   async fn serve(listener: impl Listen)
//!        ▲                    ▲
//!   net::TcpListener     testing::net::Listener
//! ```
//!
//! A trait, and not only a [`Stream`] of connections: a server wants to know who its peer is and where it listens itself, and the
//! loop that does what is to be done after a failed accept reads the same for all. [`Listen::incoming`] is the `Stream` where
//! that is enough. There is no such trait for who connects: an `AsyncFn() -> io::Result<S>` says all of it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_io::{AsyncRead, AsyncWrite};

/// Something that takes connections: a [`TcpListener`](super::TcpListener), or that of a
/// [simulated network](crate::testing::net).
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::net::{Listen, TcpListener, TcpStream};
/// use wheelhouse::{sleep, spawn, testing};
///
/// async fn serve(listener: impl Listen) {
///     loop {
///         match listener.accept().await {
///             Ok((mut stream, _peer)) => {
///                 spawn(async move { stream.write_all(b"hello").await }).detach();
///             }
///             // No file descriptor is left, say: the listener goes on when there is one.
///             Err(_) => sleep(Duration::from_millis(100)).await,
///         }
///     }
/// }
///
/// # fn main() -> std::io::Result<()> {
/// // for real
/// wheelhouse::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     spawn(serve(listener)).detach();
///     let mut answer = String::new();
///     TcpStream::connect(address).await?.read_to_string(&mut answer).await?;
///     assert_eq!(answer, "hello");
///     std::io::Result::Ok(())
/// })?;
///
/// // and in a test
/// testing::run(async {
///     let network = testing::net::Network::new();
///     spawn(serve(network.host("server").listen(80)?)).detach();
///     let mut answer = String::new();
///     network.host("client").connect("server:80").await?.read_to_string(&mut answer).await?;
///     assert_eq!(answer, "hello");
///     Ok(())
/// })
/// # }
/// ```
pub trait Listen {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;
    /// What an address is.
    type Address: fmt::Debug + Clone + 'static;

    /// Asks for a connection; for futures that are written by hand.
    ///
    /// # Errors
    /// About one connection or about the moment, not about the listener, which goes on.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Self::Address)>>;

    /// The address at which it listens.
    ///
    /// # Errors
    /// As the listener's own method.
    fn local_addr(&self) -> io::Result<Self::Address>;

    /// Waits for a connection; gives it, and the address of its other end.
    ///
    /// # Cancel safety
    /// No connection is lost: what was not returned stays in the queue.
    ///
    /// # Errors
    /// As [`poll_accept`](Self::poll_accept).
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Address)>> {
        poll_fn(|cx| self.poll_accept(cx))
    }

    /// The connections as they come, as a stream that never ends.
    ///
    /// # Cancel safety
    /// No connection is lost, whether the stream or its [`next`](Incoming::next) is dropped.
    fn incoming(&self) -> Incoming<'_, Self> {
        Incoming::of(self)
    }
}

impl<L: Listen + ?Sized> Listen for &L {
    type Stream = L::Stream;
    type Address = L::Address;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Self::Address)>> {
        (**self).poll_accept(cx)
    }

    fn local_addr(&self) -> io::Result<Self::Address> {
        (**self).local_addr()
    }
}

/// The connections that a listener takes, as a stream; from [`Listen::incoming`]. It never ends.
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a, L: ?Sized>(&'a L);

impl<'a, L: ?Sized> Incoming<'a, L> {
    /// Those of a listener.
    pub(crate) fn of(listener: &'a L) -> Self {
        Self(listener)
    }
}

impl<L: Listen + ?Sized> Incoming<'_, L> {
    /// Waits for the next connection; never gives `None`. An error is that of an accept: about one connection or about the
    /// moment, and the next call may do better.
    ///
    /// # Cancel safety
    /// No connection is lost: what was not returned stays in the queue.
    pub async fn next(&mut self) -> Option<io::Result<L::Stream>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<L: Listen + ?Sized> Stream for Incoming<'_, L> {
    type Item = io::Result<L::Stream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = self.0.poll_accept(cx);
        accepted.map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}

impl<L: Listen + ?Sized> FusedStream for Incoming<'_, L> {
    fn is_terminated(&self) -> bool {
        false
    }
}

impl<L: fmt::Debug + ?Sized> fmt::Debug for Incoming<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incoming").field(&self.0).finish()
    }
}
