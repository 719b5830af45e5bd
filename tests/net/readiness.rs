//! Waiting for sockets without moving bytes, and calls that do not wait.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{
    Direction, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, UseError,
};
use wheelhouse::{gather, sleep, spawn, timeout};

use super::unix::Folder;
use super::{ANY, bounded, pair};

/// A time in which the loop looks at its sockets.
const SHORT: Duration = Duration::from_millis(5);

/// Fails if the future is ready within a short time.
async fn pends(future: impl Future) {
    assert!(timeout(SHORT, future).await.is_err(), "it is ready");
}

/// Fails unless a call says that it would block.
#[track_caller]
fn would_block<T>(outcome: io::Result<T>) {
    let error = outcome.map(drop).expect_err("it is not ready");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

/// Does what all streams can do; the first one is read, the second one written.
macro_rules! a_stream_is_read_and_written_without_waiting {
    ($reader:expr, $writer:expr) => {{
        let (reader, writer) = ($reader, $writer);
        let mut buffer = [0; 8];
        would_block(reader.try_read(&mut buffer));
        pends(reader.readable()).await;
        let (ready, written) = gather((reader.readable(), async {
            sleep(SHORT).await;
            writer.try_write(b"abc")
        }))
        .await;
        ready.expect("bytes");
        assert_eq!(written.expect("space"), 3);
        // Bytes that were left are told of again.
        assert_eq!(reader.peek(&mut buffer).await.expect("bytes"), 3);
        assert_eq!(reader.try_read(&mut buffer[..2]).expect("bytes"), 2);
        reader.readable().await.expect("a byte");
        assert_eq!(reader.try_read(&mut buffer).expect("a byte"), 1);
        pends(reader.readable()).await;

        let mut sent = 0;
        while let Ok(count) = writer.try_write(&[0; 65536]) {
            sent += count;
        }
        pends(writer.writable()).await;
        let mut all = vec![0; sent];
        let mut reading = &reader;
        let (ready, read) = gather((writer.writable(), reading.read_exact(&mut all))).await;
        ready.expect("space");
        read.expect("bytes");
        drop(writer);
        reader.readable().await.expect("the end");
        assert_eq!(reader.try_read(&mut buffer).expect("the end"), 0);
    }};
}

#[test]
fn a_tcp_stream_is_read_and_written_without_waiting() {
    bounded(async {
        let (reader, writer) = pair().await;
        a_stream_is_read_and_written_without_waiting!(reader, writer);
    });
}

#[test]
fn a_unix_stream_is_read_and_written_without_waiting() {
    bounded(async {
        let (reader, writer) = UnixStream::pair().expect("a pair");
        a_stream_is_read_and_written_without_waiting!(reader, writer);
    });
}

#[test]
fn a_byte_that_is_there_is_read_though_the_loop_has_not_said_so() {
    bounded(async {
        let (reader, writer) = UnixStream::pair().expect("a pair");
        writer.try_write(b"x").expect("space");
        assert_eq!(reader.try_read(&mut [0; 8]).expect("a byte"), 1);
    });
}

/// Checks `closed` of two connected streams of one type.
macro_rules! closed_is_told {
    ($pair:expr) => {{
        // Unread bytes and further ones are no end.
        let (near, mut far) = $pair;
        far.write_all(b"unread").await.expect("space");
        {
            let mut closed = pin!(near.closed());
            pends(&mut closed).await;
            far.write_all(b"more").await.expect("space");
            pends(&mut closed).await;
            drop(far);
            closed.await.expect("it has gone");
        }
        near.closed().await.expect("it has gone for good");
        let mut text = String::new();
        (&near).read_to_string(&mut text).await.expect("bytes");
        assert_eq!(text, "unreadmore");
        near.closed().await.expect("it has gone for good");

        // Half of it.
        let (near, mut far) = $pair;
        far.shutdown(Shutdown::Write).expect("it is open");
        near.closed().await.expect("it writes no more");
        (&near).write_all(b"x").await.expect("it still reads");
        far.read_exact(&mut [0]).await.expect("a byte");

        // A server gives up for a client that has gone.
        let (near, far) = $pair;
        let work = spawn(async move {
            let work = sleep(Duration::from_secs(3600));
            futures::future::select(pin!(near.closed()), pin!(work)).await;
        });
        sleep(SHORT).await;
        assert!(!work.is_finished());
        drop(far);
        work.await.expect("it ends");
    }};
}

#[test]
fn the_end_of_a_tcp_peer_is_noticed_without_reading() {
    bounded(async {
        closed_is_told!(pair().await);
    });
}

#[test]
fn the_end_of_a_unix_peer_is_noticed_without_reading() {
    bounded(async {
        closed_is_told!(UnixStream::pair().expect("a pair"));
    });
}

#[test]
fn a_reset_is_an_end() {
    bounded(async {
        let (near, far) = pair().await;
        far.set_linger(Some(Duration::ZERO)).expect("an option");
        drop(far);
        near.closed().await.expect("it has gone");
        let error = near.try_read(&mut [0]).expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn any_number_of_tasks_wait_for_an_end_beside_a_reader() {
    bounded(async {
        let (near, mut far) = pair().await;
        let (near, other) = (std::rc::Rc::new(near), 200);
        let waiting: Vec<_> = (0..other)
            .map(|_| {
                let near = std::rc::Rc::clone(&near);
                spawn(async move { near.closed().await })
            })
            .collect();
        for _ in 0..3 {
            far.write_all(b"x").await.expect("space");
            (&*near).read_exact(&mut [0]).await.expect("a byte");
        }
        assert!(waiting.iter().all(|task| !task.is_finished()));
        drop(far);
        for outcome in gather(waiting).await {
            outcome.expect("no panic").expect("it has gone");
        }
    });
}

#[test]
fn a_wait_for_an_end_costs_nothing_while_another_task_leaves_bytes_unread() {
    bounded(async {
        let (near, mut far) = pair().await;
        far.write_all(b"unread").await.expect("space");
        near.readable().await.expect("bytes");
        let polls = std::cell::Cell::new(0);
        let mut closed = pin!(near.closed());
        let counted = std::future::poll_fn(|cx| {
            polls.set(polls.get() + 1);
            closed.as_mut().poll(cx)
        });
        pends(counted).await;
        assert!(polls.get() <= 3, "{} polls", polls.get());
    });
}

#[test]
fn datagrams_are_sent_and_received_without_waiting() {
    bounded(async {
        let (one, other) = (UdpSocket::bind(ANY).await, UdpSocket::bind(ANY).await);
        let (one, other) = (one.expect("a port"), other.expect("a port"));
        let there = other.local_addr().expect("an address");
        let mut buffer = [0; 16];
        would_block(other.try_recv_from(&mut buffer));
        pends(other.readable()).await;
        one.writable().await.expect("space");
        assert_eq!(one.try_send_to(b"ping", there).expect("space"), 4);
        other.readable().await.expect("a datagram");
        assert_eq!(other.peek(&mut buffer).await.expect("a datagram"), 4);
        let (length, from) = other.try_recv_from(&mut buffer).expect("a datagram");
        assert_eq!((length, from), (4, one.local_addr().expect("an address")));
        would_block(other.try_recv(&mut buffer));

        other.connect(from).await.expect("a peer");
        assert_eq!(other.try_send(b"pong").expect("space"), 4);
        one.readable().await.expect("a datagram");
        assert_eq!(one.try_recv(&mut buffer).expect("a datagram"), 4);
        assert_eq!(&buffer[..4], b"pong");
    });
}

#[test]
fn unix_datagrams_go_to_paths_and_abstract_names_without_waiting() {
    let folder = Folder::new();
    bounded(async {
        let mut buffer = [0; 16];
        let path = folder.path("datagrams");
        let server = UnixDatagram::bind(&path).expect("a new path");
        let client = UnixDatagram::unbound().expect("a socket");
        assert_eq!(client.try_send_to(b"path", &path).expect("space"), 4);
        assert_eq!(server.peek(&mut buffer).await.expect("a datagram"), 4);
        assert_eq!(server.try_recv(&mut buffer).expect("a datagram"), 4);

        let name = format!("wheelhouse-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let server = UnixDatagram::bind_addr(&address).expect("a free name");
        let error = UnixDatagram::bind_addr(&address).expect_err("it is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let sent = client.send_to_addr(b"name", &address).await;
        assert_eq!(sent.expect("space"), 4);
        client.connect_addr(&address).expect("it is bound");
        assert_eq!(client.try_send(b"named").expect("space"), 5);
        for length in [4, 5] {
            let (got, from) = server.try_recv_from(&mut buffer).expect("a datagram");
            assert_eq!(got, length);
            assert!(from.is_unnamed());
        }
        would_block(server.try_recv(&mut buffer));
        drop(server);
        let error = client.send_to_addr(b"gone", &address).await;
        let error = error.expect_err("the name is free again");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_full_connected_unix_datagram_socket_waits_until_it_is_writable() {
    bounded(async {
        let (one, other) = UnixDatagram::pair().expect("a pair");
        while one.try_send(b"x").is_ok() {}
        pends(one.writable()).await;
        let (ready, ()) = gather((one.writable(), async {
            while other.try_recv(&mut [0]).is_ok() {}
        }))
        .await;
        ready.expect("space");
        assert_eq!(one.try_send(b"x").expect("space"), 1);
    });
}

#[test]
fn connections_are_accepted_without_waiting() {
    let folder = Folder::new();
    bounded(async {
        let listener = TcpListener::bind(ANY).await.expect("a port");
        would_block(listener.try_accept());
        let address = listener.local_addr().expect("an address");
        let client = TcpStream::connect(address).await.expect("connected");
        let (server, peer) = listener.try_accept().expect("a connection");
        assert_eq!(peer, client.local_addr().expect("an address"));
        server.try_write(b"x").expect("space");
        would_block(listener.try_accept());

        let path = folder.path("listener");
        let listener = UnixListener::bind(&path).expect("a new path");
        would_block(listener.try_accept());
        let client = UnixStream::connect(&path).await.expect("connected");
        let (server, _) = listener.try_accept().expect("a connection");
        server.try_write(b"x").expect("space");
        client.readable().await.expect("a byte");
    });
}

#[test]
fn a_call_of_ones_own_is_made_on_a_socket() {
    bounded(async {
        let (near, far) = pair().await;
        let look = |stream: &std::net::TcpStream| stream.peek(&mut [0; 8]);
        would_block(near.try_io(Direction::Read, look));
        let (seen, written) = gather((near.async_io(Direction::Read, look), async {
            sleep(SHORT).await;
            far.try_write(b"abc")
        }))
        .await;
        written.expect("space");
        assert_eq!(seen.expect("bytes"), 3);
    });
}

#[test]
fn away_from_home_nothing_is_tried() {
    bounded(async {
        let (near, _far) = pair().await;
        let thread = std::thread::spawn(move || {
            let errors = [
                near.try_read(&mut [0]).map(drop),
                near.try_write(b"x").map(drop),
                near.closed().now_or_never().expect("it is ready"),
                near.readable().now_or_never().expect("it is ready"),
            ];
            for error in errors {
                let error = error.expect_err("outside its runtime");
                let misuse = error.get_ref().and_then(|error| error.downcast_ref());
                assert_eq!(misuse, Some(&UseError::Elsewhere), "{error}");
            }
        });
        thread.join().expect("no panic");
    });
}
