//! Each wait is ended at each of its suspensions, in five ways: see `testing::Steps`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::testing::net::Link;
use wheelhouse::{sleep, spawn};

use super::{ms, pair, pair_of_hosts};
use crate::steps::counting::steps_of;
use wheelhouse::testing::Step;

fn link() -> Link {
    Link::new().latency(ms(2)).window(6)
}

#[test]
fn a_read_that_is_cut_off_takes_no_bytes_with_it() {
    let most = steps_of("read").run(async |step: &Step| {
        let (_network, mut client, server) = pair(link()).await;
        let server = Rc::new(server);
        let writing = spawn(async move {
            for word in [&b"a"[..], b"bcd", b"efghi", b"j"] {
                client.write_all(word).await.unwrap();
                sleep(ms(5)).await;
            }
        });
        let got = Rc::new(RefCell::new(Vec::new()));
        let (reads, bytes) = (Rc::clone(&server), Rc::clone(&got));
        let cut = step.cut(async move {
            let mut buffer = [0; 2];
            while let count @ 1.. = (&*reads).read(&mut buffer).await.unwrap() {
                bytes.borrow_mut().extend_from_slice(&buffer[..count]);
            }
        });
        drop(cut.await);
        let mut rest = Vec::new();
        (&*server).read_to_end(&mut rest).await.unwrap();
        writing.await.unwrap();
        assert_eq!([got.take(), rest].concat(), b"abcdefghij");
    });
    assert!(most >= 4, "{most}");
}

#[test]
fn a_write_that_is_cut_off_has_written_nothing() {
    let most = steps_of("write").run(async |step: &Step| {
        let (_network, client, mut server) = pair(link()).await;
        let client = Rc::new(client);
        let reading = spawn(async move {
            let mut got = Vec::new();
            let mut buffer = [0; 3];
            while let count @ 1.. = server.read(&mut buffer).await.unwrap() {
                got.extend_from_slice(&buffer[..count]);
                sleep(ms(3)).await;
            }
            got
        });
        let data: Vec<u8> = (0..30).collect();
        let told = Rc::new(Cell::new(0));
        let (writes, sent, source) = (Rc::clone(&client), Rc::clone(&told), data.clone());
        let cut = step.cut(async move {
            while sent.get() < source.len() {
                let count = (&*writes).write(&source[sent.get()..]).await.unwrap();
                sent.set(sent.get() + count);
            }
        });
        drop(cut.await);
        drop(client);
        assert_eq!(reading.await.unwrap(), data[..told.get()]);
    });
    assert!(most >= 4, "{most}");
}

#[test]
fn an_accept_that_is_cut_off_loses_no_connection() {
    let most = steps_of("accept").run(async |step: &Step| {
        let (_network, client, _server, listener) = pair_of_hosts(link());
        let listener = Rc::new(listener);
        let connecting = spawn(async move {
            let mut clients = Vec::new();
            for _ in 0..3 {
                sleep(ms(5)).await;
                clients.push(client.connect("server:80").await.unwrap());
            }
            clients
        });
        let peers = Rc::new(RefCell::new(Vec::new()));
        let (accepts, noted) = (Rc::clone(&listener), Rc::clone(&peers));
        let cut = step.cut(async move {
            for _ in 0..3 {
                let (_stream, peer) = accepts.accept().await.unwrap();
                noted.borrow_mut().push(peer);
            }
        });
        drop(cut.await);
        let clients = connecting.await.unwrap();
        while peers.borrow().len() < 3 {
            let (_stream, peer) = listener.accept().await.unwrap();
            peers.borrow_mut().push(peer);
        }
        let all = clients.iter().map(|client| client.local_addr().unwrap());
        assert_eq!(peers.take(), all.collect::<Vec<_>>());
    });
    assert!(most >= 3, "{most}");
}

#[test]
fn a_connect_that_is_cut_off_leaves_at_most_a_connection_that_ends_at_once() {
    let most = steps_of("connect").run(async |step: &Step| {
        let (network, client, _server, listener) = pair_of_hosts(link());
        network.partition("client", "server");
        let healing = spawn(async move {
            sleep(ms(50)).await;
            network.heal("client", "server");
        });
        let theirs = client.clone();
        let cut = step.cut(async move { theirs.connect("server:80").await.unwrap() });
        drop(cut.await);
        healing.await.unwrap();
        let last = client.connect("server:80").await.unwrap();
        let last = last.local_addr().unwrap();
        loop {
            let (mut stream, peer) = listener.accept().await.unwrap();
            if peer == last {
                break;
            }
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        }
    });
    assert!(most >= 3, "{most}");
}

#[test]
fn a_wait_for_readiness_or_the_end_that_is_cut_off_loses_no_byte() {
    let name = "readable, writable, closed";
    let most = steps_of(name).run(async |step: &Step| {
        let (_network, mut client, server) = pair(link()).await;
        let server = Rc::new(server);
        let writing = spawn(async move {
            for word in [&b"a"[..], b"bcd"] {
                sleep(ms(5)).await;
                client.write_all(word).await.unwrap();
            }
        });
        let theirs = Rc::clone(&server);
        let cut = step.cut(async move {
            theirs.readable().await?;
            theirs.writable().await?;
            theirs.closed().await
        });
        assert!(cut.await.ended().is_none_or(|outcome| outcome.is_ok()));
        writing.await.unwrap();
        let mut rest = Vec::new();
        (&*server).read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"abcd");
    });
    assert!(most >= 2, "{most}");
}
