//! `TcpSocket`, whose options are set before it listens or connects.

use futures::io::{AsyncReadExt, AsyncWriteExt};
use socket2::SockRef;
use wheelhouse::gather;
use wheelhouse::net::{TcpListener, TcpSocket};

use super::{ANY, bounded};

/// A listener on a port that several listeners share.
fn shared(address: std::net::SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(address)?;
    socket.listen(16)
}

#[test]
fn two_listeners_share_a_port_only_if_both_set_reuse_port() {
    bounded(async {
        let first = shared(ANY.into()).unwrap();
        let address = first.local_addr().unwrap();
        let second = shared(address).unwrap();
        assert_eq!(second.local_addr().unwrap(), address);
        let alone = TcpSocket::new(address).unwrap();
        let error = alone
            .bind(address)
            .and_then(|()| alone.listen(16).map(drop));
        assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    });
}

#[test]
fn a_socket_connects_from_its_bound_address_with_its_options() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let socket = TcpSocket::new(address).unwrap();
        socket.set_keepalive(true).unwrap();
        socket.set_send_buffer_size(16 << 10).unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        socket.bind(ANY.into()).unwrap();
        let from = socket.local_addr().unwrap();
        let (client, served) = gather((socket.connect(address), listener.accept())).await;
        let (mut client, (mut served, peer)) = (client.unwrap(), served.unwrap());
        assert_eq!(peer, from);
        let options = SockRef::from(&client);
        assert!(options.keepalive().unwrap());
        assert_eq!(options.send_buffer_size().unwrap(), 32 << 10);
        assert_eq!(options.recv_buffer_size().unwrap(), 32 << 10);
        client.write_all(b"x").await.unwrap();
        served.read_exact(&mut [0]).await.unwrap();
    });
}

#[test]
fn outside_a_runtime_it_fails_with_a_message() {
    let socket = TcpSocket::new(ANY.into()).unwrap();
    assert!(
        socket
            .listen(1)
            .unwrap_err()
            .to_string()
            .contains("runtime")
    );
}
