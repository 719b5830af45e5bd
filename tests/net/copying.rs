//! `copy_bidirectional` between real streams, and between those in memory.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wheelhouse::net::{UnixStream, copy_bidirectional};
use wheelhouse::{gather, sleep, spawn, testing, time};

use super::{bounded, pair};

/// A client and a server, with a proxy between their other ends.
async fn proxied() -> (
    impl AsyncRead + AsyncWrite + Unpin,
    UnixStream,
    wheelhouse::JoinHandle<io::Result<(u64, u64)>>,
) {
    let (client, near) = pair().await;
    let (far, server) = UnixStream::pair().expect("a pair");
    let copy = spawn(async move { copy_bidirectional(near, far).await });
    (client, server, copy)
}

#[test]
fn both_directions_are_copied_at_once() {
    bounded(async {
        let (mut client, server, copy) = proxied().await;
        let data: Rc<Vec<u8>> = Rc::new((0..2_000_000_u32).map(|n| n as u8).collect());
        let echo = spawn(async move {
            futures::io::copy(&server, &mut &server).await?;
            server.shutdown(Shutdown::Write)
        });
        let (mut read, mut write) = AsyncReadExt::split(&mut client);
        let mut got = Vec::new();
        let (written, read) = gather((
            async {
                write.write_all(&data).await?;
                write.close().await
            },
            read.read_to_end(&mut got),
        ))
        .await;
        written.expect("all is written");
        assert_eq!(read.expect("the end"), data.len());
        assert!(got == *data);
        echo.await.expect("no panic").expect("all is echoed");
        let size = data.len() as u64;
        let copied = copy.await.expect("no panic").expect("both ended");
        assert_eq!(copied, (size, size));
    });
}

#[test]
fn one_direction_continues_after_the_other_has_ended() {
    bounded(async {
        let (mut client, mut server, copy) = proxied().await;
        client.write_all(b"question").await.expect("space");
        client.close().await.expect("it is open");
        let mut text = String::new();
        server.read_to_string(&mut text).await.expect("the end");
        assert_eq!(text, "question");
        for part in ["an", "swer"] {
            sleep(Duration::from_millis(2)).await;
            server.write_all(part.as_bytes()).await.expect("space");
        }
        assert!(!copy.is_finished());
        drop(server);
        let mut text = String::new();
        client.read_to_string(&mut text).await.expect("the end");
        assert_eq!(text, "answer");
        let copied = copy.await.expect("no panic").expect("both ended");
        assert_eq!(copied, (8, 6));
    });
}

#[test]
fn an_error_of_one_side_ends_the_copy() {
    bounded(async {
        let (client, near) = pair().await;
        let (mut far, server) = UnixStream::pair().expect("a pair");
        client.set_linger(Some(Duration::ZERO)).expect("an option");
        let copy = spawn(async move { copy_bidirectional(near, &mut far).await });
        sleep(Duration::from_millis(2)).await;
        drop(client);
        let error = copy.await.expect("no panic").expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!((&server).read(&mut [0]).await.expect("the end"), 0);
    });
}

#[test]
fn a_copy_in_which_nothing_moves_times_out_and_one_with_traffic_does_not() {
    testing::run(async {
        let network = testing::net::Network::new();
        let (proxy, server) = (network.host("proxy"), network.host("server"));
        let listener = proxy.listen(1).expect("a port");
        let behind = server.listen(1).expect("a port");
        let copy = spawn(async move {
            let (near, _) = listener.accept().await.expect("a connection");
            let far = proxy.connect("server:1").await.expect("a connection");
            let limit = Duration::from_secs(10);
            let mut copy = copy_bidirectional(near, far).idle_timeout(limit);
            let error = (&mut copy).await.expect_err("it becomes idle");
            (error, copy.copied(), time::now())
        });
        let client = network.host("client").connect("proxy:1").await;
        let mut client = client.expect("a connection");
        let (mut far, _) = behind.accept().await.expect("a connection");
        // A byte in either direction, each in time.
        for _ in 0..5 {
            sleep(Duration::from_secs(9)).await;
            client.write_all(b"there").await.expect("space");
            sleep(Duration::from_secs(9)).await;
            far.write_all(b"back").await.expect("space");
        }
        let last = time::now();
        let (error, copied, end) = copy.await.expect("no panic");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains("10s"), "{error}");
        assert_eq!(copied, (25, 20));
        let idle = (end - last).as_secs_f64();
        assert!((10.0..10.1).contains(&idle), "{idle}");
    });
}

/// A stream in memory: it reads from one text, and writes to another.
struct Memory {
    unread: Cell<&'static [u8]>,
    written: Rc<RefCell<Vec<u8>>>,
    /// Bytes that were not flushed.
    dirty: Rc<Cell<bool>>,
    /// How much a write takes.
    most: usize,
}

impl AsyncRead for Memory {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let count = self.unread.get().len().min(buffer.len()).min(3);
        let (some, rest) = self.unread.get().split_at(count);
        buffer[..count].copy_from_slice(some);
        self.unread.set(rest);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = bytes.len().min(self.most);
        self.written.borrow_mut().extend(&bytes[..count]);
        self.dirty.set(true);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.dirty.set(false);
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn memory(text: &'static [u8], most: usize) -> Memory {
    Memory {
        unread: Cell::new(text),
        written: Rc::default(),
        dirty: Rc::default(),
        most,
    }
}

#[test]
fn streams_in_memory_are_copied_in_small_writes_and_flushed() {
    let (one, other) = (memory(b"there", 2), memory(b"and back", 1));
    let got = [Rc::clone(&other.written), Rc::clone(&one.written)];
    let dirty = [Rc::clone(&one.dirty), Rc::clone(&other.dirty)];
    let copied = bounded(async { copy_bidirectional(one, other).await });
    assert_eq!(copied.expect("both end"), (5, 8));
    assert_eq!(*got[0].borrow(), b"there");
    assert_eq!(*got[1].borrow(), b"and back");
    assert!(dirty.iter().all(|dirty| !dirty.get()));
}

#[test]
fn a_stream_that_takes_no_bytes_is_an_error() {
    let copy = copy_bidirectional(memory(b"there", 2), memory(b"back", 0));
    let error = bounded(async { copy.await.expect_err("nothing is taken") });
    assert_eq!(error.kind(), ErrorKind::WriteZero);
}

#[test]
fn bytes_are_flushed_when_no_more_come_for_now() {
    bounded(async {
        let (mut client, near) = UnixStream::pair().expect("a pair");
        let far = memory(b"", 100);
        let (written, dirty) = (Rc::clone(&far.written), Rc::clone(&far.dirty));
        let copy = spawn(async move { copy_bidirectional(near, far).await });
        client.write_all(b"x").await.expect("space");
        while written.borrow().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(!dirty.get());
        drop(client);
        let copied = copy.await.expect("no panic").expect("both ended");
        assert_eq!(copied, (1, 0));
    });
}

/// Reads zeros without end, and takes all.
struct Endless(Rc<Cell<u64>>);

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buffer.len()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.set(self.0.get() + bytes.len() as u64);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn streams_that_are_always_ready_share_the_thread_and_both_directions_move() {
    bounded(async {
        let counts: [Rc<Cell<u64>>; 2] = Default::default();
        let [one, other] = counts.clone().map(Endless);
        let copy = spawn(async move { copy_bidirectional(one, other).await });
        sleep(Duration::from_millis(5)).await;
        copy.cancel();
        copy.await.expect_err("it was cancelled");
        let [back, there] = counts.map(|count| count.get());
        assert!(back > 0 && there > 0, "{there} there, {back} back");
        assert!(back / there.max(1) < 3 && there / back.max(1) < 3);
    });
}
