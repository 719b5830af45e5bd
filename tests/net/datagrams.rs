//! UDP and Unix datagrams.

use std::io::ErrorKind;

use futures::FutureExt;
use wheelhouse::net::{UdpSocket, UnixDatagram};
use wheelhouse::{spawn, yield_now};

use super::unix::Folder;
use super::{ANY, bounded};

#[test]
fn a_datagram_is_sent_and_answered() {
    bounded(async {
        let (one, other) = (
            UdpSocket::bind(ANY).await.unwrap(),
            UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        );
        let there = other.local_addr().unwrap();
        let receiving = spawn(async move {
            let mut buffer = [0; 16];
            let (length, from) = other.recv_from(&mut buffer).await?;
            other.send_to(&buffer[..length], from).await
        });
        yield_now().await;
        assert_eq!(one.send_to(b"ping", there).await.unwrap(), 4);
        let mut buffer = [0; 16];
        assert_eq!(one.recv_from(&mut buffer).await.unwrap(), (4, there));
        assert_eq!(&buffer[..4], b"ping");
        assert_eq!(receiving.await.unwrap().unwrap(), 4);
    });
}

#[test]
fn a_connected_socket_receives_only_from_its_peer() {
    bounded(async {
        let sockets = (
            UdpSocket::bind(ANY).await,
            UdpSocket::bind(ANY).await,
            UdpSocket::bind(ANY).await,
        );
        let (one, peer, stranger) = (sockets.0.unwrap(), sockets.1.unwrap(), sockets.2.unwrap());
        assert!(one.send(b"whom to?").await.is_err());
        let port = peer.local_addr().unwrap().port();
        one.connect(("localhost", port)).await.unwrap();
        assert_eq!(one.peer_addr().unwrap(), peer.local_addr().unwrap());
        stranger
            .send_to(b"strange", one.local_addr().unwrap())
            .await
            .unwrap();
        peer.send_to(b"known", one.local_addr().unwrap())
            .await
            .unwrap();
        let mut buffer = [0; 16];
        let length = one.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"known");
        assert!(one.recv(&mut buffer).now_or_never().is_none());
    });
}

#[test]
fn a_datagram_to_a_closed_port_is_an_error_of_a_later_call() {
    bounded(async {
        let one = UdpSocket::bind(ANY).await.unwrap();
        let gone = UdpSocket::bind(ANY).await.unwrap();
        one.connect(gone.local_addr().unwrap()).await.unwrap();
        drop(gone);
        one.send(b"hello?").await.unwrap();
        let error = one.recv(&mut [0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn peek_leaves_a_datagram_and_a_short_buffer_truncates_it() {
    bounded(async {
        let (one, other) = (
            UdpSocket::bind(ANY).await.unwrap(),
            UdpSocket::bind(ANY).await.unwrap(),
        );
        one.send_to(b"twelve bytes", other.local_addr().unwrap())
            .await
            .unwrap();
        let mut buffer = [0; 6];
        let from = one.local_addr().unwrap();
        assert_eq!(other.peek_from(&mut buffer).await.unwrap(), (6, from));
        assert_eq!(other.recv_from(&mut buffer).await.unwrap(), (6, from));
        assert_eq!(&buffer, b"twelve");
        assert!(other.recv_from(&mut buffer).now_or_never().is_none());
    });
}

#[test]
fn a_datagram_that_is_too_long_is_an_error() {
    bounded(async {
        let (one, other) = (
            UdpSocket::bind(ANY).await.unwrap(),
            UdpSocket::bind(ANY).await.unwrap(),
        );
        let huge = vec![0; 70_000];
        assert!(
            one.send_to(&huge, other.local_addr().unwrap())
                .await
                .is_err()
        );
    });
}

#[test]
fn sockets_convert_from_and_into_std() {
    let plain = bounded(async {
        let plain = std::net::UdpSocket::bind(ANY).unwrap();
        let socket = UdpSocket::from_std(plain).unwrap();
        socket.set_broadcast(true).unwrap();
        socket.into_std().unwrap()
    });
    assert!(plain.broadcast().unwrap());
    let (one, other) = bounded(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        (one.into_std().unwrap(), other.into_std().unwrap())
    });
    one.send(b"still connected").unwrap();
    assert_eq!(other.recv(&mut [0; 32]).unwrap(), 15);
}

#[test]
fn unix_datagrams_are_sent_from_path_to_path() {
    let folder = Folder::new();
    bounded(async {
        let (here, there) = (folder.path("here"), folder.path("there"));
        let (one, other) = (
            UnixDatagram::bind(&here).unwrap(),
            UnixDatagram::bind(&there).unwrap(),
        );
        one.send_to(b"ping", &there).await.unwrap();
        let mut buffer = [0; 16];
        let (length, from) = other.recv_from(&mut buffer).await.unwrap();
        assert_eq!((length, from.as_pathname()), (4, Some(&*here)));
        other.connect(&here).unwrap();
        other.send(b"pong").await.unwrap();
        assert_eq!(one.recv(&mut buffer).await.unwrap(), 4);
        let nameless = UnixDatagram::unbound().unwrap();
        assert!(nameless.local_addr().unwrap().is_unnamed());
        let error = nameless
            .send_to(b"?", folder.path("missing"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

/// Sends more datagrams than the queue holds, and fails unless all of them arrive in order.
async fn crowd(send: impl AsyncFn(u32), receive: impl AsyncFn() -> u32) {
    // More than any queue holds: on Linux 10 by default (`net.unix.max_dgram_qlen`).
    const COUNT: u32 = 5_000;
    let sending = async {
        for number in 0..COUNT {
            send(number).await;
        }
    };
    let receiving = async {
        for number in 0..COUNT {
            assert_eq!(receive().await, number);
        }
    };
    futures::join!(sending, receiving);
}

#[test]
fn a_sender_waits_while_the_queue_is_full_and_nothing_is_lost() {
    bounded(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let receive = async || {
            let mut number = [0; 4];
            assert_eq!(other.recv(&mut number).await.unwrap(), 4);
            u32::from_le_bytes(number)
        };
        crowd(
            async |number| assert_eq!(one.send(&number.to_le_bytes()).await.unwrap(), 4),
            receive,
        )
        .await;
    });
}

/// If the sender is not connected, the system reports no event when the queue is no longer full.
#[test]
fn an_unconnected_sender_waits_for_a_queue_that_others_have_filled() {
    let folder = Folder::new();
    bounded(async {
        let path = folder.path("socket");
        let unbound = || UnixDatagram::unbound().unwrap();
        let (other, filling, one) = (UnixDatagram::bind(&path).unwrap(), unbound(), unbound());
        let mut sent = 0_u32;
        while filling.send_to(&[0; 4], &path).now_or_never().is_some() {
            sent += 1;
        }
        let waiting = async { one.send_to(&[1; 4], &path).await.unwrap() };
        let receiving = async {
            for _ in 0..=sent {
                other.recv(&mut [0; 4]).await.unwrap();
            }
        };
        futures::join!(waiting, receiving);
    });
}

#[test]
fn a_socket_outside_its_runtime_fails_with_a_message() {
    let socket = bounded(UdpSocket::bind(ANY)).unwrap();
    let error = bounded(async { socket.recv_from(&mut [0; 4]).await.unwrap_err() });
    assert!(error.to_string().contains("runtime"), "{error}");
    let error = futures::executor::block_on(UdpSocket::bind(ANY)).unwrap_err();
    assert!(error.to_string().contains("runtime"), "{error}");
}

/// The lookup of the name used to panic.
#[test]
fn outside_a_runtime_a_socket_cannot_be_connected_to_a_host_name() {
    let socket = bounded(UdpSocket::bind(ANY)).unwrap();
    let outcome = socket.connect("localhost:9").now_or_never();
    let error = outcome.unwrap().unwrap_err();
    assert!(error.to_string().contains("runtime"), "{error}");
}
