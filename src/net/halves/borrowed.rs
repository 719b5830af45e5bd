//! The two directions of a stream, borrowed.

use std::io;

use crate::net::{Duplex, TcpStream};

/// Borrows both directions. The exclusive borrow prevents any other use of the stream meanwhile.
pub(crate) fn split<S: Duplex>(stream: &mut S) -> (ReadHalf<'_, S>, WriteHalf<'_, S>) {
    (ReadHalf(stream), WriteHalf(stream))
}

/// The read half of a stream, borrowed by [`TcpStream::split_mut`] or
/// [`UnixStream::split_mut`](crate::net::UnixStream::split_mut).
///
/// `AsRef` returns the stream, for its addresses and options.
///
/// # Examples
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::net::{TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///     let echo = wheelhouse::spawn(async move { futures::io::copy(&server, &mut &server).await });
///
///     let (mut reader, mut writer) = client.split_mut();
///     writer.write_all(b"round").await?;
///     let mut got = [0; 5];
///     reader.read_exact(&mut got).await?;
///     assert_eq!(&got, b"round");
///     drop(client);
///     assert_eq!(echo.await.unwrap()?, 5);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct ReadHalf<'a, S: Duplex = TcpStream>(&'a S);

/// The write half of a stream, borrowed by [`TcpStream::split_mut`] or
/// [`UnixStream::split_mut`](crate::net::UnixStream::split_mut).
///
/// Dropping it does nothing. `AsyncWriteExt::close` ends the write side: the peer reads the end of
/// the stream. `AsRef` returns the stream, for its addresses and options.
#[derive(Debug)]
pub struct WriteHalf<'a, S: Duplex = TcpStream>(&'a S);

impl ReadHalf<'_> {
    /// Waits for bytes and copies them without consuming them; see [`TcpStream::peek`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As for [`TcpStream::peek`].
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buffer).await
    }
}

impl<S: Duplex> AsRef<S> for ReadHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

impl<S: Duplex> AsRef<S> for WriteHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}
