//! Cancel at every step: futures that wait for a descriptor are ended at each of their suspensions,
//! in five modes. The harness, and its checks in each scene, is described at `testing::Steps`. It
//! counts bytes and file descriptors, so one test runs at a time.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::alone;
use crate::installed::installed;
use crate::steps::counting::bytes;
use futures::FutureExt;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{
    Direction, PipeReader, PipeWriter, Registered, UnixDatagram, UnixStream, copy_bidirectional,
    lookup_host, pipe,
};
use wheelhouse::testing::{Step, Steps};
use wheelhouse::{sleep, spawn, yield_now};

/// The number of open descriptors.
fn descriptors() -> isize {
    let open = std::fs::read_dir("/proc/self/fd").expect("Linux has this");
    open.count().cast_signed()
}

/// The steps of a scene; bytes and descriptors must not grow.
fn steps_of(name: &'static str) -> Steps {
    let steps = Steps::of(name).real();
    steps
        .meter("bytes", bytes)
        .meter("descriptors", descriptors)
}

/// Yields for several turns of the loop, in which every other task comes to rest.
async fn others_rest() {
    for _ in 0..130 {
        yield_now().await;
    }
}

/// Both ends of a pipe, to be shared between tasks.
fn registered_pipe() -> (
    Rc<Registered<io::PipeReader>>,
    Rc<Registered<io::PipeWriter>>,
) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let reader = Registered::new(reader).expect("registered");
    let writer = Registered::new(writer).expect("registered");
    (Rc::new(reader), Rc::new(writer))
}

/// Writes until the pipe is full; returns the number of bytes.
fn fill(writer: &Registered<io::PipeWriter>) -> usize {
    let write = |mut pipe: &io::PipeWriter| pipe.write(&[7; 4096]);
    let writes = std::iter::from_fn(|| writer.try_io(Direction::Write, write).ok());
    writes.sum()
}

#[test]
fn readable_that_is_cut_off_takes_no_byte() {
    let _alone = alone();
    let most = steps_of("readable").run(async |step: &Step| {
        let (reader, writer) = registered_pipe();
        let writing = spawn(async move {
            others_rest().await;
            writer.get_ref().write_all(b"abc").expect("room");
        });
        let theirs = Rc::clone(&reader);
        let cut = step.cut(async move { theirs.readable().await });
        assert!(cut.await.ended().is_none_or(|ready| ready.is_ok()));
        writing.await.expect("it ends well");
        let mut rest = Vec::new();
        reader.readable().await.expect("bytes");
        reader.get_ref().read_to_end(&mut rest).expect("the end");
        assert_eq!(rest, b"abc");
    });
    assert_eq!(most, 1);
}

#[test]
fn writable_that_is_cut_off_writes_nothing() {
    let _alone = alone();
    let most = steps_of("writable").run(async |step: &Step| {
        let (reader, writer) = registered_pipe();
        let count = fill(&writer);
        let reading = spawn(async move {
            others_rest().await;
            let mut bytes = vec![0; count];
            reader.get_ref().read_exact(&mut bytes).expect("bytes");
            reader
        });
        let theirs = Rc::clone(&writer);
        let cut = step.cut(async move { theirs.writable().await });
        assert!(cut.await.ended().is_none_or(|ready| ready.is_ok()));
        let reader = reading.await.expect("it ends well");
        drop(writer);
        assert_eq!(reader.get_ref().read(&mut [0]).expect("the end"), 0);
    });
    assert_eq!(most, 1);
}

#[test]
fn async_io_that_is_cut_off_has_done_all_or_nothing() {
    let _alone = alone();
    let most = steps_of("async_io").run(async |step: &Step| {
        let (reader, writer) = registered_pipe();
        let writing = spawn(async move {
            for word in [b"ab", b"cd", b"ef"] {
                others_rest().await;
                writer.get_ref().write_all(word).expect("room");
            }
        });
        let (theirs, got) = (Rc::clone(&reader), Rc::new(Cell::new(0)));
        let told = Rc::clone(&got);
        let cut = step.cut(async move {
            let mut bytes = [0; 2];
            while told.get() < 6 {
                let read = |mut pipe: &io::PipeReader| pipe.read(&mut bytes);
                let count = theirs.async_io(Direction::Read, read).await;
                told.set(told.get() + count.expect("bytes"));
            }
        });
        drop(cut.await);
        writing.await.expect("it ends well");
        let mut rest = Vec::new();
        reader.readable().await.expect("bytes or the end");
        reader.get_ref().read_to_end(&mut rest).expect("the end");
        assert_eq!(got.get() + rest.len(), 6);
    });
    assert!(most >= 3, "{most}");
}

/// Two connected streams, to be shared between tasks.
fn streams() -> (Rc<UnixStream>, Rc<UnixStream>) {
    let (one, other) = UnixStream::pair().expect("a pair");
    (Rc::new(one), Rc::new(other))
}

#[test]
fn a_wait_for_the_readiness_of_a_socket_that_is_cut_off_loses_nothing() {
    let _alone = alone();
    let most =
        steps_of("readable, peek, async_io, writable of a socket").run(async |step: &Step| {
            let (near, far) = streams();
            let writing = spawn(async move {
                others_rest().await;
                far.try_write(b"abc").expect("room");
                far
            });
            let theirs = Rc::clone(&near);
            let cut = step.cut(async move {
                theirs.readable().await?;
                let seen = theirs.peek(&mut [0; 8]).await?;
                let look = |stream: &_| {
                    let peek = rustix::net::RecvFlags::PEEK;
                    Ok(rustix::net::recv(stream, &mut [0; 8], peek)?.1)
                };
                assert_eq!(theirs.async_io(Direction::Read, look).await?, seen);
                theirs.writable().await
            });
            assert!(cut.await.ended().is_none_or(|outcome| outcome.is_ok()));
            let far = writing.await.expect("it ends well");
            assert_eq!(near.try_read(&mut [0; 8]).expect("bytes"), 3);
            drop(far);
        });
    assert_eq!(most, 1);
}

#[test]
fn a_peek_at_a_datagram_that_is_cut_off_takes_none() {
    let _alone = alone();
    let most = steps_of("peek").run(async |step: &Step| {
        let (one, other) = UnixDatagram::pair().expect("a pair");
        let other = Rc::new(other);
        let sending = spawn(async move {
            others_rest().await;
            one.try_send(b"abc").expect("room");
        });
        let theirs = Rc::clone(&other);
        let cut = step.cut(async move { theirs.peek(&mut [0; 8]).await });
        assert!(cut.await.ended().is_none_or(|seen| matches!(seen, Ok(3))));
        sending.await.expect("it ends well");
        assert_eq!(other.try_recv(&mut [0; 8]).expect("a datagram"), 3);
    });
    assert_eq!(most, 1);
}

#[test]
fn a_wait_for_the_end_of_a_peer_that_is_cut_off_reads_nothing() {
    let _alone = alone();
    let most = steps_of("closed").run(async |step: &Step| {
        let (near, far) = streams();
        let closing = spawn(async move {
            for _ in 0..3 {
                others_rest().await;
                far.try_write(b"x").expect("room");
            }
        });
        let theirs = Rc::clone(&near);
        let cut = step.cut(async move { theirs.closed().await });
        assert!(cut.await.ended().is_none_or(|outcome| outcome.is_ok()));
        closing.await.expect("it ends well");
        assert_eq!(near.try_read(&mut [0; 8]).expect("bytes"), 3);
    });
    assert!(most >= 3, "{most}");
}

#[test]
fn a_send_of_descriptors_that_is_cut_off_has_sent_all_or_nothing() {
    let _alone = alone();
    let most = steps_of("send_fds").run(async |step: &Step| {
        let (one, other) = UnixDatagram::pair().expect("a pair");
        let other = Rc::new(other);
        let mut waiting = 0;
        while one.try_send(b"x").is_ok() {
            waiting += 1;
        }
        let receiver = Rc::clone(&other);
        let receiving = spawn(async move {
            others_rest().await;
            for _ in 0..waiting {
                receiver.try_recv(&mut [0]).expect("a datagram");
            }
        });
        let sent = Rc::new(Cell::new(0));
        let told = Rc::clone(&sent);
        let cut = step.cut(async move {
            let fds = [one.as_fd(), one.as_fd()];
            one.send_fds(b"fds", &fds).await.expect("room");
            told.set(2);
        });
        drop(cut.await);
        receiving.await.expect("it ends well");
        let mut got = 0;
        while other.readable().now_or_never().is_some() {
            let received = other.recv_fds(&mut [0; 8]).await.expect("a datagram");
            got += received.fds.len();
        }
        assert_eq!(got, sent.get());
    });
    assert_eq!(most, 1);
}

#[test]
fn a_receive_of_descriptors_that_is_cut_off_loses_none() {
    let _alone = alone();
    let most = steps_of("recv_fds").run(async |step: &Step| {
        let (near, far) = streams();
        let sending = spawn(async move {
            for _ in 0..3 {
                others_rest().await;
                far.send_fds(b"x", &[far.as_fd()]).await.expect("room");
            }
        });
        let received = Rc::new(RefCell::new(Vec::new()));
        let (theirs, told) = (Rc::clone(&near), Rc::clone(&received));
        let cut = step.cut(async move {
            while told.borrow().len() < 3 {
                let some = theirs.recv_fds(&mut [0; 8]).await.expect("a message");
                told.borrow_mut().extend(some.fds);
            }
        });
        drop(cut.await);
        sending.await.expect("it ends well");
        while received.borrow().len() < 3 {
            let some = near.recv_fds(&mut [0; 8]).await.expect("a message");
            received.borrow_mut().extend(some.fds);
        }
    });
    assert!(most >= 3, "{most}");
}

#[test]
fn a_send_to_an_abstract_name_that_is_cut_off_has_sent_all_or_nothing() {
    let _alone = alone();
    let name = format!("wheelhouse-steps-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).expect("a name");
    let steps = steps_of("send_to_addr").most(6);
    let most = steps.run(async |step: &Step| {
        let server = UnixDatagram::bind_addr(&address).expect("a free name");
        let client = UnixDatagram::unbound().expect("a socket");
        client.connect_addr(&address).expect("it is bound");
        let mut waiting = 0;
        while client.try_send(b"x").is_ok() {
            waiting += 1;
        }
        let receiving = spawn(async move {
            sleep(Duration::from_millis(1)).await;
            for _ in 0..waiting {
                server.try_recv(&mut [0]).expect("a datagram");
            }
            server
        });
        let (sent, address) = (Rc::new(Cell::new(0)), address.clone());
        let told = Rc::clone(&sent);
        let cut = step.cut(async move {
            let unconnected = UnixDatagram::unbound().expect("a socket");
            let length = unconnected.send_to_addr(b"four", &address).await;
            told.set(length.expect("room"));
        });
        drop(cut.await);
        let server = receiving.await.expect("it ends well");
        let got = server.try_recv(&mut [0; 8]).unwrap_or(0);
        assert_eq!(got, sent.get());
    });
    assert!(most >= 1, "{most}");
}

#[test]
fn a_cut_wait_for_a_full_pipe_writes_nothing() {
    let _alone = alone();
    let most = steps_of("writable").run(async |step: &Step| {
        let (mut reader, writer) = pipe().expect("a pipe");
        let mut count = 0;
        while let Ok(written) = writer.try_write(&[7; 4096]) {
            count += written;
        }
        let reading = spawn(async move {
            others_rest().await;
            reader.read_exact(&mut vec![0; count]).await.expect("bytes");
            reader
        });
        let writer = Rc::new(writer);
        let theirs = Rc::clone(&writer);
        let cut = step.cut(async move { theirs.writable().await });
        assert!(cut.await.ended().is_none_or(|ready| ready.is_ok()));
        let mut reader = reading.await.expect("it ends well");
        drop(writer);
        assert_eq!(reader.read(&mut [0]).await.expect("the end"), 0);
    });
    assert_eq!(most, 1);
}

#[test]
fn a_wait_for_the_end_of_a_reader_that_is_cut_off_leaves_the_pipe_open() {
    let _alone = alone();
    let most = steps_of("closed").run(async |step: &Step| {
        let (mut reader, writer) = pipe().expect("a pipe");
        let writer = Rc::new(writer);
        let theirs = Rc::clone(&writer);
        let reading = spawn(async move {
            let mut bytes = [0; 2];
            reader.read_exact(&mut bytes).await.expect("bytes");
        });
        let bytes = spawn(async move {
            others_rest().await;
            theirs.try_write(b"ab").expect("room");
        });
        let theirs = Rc::clone(&writer);
        let cut = step.cut(async move { theirs.closed().await });
        assert!(cut.await.ended().is_none_or(|closed| closed.is_ok()));
        bytes.await.expect("it ends well");
        reading.await.expect("it ends well");
    });
    assert!(most >= 1, "{most}");
}

#[test]
fn an_open_of_a_fifo_that_is_cut_off_leaves_nothing_open() {
    let _alone = alone();
    let path = std::env::temp_dir().join(format!("wh-fifo-{}", std::process::id()));
    let mut mkfifo = std::process::Command::new(installed("mkfifo"));
    let made = mkfifo.arg(&path).status();
    assert!(made.expect("mkfifo starts").success());
    let steps = steps_of("open").most(4);
    let most = steps.run(async |step: &Step| {
        let opening = spawn({
            let path = path.clone();
            async move {
                sleep(Duration::from_millis(1)).await;
                let reader = PipeReader::open(path).expect("a FIFO");
                sleep(Duration::from_millis(1)).await;
                reader
            }
        });
        let cut = step.cut(PipeWriter::open(path.clone()));
        if let Some(writer) = cut.await.ended() {
            writer.expect("a reader").try_write(b"x").expect("room");
        }
        opening.await.expect("it ends well");
    });
    std::fs::remove_file(&path).expect("it is ours");
    assert!(most >= 1, "{most}");
}

#[test]
fn a_lookup_that_is_cut_off_leaves_nothing_behind() {
    let _alone = alone();
    // The first one loads the resolver's libraries, and starts a thread.
    let steps = Steps::of("lookup_host").real();
    let most = steps.run(async |step: &Step| {
        let cut = step.cut(lookup_host("localhost:80"));
        let found = cut.await.ended();
        assert!(found.is_none_or(|found| found.is_ok_and(|found| !found.is_empty())));
    });
    assert!(most >= 1, "{most}");
}

#[test]
fn a_copy_that_is_cut_off_leaves_both_streams_open_for_another_one() {
    let _alone = alone();
    let most = steps_of("copy_bidirectional").run(async |step: &Step| {
        let ((client, near), (far, server)) = (streams(), streams());
        let sending = spawn(async move {
            for word in [b"ab", b"cd", b"ef"] {
                others_rest().await;
                client.try_write(word).expect("room");
            }
            client.shutdown(std::net::Shutdown::Write).expect("open");
            client
        });
        let receiving = spawn(async move {
            let mut text = String::new();
            (&*server).read_to_string(&mut text).await.expect("the end");
            others_rest().await;
            (&*server).close().await.expect("it is open");
            text
        });
        let (one, other) = (Rc::clone(&near), Rc::clone(&far));
        let cut = step.cut(async move { copy_bidirectional(&*one, &*other).await });
        if let Some(copied) = cut.await.ended() {
            assert_eq!(copied.expect("both ended"), (6, 0));
        } else {
            // The rest goes there by another copy.
            let copied = copy_bidirectional(&*near, &*far).await;
            copied.expect("both ended");
        }
        drop(sending.await.expect("it ends well"));
        assert_eq!(receiving.await.expect("it ends well"), "abcdef");
    });
    assert!(most >= 3, "{most}");
}
