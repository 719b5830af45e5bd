//! Reads that end early although more bytes follow: at a passed descriptor, at other credentials,
//! at urgent data.
//!
//! What went wrong: a short read was taken as proof that the socket is empty. That holds for a TCP
//! connection without urgent data, but not for a Unix socket, where the sender decides where reads
//! end.

use std::io::{IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::process::{Command, Stdio};

use futures::io::{AsyncReadExt, copy};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg, sockopt};
use socket2::SockRef;
use wheelhouse::net::{TcpListener, TcpStream, UnixStream};
use wheelhouse::{spawn, yield_now};

use super::{ANY, bounded};
use crate::installed::installed;

/// Sends bytes together with a descriptor.
fn send_with_descriptor(to: &StdStream, bytes: &[u8]) {
    let (stdin, mut space) = (std::io::stdin(), [MaybeUninit::uninit(); 64]);
    let fds = [stdin.as_fd()];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    assert!(rights.push(SendAncillaryMessage::ScmRights(&fds)));
    let parts = [IoSlice::new(bytes)];
    sendmsg(to, &parts, &mut rights, SendFlags::empty()).expect("sent");
}

/// Reads `length` bytes, each time into a larger buffer than needed.
async fn read_in_pieces(mut from: impl futures::io::AsyncRead + Unpin, length: usize) -> Vec<u8> {
    // The reactor has seen the bytes that were sent before.
    yield_now().await;
    let mut got = Vec::new();
    while got.len() < length {
        let mut buffer = [0; 64];
        match from.read(&mut buffer).await.expect("read") {
            0 => panic!("the stream ended after {got:?}"),
            count => got.extend(&buffer[..count]),
        }
    }
    got
}

/// Two connected Unix streams: ours and the peer's.
fn unix() -> (UnixStream, StdStream) {
    let (ours, theirs) = StdStream::pair().expect("a pair");
    (UnixStream::from_std(ours).expect("registered"), theirs)
}

#[test]
fn a_read_after_a_passed_descriptor_returns_the_bytes_that_follow() {
    bounded(async {
        let (ours, mut theirs) = unix();
        for _ in 0..3 {
            send_with_descriptor(&theirs, b"hello ");
            theirs.write_all(b"world").unwrap();
            assert_eq!(read_in_pieces(&ours, 11).await, b"hello world");
        }
    });
}

#[test]
fn a_peer_that_passes_descriptors_does_not_block_a_proxy() {
    bounded(async {
        let ((front, mut client), (back, server)) = (unix(), unix());
        let proxy = spawn(async move { copy(&front, &mut &back).await });
        let server = UnixStream::from_std(server).unwrap();
        for round in 0..20 {
            send_with_descriptor(&client, b"a");
            client.write_all(b"b").unwrap();
            assert_eq!(read_in_pieces(&server, 2).await, b"ab", "round {round}");
        }
        drop(client);
        assert_eq!(proxy.await.unwrap().unwrap(), 40);
    });
}

#[test]
fn a_read_after_the_bytes_of_another_process_returns_the_bytes_that_follow() {
    bounded(async {
        let (ours, mut theirs) = unix();
        sockopt::set_socket_passcred(&ours, true).unwrap();
        let also_theirs: OwnedFd = theirs.try_clone().unwrap().into();
        theirs.write_all(b"from this process, ").unwrap();
        let mut other = Command::new(installed("sh"));
        other.args(["-c", "printf 'from another, '"]);
        let status = other.stdout(Stdio::from(also_theirs)).status().unwrap();
        assert!(status.success());
        theirs.write_all(b"and this one").unwrap();
        let got = read_in_pieces(&ours, 45).await;
        let got = String::from_utf8(got).unwrap();
        assert_eq!(got, "from this process, from another, and this one");
    });
}

/// Urgent data on Unix sockets needs Linux 5.15. Older kernels refuse to send it; then the test
/// does nothing.
#[test]
fn a_read_before_urgent_data_of_a_unix_socket_does_not_hide_the_bytes_that_follow() {
    bounded(async {
        let (ours, mut theirs) = unix();
        theirs.write_all(b"before").unwrap();
        let sent = SockRef::from(&theirs).send_out_of_band(b"!");
        theirs.write_all(b"after").unwrap();
        let got = match sent {
            // The urgent byte is one of them.
            Ok(_) => read_in_pieces(&ours, 11).await,
            Err(_) => return,
        };
        let got: Vec<_> = got.into_iter().filter(|byte| *byte != b'!').collect();
        assert!(b"beforeafter".starts_with(&got), "{got:?}");
    });
}

#[test]
fn a_read_before_urgent_data_of_a_tcp_connection_does_not_hide_the_bytes_that_follow() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        for in_line in [false, true] {
            let mut theirs = std::net::TcpStream::connect(address).unwrap();
            let (ours, _) = listener.accept().await.unwrap();
            SockRef::from(&ours)
                .set_out_of_band_inline(in_line)
                .unwrap();
            for _ in 0..5 {
                theirs.write_all(b"before").unwrap();
                SockRef::from(&theirs).send_out_of_band(b"!").unwrap();
                theirs.write_all(b"after").unwrap();
                let expected: &[u8] = if in_line {
                    b"before!after"
                } else {
                    b"beforeafter"
                };
                assert_eq!(read_in_pieces(&ours, expected.len()).await, expected);
            }
        }
    });
}

/// The urgent byte was read before the conversion, and still makes a read end early.
#[test]
fn a_converted_connection_whose_urgent_byte_was_read_is_read_to_its_end() {
    bounded(async {
        let listener = std::net::TcpListener::bind(ANY).unwrap();
        let mut theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        theirs.write_all(b"before").unwrap();
        SockRef::from(&theirs).send_out_of_band(b"!").unwrap();
        theirs.write_all(b"after").unwrap();
        let mut urgent = [MaybeUninit::uninit()];
        SockRef::from(&ours).recv_out_of_band(&mut urgent).unwrap();
        let ours = TcpStream::from_std(ours).unwrap();
        assert_eq!(read_in_pieces(&ours, 11).await, b"beforeafter");
    });
}

#[test]
fn halves_and_vectored_reads_return_the_bytes_that_follow_too() {
    bounded(async {
        let (ours, mut theirs) = unix();
        let (mut half, _writer) = ours.into_split();
        send_with_descriptor(&theirs, b"hello ");
        theirs.write_all(b"world").unwrap();
        yield_now().await;
        let (mut one, mut other) = ([0; 32], [0; 32]);
        for expected in [6, 5] {
            let parts = &mut [&mut one[..], &mut other[..]].map(std::io::IoSliceMut::new);
            assert_eq!(half.read_vectored(parts).await.unwrap(), expected);
        }
    });
}
