//! The trait of listeners, so that one server runs on real and on simulated networks.
//!
//! It is a trait and not only a [`Stream`] of connections, because a server also asks for
//! addresses. [`Listen::incoming`] is the `Stream`. Connecting needs no trait: `AsyncFn() ->
//! io::Result<S>` describes it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_io::{AsyncRead, AsyncWrite};

/// A listener: a [`TcpListener`](super::TcpListener), a [`UnixListener`](super::UnixListener), or
/// one of a [simulated network](crate::testing::net).
///
/// A server that takes `impl Listen` runs unchanged in tests, on virtual time and with simulated
/// faults.
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
///             // For example, no file descriptor is left. Accept again a little later.
///             Err(_) => sleep(Duration::from_millis(100)).await,
///         }
///     }
/// }
///
/// # fn main() -> std::io::Result<()> {
/// // On a TCP socket:
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
/// // In a test, on a simulated network:
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
    /// The address of a peer.
    type Address: fmt::Debug + Clone + 'static;

    /// Polls for a connection; for futures that are written by hand.
    ///
    /// # Errors
    /// An error concerns one connection or a passing shortage. The listener stays usable.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Self::Address)>>;

    /// Returns the address of the listener.
    ///
    /// # Errors
    /// As for the method of the listener.
    fn local_addr(&self) -> io::Result<Self::Address>;

    /// Waits for a connection. Returns it and the address of its peer.
    ///
    /// # Cancel safety
    /// No connection is lost: a connection that was not returned stays in the queue.
    ///
    /// # Errors
    /// As for [`poll_accept`](Self::poll_accept).
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Address)>> {
        poll_fn(|cx| self.poll_accept(cx))
    }

    /// Returns a stream of the connections, without the addresses of their peers. It never ends.
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

/// A stream of the connections of a listener, from [`Listen::incoming`]. It never ends. For an
/// example see [`TcpListener::incoming`](super::TcpListener::incoming).
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a, L: ?Sized>(&'a L);

impl<'a, L: ?Sized> Incoming<'a, L> {
    pub(crate) fn of(listener: &'a L) -> Self {
        Self(listener)
    }
}

impl<L: Listen + ?Sized> Incoming<'_, L> {
    /// Waits for the next connection; never returns `None`. An error concerns one connection or a
    /// passing shortage: the next call may succeed.
    ///
    /// # Cancel safety
    /// No connection is lost: a connection that was not returned stays in the queue.
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
