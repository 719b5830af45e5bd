//! Operations of a stream.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, TcpListener as StdListener, TcpStream as StdStream};
use std::rc::Rc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{spawn, yield_now};

use super::{ANY, LONG, bounded, pair};

#[test]
fn each_side_may_end_while_the_other_continues() {
    bounded(async {
        for turned in [false, true] {
            let (one, other) = pair().await;
            let (mut early, mut late) = if turned { (other, one) } else { (one, other) };
            early.write_all(b"last words").await.unwrap();
            early.shutdown(Shutdown::Write).unwrap();
            let mut got = String::new();
            late.read_to_string(&mut got).await.unwrap();
            assert_eq!(got, "last words");
            late.write_all(b"still here").await.unwrap();
            late.close().await.unwrap();
            got.clear();
            early.read_to_string(&mut got).await.unwrap();
            assert_eq!(got, "still here");
            let error = early.write(b"more").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
    });
}

#[test]
fn a_shutdown_wakes_a_reader_that_waits() {
    bounded(async {
        let (client, _server) = pair().await;
        let client = Rc::new(client);
        let reader = Rc::clone(&client);
        let reading = spawn(async move { (&*reader).read(&mut [0; 8]).await });
        yield_now().await;
        client.shutdown(Shutdown::Read).unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 0);
    });
}

#[test]
fn closing_twice_or_after_the_peer_is_no_error() {
    bounded(async {
        let (mut client, server) = pair().await;
        client.close().await.unwrap();
        client.close().await.unwrap();
        server.set_linger(Some(Duration::ZERO)).unwrap();
        drop(server);
        let error = client.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        client.close().await.unwrap();
        assert!(client.shutdown(Shutdown::Write).is_err());
    });
}

#[test]
fn a_reader_and_a_writer_share_one_stream() {
    bounded(async {
        let (client, server) = pair().await;
        let (client, server) = (Rc::new(client), Rc::new(server));
        let echoing = spawn({
            let server = Rc::clone(&server);
            async move { futures::io::copy(&*server, &mut &*server).await }
        });
        let writing = spawn({
            let client = Rc::clone(&client);
            async move {
                for number in 0..500_u32 {
                    (&*client).write_all(&number.to_be_bytes()).await?;
                    yield_now().await;
                }
                client.shutdown(Shutdown::Write)
            }
        });
        for number in 0..500_u32 {
            let mut bytes = [0; 4];
            (&*client).read_exact(&mut bytes).await.unwrap();
            assert_eq!(u32::from_be_bytes(bytes), number);
        }
        writing.await.unwrap().unwrap();
        assert_eq!(echoing.await.unwrap().unwrap(), 2000);
    });
}

#[test]
fn two_readers_together_get_every_byte_and_both_see_the_end() {
    bounded(async {
        let (client, mut server) = pair().await;
        let client = Rc::new(client);
        let readers = [0, 1].map(|_| {
            let client = Rc::clone(&client);
            spawn(async move {
                let (mut sum, mut byte) = (0_u64, [0]);
                while (&*client).read(&mut byte).await.expect("no error") == 1 {
                    sum += u64::from(byte[0]);
                    yield_now().await;
                }
                sum
            })
        });
        for byte in 1..=200 {
            server.write_all(&[byte]).await.unwrap();
            yield_now().await;
        }
        drop(server);
        let mut sum = 0;
        for reader in readers {
            sum += reader.await.unwrap();
        }
        assert_eq!(sum, (1..=200).sum());
    });
}

#[test]
fn vectored_calls_fill_and_empty_several_buffers() {
    bounded(async {
        let (mut client, mut server) = pair().await;
        let parts = [
            IoSlice::new(b"one "),
            IoSlice::new(b""),
            IoSlice::new(b"two "),
            IoSlice::new(b"three"),
        ];
        assert_eq!(client.write_vectored(&parts).await.unwrap(), 13);
        let (mut first, mut second) = ([0; 6], [0; 20]);
        let mut into = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(server.read_vectored(&mut into).await.unwrap(), 13);
        assert_eq!((&first, &second[..7]), (b"one tw", &b"o three"[..]));
    });
}

#[test]
fn of_more_buffers_than_the_system_accepts_a_part_is_written() {
    bounded(async {
        let (mut client, mut server) = pair().await;
        let parts: Vec<_> = (0..5000).map(|_| IoSlice::new(b"x")).collect();
        let written = client.write_vectored(&parts).await.unwrap();
        assert!((1..=5000).contains(&written));
        client.close().await.unwrap();
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), written);
    });
}

#[test]
fn empty_buffers_are_ready_at_once() {
    bounded(async {
        let (mut client, _server) = pair().await;
        assert_eq!(client.read(&mut []).await.unwrap(), 0);
        assert_eq!(client.read_vectored(&mut []).await.unwrap(), 0);
        assert_eq!(client.write(&[]).await.unwrap(), 0);
        assert_eq!(client.write_vectored(&[]).await.unwrap(), 0);
        client.flush().await.unwrap();
    });
}

#[test]
fn peek_leaves_the_bytes_to_be_read() {
    bounded(async {
        let (client, mut server) = pair().await;
        let client = Rc::new(client);
        let peeking = spawn({
            let client = Rc::clone(&client);
            async move {
                let mut seen = [0; 16];
                let count = client.peek(&mut seen).await?;
                Ok::<_, std::io::Error>(seen[..count].to_vec())
            }
        });
        yield_now().await;
        server.write_all(b"secret").await.unwrap();
        assert_eq!(peeking.await.unwrap().unwrap(), b"secret");
        for _ in 0..3 {
            assert_eq!(client.peek(&mut [0; 2]).await.unwrap(), 2);
        }
        let mut got = [0; 6];
        (&*client).read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"secret");
        drop(server);
        assert_eq!(client.peek(&mut [0; 2]).await.unwrap(), 0);
    });
}

#[test]
fn options_and_addresses_are_those_of_the_socket() {
    bounded(async {
        let (client, server) = pair().await;
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
        assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
        assert!(!client.nodelay().unwrap(), "left as the system has it");
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        client.set_ttl(33).unwrap();
        assert_eq!(client.ttl().unwrap(), 33);
        assert_eq!(client.linger().unwrap(), None);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        assert_eq!(client.linger().unwrap(), Some(Duration::ZERO));

        let listener = TcpListener::bind(ANY).await.unwrap();
        listener.set_ttl(44).unwrap();
        assert_eq!(listener.ttl().unwrap(), 44);
    });
}

#[test]
fn streams_and_listeners_convert_from_and_into_std() {
    bounded(async {
        let plain = StdListener::bind(ANY).unwrap();
        let address = plain.local_addr().unwrap();
        let listener = TcpListener::from_std(plain).unwrap();
        let client = TcpStream::from_std(StdStream::connect(address).unwrap()).unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (&client).write_all(b"hi").await.unwrap();
        (&server).read_exact(&mut [0; 2]).await.unwrap();

        let (mut client, mut server) = (client.into_std().unwrap(), server.into_std().unwrap());
        server.write_all(b"back").unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        let mut got = [0; 4];
        client.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"back");

        let plain = listener.into_std().unwrap();
        let _client = StdStream::connect(address).unwrap();
        plain.accept().expect("a blocking accept");
    });
}

#[test]
fn a_port_can_be_bound_again_at_once_but_not_twice() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let error = TcpListener::bind(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        // The side that closes first keeps the port in TIME_WAIT.
        drop((server, listener));
        drop(client);
        TcpListener::bind(address).await.unwrap();
    });
}

/// Only empty buffers were passed to the system, and its result 0 looked like the end of the
/// stream.
#[test]
fn empty_buffers_before_a_full_one_are_skipped_even_if_the_system_accepts_fewer() {
    bounded(async {
        let (mut client, mut server) = pair().await;
        let mut from = vec![IoSlice::new(&[]); 1500];
        from.push(IoSlice::new(b"text"));
        assert_eq!(client.write_vectored(&from).await.unwrap(), 4);
        let mut got = [0; 4];
        let mut into: Vec<_> = (0..1500).map(|_| IoSliceMut::new(&mut [])).collect();
        into.push(IoSliceMut::new(&mut got));
        assert_eq!(server.read_vectored(&mut into).await.unwrap(), 4);
        assert_eq!(&got, b"text");
    });
}
