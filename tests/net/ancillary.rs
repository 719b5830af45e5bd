//! Descriptors and credentials over Unix sockets.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use rustix::io::{FdFlags, fcntl_getfd};
use wheelhouse::net::{UnixDatagram, UnixListener, UnixStream};
use wheelhouse::{gather, sleep, timeout};

use super::bounded;
use super::unix::Folder;
use crate::installed::installed;

/// A pipe whose writer's descriptor is sent.
fn pipe() -> (io::PipeReader, OwnedFd) {
    let (reader, writer) = io::pipe().expect("a pipe");
    (reader, writer.into())
}

/// Writes through a descriptor that was received, and reads on the other side.
fn check(fd: OwnedFd, mut reader: io::PipeReader) {
    let flags = fcntl_getfd(&fd).expect("flags");
    assert!(flags.contains(FdFlags::CLOEXEC), "no child inherits it");
    File::from(fd).write_all(b"through").expect("space");
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("the end");
    assert_eq!(text, "through");
}

#[test]
fn a_stream_passes_descriptors_with_its_bytes() {
    bounded(async {
        let (one, other) = UnixStream::pair().expect("a pair");
        let (reader, writer) = pipe();
        let (reader2, writer2) = pipe();
        let (received, sent) = gather((other.recv_fds(&mut [0; 16]), async {
            sleep(Duration::from_millis(2)).await;
            one.send_fds(b"two", &[writer.as_fd(), writer2.as_fd()])
                .await
        }))
        .await;
        assert_eq!(sent.expect("space"), 3);
        drop((writer, writer2));
        let received = received.expect("a message");
        assert_eq!((received.length, received.is_truncated), (3, false));
        let [first, second] = <[OwnedFd; 2]>::try_from(received.fds).expect("two");
        check(first, reader);
        check(second, reader2);
    });
}

#[test]
fn bytes_without_descriptors_and_the_end_are_received_too() {
    bounded(async {
        let (mut one, other) = UnixStream::pair().expect("a pair");
        one.write_all(b"plain").await.expect("space");
        let mut buffer = [0; 16];
        let received = other.recv_fds(&mut buffer).await.expect("bytes");
        assert_eq!((received.length, received.fds.len()), (5, 0));
        assert_eq!(one.send_fds(b"none", &[]).await.expect("space"), 4);
        let received = other.recv_fds(&mut buffer).await.expect("bytes");
        assert_eq!((received.length, received.fds.len()), (4, 0));
        drop(one);
        let received = other.recv_fds(&mut buffer).await.expect("the end");
        assert_eq!((received.length, received.fds.len()), (0, 0));
    });
}

#[test]
fn the_descriptors_of_two_sends_stay_apart() {
    bounded(async {
        let (one, mut other) = UnixStream::pair().expect("a pair");
        let pipes = [pipe(), pipe()];
        for (_, writer) in &pipes {
            one.send_fds(b"x", &[writer.as_fd()]).await.expect("space");
        }
        let (_, plain) = pipe();
        one.send_fds(b"lost", &[plain.as_fd()])
            .await
            .expect("space");
        drop(one);
        for (reader, writer) in pipes {
            drop(writer);
            let mut received = other.recv_fds(&mut [0; 16]).await.expect("a message");
            assert_eq!((received.length, received.fds.len()), (1, 1));
            check(received.fds.remove(0), reader);
        }
        // A plain read takes the bytes and closes the descriptor.
        let mut text = String::new();
        other.read_to_string(&mut text).await.expect("the end");
        assert_eq!(text, "lost");
    });
}

#[test]
fn datagrams_pass_descriptors() {
    bounded(async {
        let (one, other) = UnixDatagram::pair().expect("a pair");
        let (reader, writer) = pipe();
        one.send_fds(b"x", &[writer.as_fd()]).await.expect("space");
        drop(writer);
        let mut received = other.recv_fds(&mut [0; 16]).await.expect("a datagram");
        check(received.fds.remove(0), reader);
    });
}

#[test]
fn as_many_as_the_kernel_takes_arrive_and_one_more_is_refused() {
    bounded(async {
        let (one, other) = UnixStream::pair().expect("a pair");
        let (_reader, writer) = pipe();
        let many: Vec<BorrowedFd<'_>> = vec![writer.as_fd(); 253];
        one.send_fds(b"x", &many).await.expect("space");
        let received = other.recv_fds(&mut [0]).await.expect("a message");
        assert_eq!((received.fds.len(), received.is_truncated), (253, false));

        let too_many = vec![writer.as_fd(); 254];
        for (bytes, fds, part) in [(&b"x"[..], &too_many, "253"), (b"", &many, "one byte")] {
            let error = one.send_fds(bytes, fds).await.expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(part), "{error}");
        }
        // Nothing was sent.
        let short = Duration::from_millis(5);
        timeout(short, other.readable())
            .await
            .expect_err("nothing came");
    });
}

#[test]
fn credentials_with_each_message_are_refused_with_a_message() {
    bounded(async {
        let (one, other) = UnixStream::pair().expect("a pair");
        rustix::net::sockopt::set_socket_passcred(&other, true).expect("an option");
        one.send_fds(b"x", &[]).await.expect("space");
        let error = other.recv_fds(&mut [0]).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("SO_PASSCRED"), "{error}");
    });
}

#[test]
fn a_server_learns_which_process_connected() {
    let folder = Folder::new();
    let path = folder.path("socket");
    bounded(async {
        let listener = UnixListener::bind(&path).expect("a new path");
        let mut client = Command::new(installed("nc"));
        client.arg("-U").arg(&path);
        let mut client = client.spawn().expect("nc starts");
        let (stream, _) = listener.accept().await.expect("a connection");
        let peer = stream.peer_cred().expect("a peer");
        assert_eq!(peer.pid(), Some(client.id()));
        let file = std::fs::metadata(&path).expect("it is there");
        assert_eq!((peer.uid(), peer.gid()), (file.uid(), file.gid()));
        assert!(stream.as_raw_fd() >= 0);
        drop(stream);
        client.wait().expect("it ends");
    });
}
