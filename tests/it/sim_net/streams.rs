//! Reading, writing, ending.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::rc::Rc;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::ReuniteError;
use wheelhouse::testing::net::Link;
use wheelhouse::{gather, spawn, testing};

use super::{ms, pair};

#[test]
fn bytes_arrive_and_the_end_behind_them() {
    testing::run(async {
        let (_, mut client, mut server) = pair(Link::new().latency(ms(3))).await;
        client.write_all(b"hello ").await.unwrap();
        client.write_all(b"world").await.unwrap();
        client.flush().await.unwrap();
        client.close().await.unwrap();
        let mut got = String::new();
        server.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "hello world");
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "the end stays");
        // Half of it is closed only: the other direction lives.
        server.write_all(b"bye").await.unwrap();
        drop(server);
        client.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "hello worldbye");
    });
}

#[test]
fn what_was_written_arrives_although_the_writer_has_gone() {
    testing::run(async {
        let (_, mut client, mut server) = pair(Link::new().latency(ms(3))).await;
        client.write_all(b"last words").await.unwrap();
        drop(client);
        let mut got = String::new();
        server.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "last words");
    });
}

#[test]
fn a_write_waits_when_the_window_is_full_and_goes_on_when_half_of_it_was_read() {
    testing::run(async {
        let link = Link::new().latency(ms(5)).window(8);
        let (_, mut client, mut server) = pair(link).await;
        assert_eq!(client.write(b"0123456789").await.unwrap(), 8);
        let writing = spawn(async move {
            let count = client.write(b"89").await.unwrap();
            (count, client)
        });
        testing::advance(ms(50)).await;
        server.read_exact(&mut [0; 3]).await.unwrap();
        testing::advance(ms(50)).await;
        assert!(!writing.is_finished(), "three of eight are too few");
        server.read_exact(&mut [0; 1]).await.unwrap();
        testing::advance(ms(4)).await;
        assert!(!writing.is_finished(), "the news is under way");
        testing::advance(ms(1)).await;
        assert!(writing.is_finished());
        let (count, _client) = writing.await.unwrap();
        assert_eq!(count, 2);
    });
}

#[test]
fn writing_to_somebody_who_has_gone_is_a_broken_pipe_when_the_news_has_come() {
    testing::run(async {
        let (_, mut client, server) = pair(Link::new().latency(ms(5))).await;
        drop(server);
        client.write_all(b"into the void").await.unwrap();
        testing::advance(ms(5)).await;
        let error = client.write_all(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn a_writer_that_waits_hears_that_the_reader_has_gone() {
    testing::run(async {
        let (_, mut client, server) = pair(Link::new().window(4)).await;
        let writing = spawn(async move { client.write_all(b"too much").await });
        testing::settle().await;
        assert!(!writing.is_finished());
        drop(server);
        let error = writing.await.unwrap().unwrap_err();
        // Bytes were unread, so it is more than a broken pipe.
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn who_goes_with_bytes_unread_breaks_the_connection() {
    for arrived in [true, false] {
        testing::run(async {
            let (_, mut client, mut server) = pair(Link::new().latency(ms(5))).await;
            server.write_all(b"answer").await.unwrap();
            client.write_all(b"question").await.unwrap();
            if arrived {
                testing::advance(ms(5)).await;
            }
            drop(server);
            let mut answer = Vec::new();
            let error = client.read_to_end(&mut answer).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert_eq!(answer, b"answer");
        });
    }
}

#[test]
fn a_shutdown_ends_what_it_says() {
    testing::run(async {
        let (network, client, server) = pair(Link::new()).await;
        client.shutdown(Shutdown::Write).unwrap();
        let error = (&client).write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        client.shutdown(Shutdown::Write).expect("twice is fine");
        let reading = Rc::new(server);
        let theirs = Rc::clone(&reading);
        let wait = spawn(async move { (&*theirs).read(&mut [0]).await.unwrap() });
        assert_eq!(wait.await.unwrap(), 0);

        let theirs = Rc::new(client);
        let waits = Rc::clone(&theirs);
        let wait = spawn(async move { (&*waits).read(&mut [0]).await.unwrap() });
        testing::settle().await;
        theirs.shutdown(Shutdown::Read).unwrap();
        assert_eq!(wait.await.unwrap(), 0, "who waits at this end hears of it");
        network.reset("client", "server");
        let error = theirs.shutdown(Shutdown::Both).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        (&*theirs).close().await.expect("that is no error");
    });
}

#[test]
fn peek_leaves_the_bytes() {
    testing::run(async {
        let (_, mut client, mut server) = pair(Link::new()).await;
        client.write_all(b"ab").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(server.peek(&mut buffer).await.unwrap(), 2);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 2);
        assert_eq!(&buffer[..2], b"ab");
        assert_eq!(server.read(&mut []).await.unwrap(), 0);
        assert_eq!(server.write(&[]).await.unwrap(), 0);
    });
}

#[test]
fn halves_read_write_end_and_come_together_again() {
    testing::run(async {
        let (_, client, server) = pair(Link::new().latency(ms(1))).await;
        let (mut reads, mut writes) = client.into_split();
        let (other_reads, other_writes) = server.into_split();
        let ReuniteError(reads_back, other) = reads.reunite(other_writes).unwrap_err();
        reads = reads_back;
        let mut server = other.reunite(other_reads).unwrap();
        let echo = spawn(async move {
            let mut got = String::new();
            server.read_to_string(&mut got).await.unwrap();
            server.write_all(got.as_bytes()).await.unwrap();
        });
        writes.write_all(b"round").await.unwrap();
        drop(writes);
        let mut buffer = [0; 5];
        assert_eq!(reads.peek(&mut buffer).await.unwrap(), 5);
        reads.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"round");
        echo.await.unwrap();
    });
}

#[test]
fn a_half_that_is_forgotten_says_nothing() {
    testing::run(async {
        let (_, client, mut server) = pair(Link::new()).await;
        let (reads, writes) = client.into_split();
        writes.forget();
        let waiting = spawn(async move { server.read(&mut [0]).await.unwrap() });
        testing::settle().await;
        assert!(!waiting.is_finished());
        drop(reads);
        assert_eq!(waiting.await.unwrap(), 0);
    });
}

#[test]
fn one_task_reads_and_writes_at_once() {
    testing::run(async {
        let link = Link::new().latency(ms(1)).window(100);
        let (_, client, server) = pair(link).await;
        let echo = spawn(async move { futures::io::copy(&server, &mut &server).await });
        let sent: Vec<_> = (0..5000_u32).map(|number| number as u8).collect();
        let mut got = vec![0; sent.len()];
        let (written, read) = gather((async { (&client).write_all(&sent).await }, async {
            (&client).read_exact(&mut got).await
        }))
        .await;
        written.unwrap();
        read.unwrap();
        assert!(got == sent);
        drop(client);
        assert_eq!(echo.await.unwrap().unwrap(), 5000);
    });
}

#[test]
fn lent_halves_read_and_write_and_leave_the_stream_as_it_was() {
    testing::run(async {
        let (_, mut client, mut server) = pair(Link::new()).await;
        let (mut reads, mut writes) = client.split_mut();
        writes.write_all(b"there").await.unwrap();
        server.write_all(b"back").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(reads.peek(&mut buffer).await.unwrap(), 4);
        reads.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"back");
        assert_eq!(
            reads.as_ref().peer_addr().unwrap(),
            server.local_addr().unwrap()
        );
        client.write_all(b" again").await.unwrap();
        client.close().await.unwrap();
        let mut got = String::new();
        server.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "there again");
    });
}

#[test]
fn a_stream_that_is_always_ready_gives_way() {
    testing::run(async {
        let (_, mut client, mut server) = pair(Link::new()).await;
        let other = spawn(async {});
        client.write_all(&[1; 1000]).await.unwrap();
        for _ in 0..1000 {
            server.read_exact(&mut [0]).await.unwrap();
        }
        assert!(other.is_finished());
    });
}

#[test]
fn several_readers_of_one_stream_are_all_woken() {
    testing::run(async {
        let (_, mut client, server) = pair(Link::new().latency(ms(5))).await;
        let server = Rc::new(server);
        let read = || {
            let server = Rc::clone(&server);
            spawn(async move { (&*server).read(&mut [0]).await.unwrap() })
        };
        let (first, second, third) = (read(), read(), read());
        testing::settle().await;
        client.write_all(b"ab").await.unwrap();
        testing::settle().await;
        third.cancel_and_wait().await.ok();
        assert_eq!(first.await.unwrap(), 1);
        assert_eq!(second.await.unwrap(), 1);
    });
}

#[test]
fn who_waits_is_woken_when_somebody_else_finds_what_has_arrived() {
    // Wall time: on the virtual clock a timer is never late, and here the reader's has to be.
    wheelhouse::run(async {
        let (_, mut client, server) = pair(Link::new().latency(ms(2)).window(1)).await;
        let server = Rc::new(server);
        (&*server).write_all(b"f").await.unwrap();
        let reads = Rc::clone(&server);
        let reading = spawn(async move { (&*reads).read(&mut [0]).await.unwrap() });
        client.write_all(b"a").await.unwrap();
        wheelhouse::yield_now().await;
        std::thread::sleep(ms(4));
        // The window is full, so this waits; on the way it takes in what the reader waits for.
        let writing = async { (&*server).write(b"g").await };
        assert!(futures::poll!(Box::pin(writing)).is_pending());
        let read = wheelhouse::timeout(ms(60_000), reading).await;
        assert_eq!(read.expect("it is woken").unwrap(), 1);
    });
}

#[test]
fn outside_of_a_runtime_waiting_is_an_error_and_what_is_there_can_be_read() {
    let (network, mut client, mut server) = testing::run(async {
        let (network, mut client, server) = pair(Link::new()).await;
        client.write_all(b"there").await.unwrap();
        (network, client, server)
    });
    futures::executor::block_on(async {
        let mut buffer = [0; 5];
        server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"there");
        let error = server.read(&mut buffer).await.unwrap_err();
        assert!(error.to_string().contains("wheelhouse::run"), "{error}");
        network.set_link(Link::new().latency(ms(1)));
        client.write_all(b"late").await.unwrap();
        let error = server.read(&mut buffer).await.unwrap_err();
        assert!(error.to_string().contains("wheelhouse::run"), "{error}");
    });
    drop((network, client));
}
