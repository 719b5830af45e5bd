//! Connecting and accepting, and how they fail.

use std::io::ErrorKind;
use std::net::SocketAddr;

use futures::io::AsyncReadExt;
use socket2::{Domain, Socket, Type};
use wheelhouse::net::{TcpListener, TcpStream};

use super::{ANY, bounded};

/// An address of this machine at which no socket listens.
async fn unused_address() -> SocketAddr {
    let listener = TcpListener::bind(ANY).await.expect("a free port");
    listener.local_addr().expect("an address")
}

#[test]
fn a_connect_without_a_listener_is_refused() {
    bounded(async {
        let error = TcpStream::connect(unused_address().await)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn the_first_of_several_addresses_that_answers_is_used() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let several = [unused_address().await, address, unused_address().await];
        let stream = TcpStream::connect(&several[..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
    });
}

#[test]
fn if_all_addresses_refuse_the_last_error_is_returned() {
    bounded(async {
        let several = [unused_address().await, unused_address().await];
        let error = TcpStream::connect(several).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect(Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = TcpListener::bind([]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

/// A listener that does not answer: its queue is full, and the kernel drops further connections.
fn unresponsive() -> (socket2::Socket, Vec<socket2::Socket>) {
    let new = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let listener = new();
    listener
        .bind(&SocketAddr::from(ANY).into())
        .expect("a free port");
    listener.listen(0).expect("a queue of one");
    let address = listener.local_addr().expect("an address");
    let fill = |socket: Socket| {
        socket.set_nonblocking(true).expect("a setting");
        drop(socket.connect(&address));
        socket
    };
    (listener, (0..4).map(|_| fill(new())).collect())
}

/// The connect waits 250 ms. The kernel would give up after minutes.
#[test]
fn an_address_that_does_not_answer_does_not_delay_the_next_one_for_long() {
    bounded(async {
        let (deaf, _crowd) = unresponsive();
        let deaf = deaf.local_addr().unwrap().as_socket().unwrap();
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut alone = Box::pin(TcpStream::connect(deaf));
        let stream = TcpStream::connect([deaf, address]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert!(futures::poll!(&mut alone).is_pending(), "not deaf enough");
    });
}

#[test]
fn an_unknown_host_name_is_an_error_that_contains_it() {
    bounded(async {
        let error = TcpStream::connect("no.such.name.invalid:80")
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("`no.such.name.invalid`"),
            "{error}"
        );
    });
}

#[test]
fn addresses_are_accepted_in_every_form() {
    bounded(async {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let text = address.to_string();
        let host = address.ip().to_string();
        for stream in [
            TcpStream::connect(address).await,
            TcpStream::connect(&address).await,
            TcpStream::connect(&*text).await,
            TcpStream::connect(&text).await,
            TcpStream::connect(text.clone()).await,
            TcpStream::connect((&*host, address.port())).await,
            TcpStream::connect((address.ip(), address.port())).await,
            TcpStream::connect(("localhost", address.port())).await,
        ] {
            assert_eq!(stream.unwrap().peer_addr().unwrap(), address);
        }
    });
}

#[test]
fn a_connect_that_is_dropped_closes_its_socket() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connecting = Box::pin(TcpStream::connect(address));
        assert!(futures::poll!(&mut connecting).is_pending());
        drop(connecting);
        let (mut stream, _) = listener.accept().await.unwrap();
        match stream.read(&mut [0]).await {
            Ok(count) => assert_eq!(count, 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    });
}

#[test]
fn an_accept_that_is_dropped_loses_no_connection() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting = Box::pin(listener.accept());
        assert!(futures::poll!(&mut accepting).is_pending());
        let client = TcpStream::connect(address).await.unwrap();
        drop(accepting);
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

#[test]
fn outside_a_runtime_sockets_fail_with_a_message() {
    let outside = [
        futures::executor::block_on(TcpListener::bind(ANY)).unwrap_err(),
        futures::executor::block_on(TcpStream::connect(("127.0.0.1", 1))).unwrap_err(),
        TcpListener::from_std(std::net::TcpListener::bind(ANY).unwrap()).unwrap_err(),
    ];
    for error in outside {
        let message = error.to_string();
        assert!(message.contains("wheelhouse::run"), "{message}");
    }
}

#[test]
fn incoming_never_ends_and_a_dropped_wait_loses_no_connection() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut incoming = listener.incoming();
        let mut waiting = Box::pin(incoming.next());
        assert!(futures::poll!(&mut waiting).is_pending());
        let mut clients = Vec::new();
        for _ in 0..2 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        drop(waiting);
        for client in &clients {
            let accepted = futures::StreamExt::next(&mut incoming).await;
            let accepted = accepted.expect("it never ends").unwrap();
            assert_eq!(accepted.peer_addr().unwrap(), client.local_addr().unwrap());
        }
    });
}
