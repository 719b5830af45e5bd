//! Waiting without moving bytes, and calls that do not wait.

use std::io::ErrorKind;
use std::net::Shutdown;

use futures::FutureExt;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::testing::net::Link;
use wheelhouse::{gather, spawn, testing, time};

use super::{ms, pair};

#[test]
fn a_stream_is_readable_when_bytes_have_arrived() {
    testing::run(async {
        let (_, client, server) = pair(Link::new().latency(ms(3))).await;
        let error = server.try_read(&mut [0]).expect_err("nothing is there");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(client.try_write(b"abc").expect("room"), 3);
        let start = time::now();
        server.readable().await.expect("bytes");
        assert_eq!(time::now() - start, ms(3));
        assert_eq!(server.try_read(&mut [0; 2]).expect("bytes"), 2);
        server.readable().await.expect("a byte is left");
        assert_eq!(server.try_read(&mut [0; 2]).expect("a byte"), 1);
        assert!(server.readable().now_or_never().is_none());
        drop(client);
        server.readable().await.expect("the end");
        assert_eq!(server.try_read(&mut [0; 2]).expect("the end"), 0);
        server.readable().await.expect("the end stays");
    });
}

#[test]
fn a_stream_is_writable_when_the_window_has_room() {
    testing::run(async {
        let link = Link::new().latency(ms(5)).window(8);
        let (_, client, mut server) = pair(link).await;
        client.writable().await.expect("room");
        assert_eq!(client.try_write(b"0123456789").expect("room"), 8);
        let error = client.try_write(b"8").expect_err("it is full");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let (ready, read) = gather((client.writable(), server.read_exact(&mut [0; 8]))).await;
        ready.expect("room");
        read.expect("bytes");
        assert_eq!(client.try_write(b"89").expect("room"), 2);
        drop(server);
        testing::advance(ms(10)).await;
        client.writable().await.expect("an error to report");
        let error = client.try_write(b"x").expect_err("the peer has gone");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn the_end_of_a_peer_is_noticed_without_reading() {
    testing::run(async {
        let (_, mut client, mut server) = pair(Link::new().latency(ms(3))).await;
        client.write_all(b"unread").await.expect("room");
        let mut closed = Box::pin(server.closed());
        assert!((&mut closed).now_or_never().is_none());
        testing::advance(ms(10)).await;
        client.write_all(b", more").await.expect("room");
        testing::advance(ms(10)).await;
        assert!((&mut closed).now_or_never().is_none());
        client.shutdown(Shutdown::Write).expect("it is open");
        let start = time::now();
        closed.await.expect("it writes no more");
        assert_eq!(time::now() - start, ms(3));
        let mut text = String::new();
        server.read_to_string(&mut text).await.expect("the end");
        assert_eq!(text, "unread, more");
        server.closed().await.expect("it has gone for good");
    });
}

#[test]
fn a_task_that_waits_for_the_end_of_its_peer_is_woken_by_a_break() {
    testing::run(async {
        let (network, client, server) = pair(Link::new()).await;
        let waiting = spawn(async move { server.closed().await });
        testing::settle().await;
        assert!(!waiting.is_finished());
        network.reset("client", "server");
        waiting.await.expect("no panic").expect("a break is an end");
        drop(client);
    });
}
