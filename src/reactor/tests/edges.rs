//! How edges, short counts, ends and errors change the readiness of a source.

use std::net::{Shutdown, UdpSocket};

use socket2::{Domain, SockRef, Socket, Type};

use super::*;

#[test]
fn a_fresh_stream_is_writable_but_not_readable_after_the_first_wait() {
    let world = World::new();
    let (own, _peer) = unix_pair();
    let key = world.register(&own);
    assert!(!world.is_ready(key, Writing));
    assert_eq!(world.turn(LONG), 1);
    assert!(world.is_ready(key, Writing) && !world.is_ready(key, Reading));
}

#[test]
fn data_that_was_there_before_the_registration_makes_an_edge() {
    let world = World::new();
    let (own, mut peer) = tcp_pair();
    peer.write_all(b"early").expect("written");
    let key = world.register_tcp(&own);
    world.until_ready(key, Reading);
}

#[test]
fn the_initial_readiness_of_the_caller_holds_from_the_start() {
    let world = World::new();
    let (own, _peer) = unix_pair();
    let key = world
        .driver
        .borrow_mut()
        .register(own.as_fd(), Readiness::WRITABLE)
        .expect("registered");
    assert!(world.is_ready(key, Writing) && !world.is_ready(key, Reading));
}

#[test]
fn readiness_is_recorded_until_a_call_clears_it() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    peer.write_all(b"abc").expect("written");
    world.catch_up();
    assert_eq!(world.turn(Duration::ZERO), 0, "an edge comes once");
    assert!(world.is_ready(key, Reading));
}

#[test]
fn a_short_read_of_a_tcp_connection_saves_the_call_that_would_block() {
    let world = World::new();
    let (own, mut peer) = tcp_pair();
    let key = world.register_tcp(&own);
    peer.write_all(b"abc").expect("written");
    world.until_ready(key, Reading);
    let first = world.read(key, &own, 64, Waker::noop());
    assert_eq!((first.1, ready(first).expect("read")), (1, 3));
    let second = world.read(key, &own, 64, Waker::noop());
    assert!(second.0.is_pending() && second.1 == 0);
}

/// If the peer passed a descriptor, the reader waited although more bytes were there.
#[test]
fn a_short_read_of_any_other_descriptor_is_followed_by_another_read() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    peer.write_all(b"abc").expect("written");
    world.catch_up();
    let first = world.read(key, &own, 64, Waker::noop());
    assert_eq!((first.1, ready(first).expect("read")), (1, 3));
    let second = world.read(key, &own, 64, Waker::noop());
    assert!(second.0.is_pending() && second.1 == 1);
    let third = world.read(key, &own, 64, Waker::noop());
    assert!(third.0.is_pending() && third.1 == 0, "EAGAIN is proof");
}

#[test]
fn a_read_that_fills_its_buffer_leaves_the_side_ready() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    peer.write_all(b"abcdef").expect("written");
    world.catch_up();
    for _ in 0..2 {
        assert_eq!(
            ready(world.read(key, &own, 3, Waker::noop())).expect("read"),
            3
        );
    }
    let last = world.read(key, &own, 3, Waker::noop());
    assert!(
        last.0.is_pending() && last.1 == 1,
        "one call finds out, by EAGAIN"
    );
    let after = world.read(key, &own, 3, Waker::noop());
    assert!(after.0.is_pending() && after.1 == 0);
}

#[test]
fn data_after_a_short_read_is_a_new_edge() {
    let world = World::new();
    let (own, mut peer) = tcp_pair();
    let key = world.register_tcp(&own);
    for round in 0..100_u8 {
        peer.write_all(&[round]).expect("written");
        world.until_ready(key, Reading);
        assert_eq!(
            ready(world.read(key, &own, 64, Waker::noop())).expect("read"),
            1
        );
        assert!(!world.is_ready(key, Reading));
    }
}

#[test]
fn the_end_that_came_with_the_data_is_found() {
    let world = World::new();
    let (own, mut peer) = tcp_pair();
    peer.write_all(b"all there is").expect("written");
    drop(peer);
    let key = world.register_tcp(&own);
    let both = Readiness::READ_CLOSED;
    while !world
        .driver
        .borrow()
        .sources
        .get(key)
        .expect("there")
        .readiness()
        .contains(both)
    {
        assert!(world.turn(LONG) > 0);
    }
    let first = world.read(key, &own, 64, Waker::noop());
    assert_eq!(ready(first).expect("read"), 12);
    for _ in 0..2 {
        let end = world.read(key, &own, 64, Waker::noop());
        assert_eq!((end.1, ready(end).expect("read")), (1, 0), "the end stays");
    }
}

#[test]
fn the_end_that_comes_after_a_short_read_is_found() {
    let world = World::new();
    let (own, mut peer) = tcp_pair();
    let key = world.register_tcp(&own);
    peer.write_all(b"first").expect("written");
    world.until_ready(key, Reading);
    assert_eq!(
        ready(world.read(key, &own, 64, Waker::noop())).expect("read"),
        5
    );
    peer.write_all(b"second").expect("written");
    drop(peer);
    assert_eq!(world.read_all(key, &own, 64), b"second");
}

#[test]
fn a_half_closed_stream_can_still_be_written_to() {
    let world = World::new();
    let (own, mut peer) = tcp_pair();
    let key = world.register_tcp(&own);
    peer.shutdown(Shutdown::Write).expect("half-closed");
    assert_eq!(world.read_all(key, &own, 64), b"");
    assert_eq!(
        ready(world.write(key, &own, b"answer", Waker::noop())).expect("written"),
        6
    );
    own.shutdown(Shutdown::Write).expect("shut down");
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).expect("read");
    assert_eq!(answer, b"answer");
}

#[test]
fn a_reset_wakes_both_sides_and_is_returned_once() {
    let world = World::new();
    let (own, peer) = tcp_pair();
    let key = world.register_tcp(&own);
    fill(&world, key, &own, Waker::noop());
    let (reader, waker) = Counter::new();
    let (writer, writing_waker) = Counter::new();
    assert!(world.read(key, &own, 64, &waker).0.is_pending());
    assert!(world.write(key, &own, b"x", &writing_waker).0.is_pending());
    SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .expect("linger");
    drop(peer);
    while reader.count() == 0 || writer.count() == 0 {
        assert!(world.turn(LONG) > 0);
    }
    let error = ready(world.read(key, &own, 64, &waker)).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(
        ready(world.read(key, &own, 64, &waker)).expect("the end"),
        0
    );
    let error = ready(world.write(key, &own, b"x", &writing_waker)).expect_err("a broken pipe");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_full_buffer_parks_the_writer_until_the_peer_reads() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    world.until_ready(key, Writing);
    let (counter, waker) = Counter::new();
    let sum = fill(&world, key, &own, &waker);
    assert_eq!(counter.count(), 0);
    let mut buffer = vec![0; sum];
    peer.read_exact(&mut buffer).expect("read");
    while counter.count() == 0 {
        assert!(world.turn(LONG) > 0);
    }
    assert!(ready(world.write(key, &own, b"more", &waker)).is_ok());
}

#[test]
fn a_short_write_saves_the_call_that_would_block() {
    let world = World::new();
    let (own, _peer) = tcp_pair();
    let key = world.register_tcp(&own);
    world.until_ready(key, Writing);
    let huge = vec![0; 64 << 20];
    let first = world.write(key, &own, &huge, Waker::noop());
    assert!(ready(first).expect("written") < huge.len());
    let second = world.write(key, &own, &huge, Waker::noop());
    assert!(second.0.is_pending() && second.1 == 0);
}

#[test]
fn a_reader_does_not_wait_while_data_follows_urgent_data() {
    let world = World::new();
    let (own, mut peer) = tcp_pair();
    let key = world.register_tcp(&own);
    peer.write_all(b"before").expect("written");
    SockRef::from(&peer).send_out_of_band(b"!").expect("sent");
    peer.write_all(b"after").expect("written");
    let mut got: Vec<u8> = Vec::new();
    while got.len() < 11 {
        let mut buffer = [0; 64];
        let result = poll_io(
            &world.driver,
            Side {
                key,
                direction: Reading,
            },
            Waker::noop(),
            || (&own).read(&mut buffer).map(|count| Done::bytes(count, 64)),
        );
        match result {
            Poll::Ready(count) => got.extend(&buffer[..count.expect("read")]),
            Poll::Pending => assert!(world.turn(LONG) > 0, "slept over {got:?}"),
        }
    }
    assert_eq!(got, b"beforeafter");
}

#[test]
fn a_listener_is_ready_again_for_connections_after_the_last_was_accepted() {
    let world = World::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = listener.local_addr().expect("an address");
    let key = world.register(&listener);
    let side = Side {
        key,
        direction: Reading,
    };
    let accept = || {
        poll_io(&world.driver, side, Waker::noop(), || {
            listener.accept().map(Done::with)
        })
    };
    for count in [2, 1, 3] {
        let peers: Vec<_> = (0..count)
            .map(|_| TcpStream::connect(address).expect("connected"))
            .collect();
        for _ in &peers {
            while !matches!(accept(), Poll::Ready(Ok(_))) {
                assert!(world.turn(LONG) > 0);
            }
        }
        assert!(accept().is_pending());
    }
}

#[test]
fn a_successful_connect_makes_the_write_side_ready() {
    let world = World::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let socket = connecting(listener.local_addr().expect("an address").port());
    let key = world.register(&socket);
    world.until_ready(key, Writing);
    assert!(socket.take_error().expect("asked").is_none());
    assert!(socket.peer_addr().is_ok());
}

#[test]
fn a_refused_connect_makes_the_write_side_ready_with_an_error() {
    let world = World::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let socket = connecting(port);
    let key = world.register(&socket);
    world.until_ready(key, Writing);
    let error = socket.take_error().expect("asked").expect("refused");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn an_error_that_was_returned_does_not_keep_a_datagram_socket_ready() {
    let world = World::new();
    let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let own = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    own.set_nonblocking(true).expect("non-blocking");
    own.connect(closed.local_addr().expect("an address"))
        .expect("connected");
    drop(closed);
    let key = world.register(&own);
    own.send(b"anyone?").expect("sent");
    world.until_ready(key, Reading);
    let side = Side {
        key,
        direction: Reading,
    };
    let mut buffer = [0; 8];
    let mut receive = || {
        poll_io(&world.driver, side, Waker::noop(), || {
            own.recv(&mut buffer).map(Done::with)
        })
    };
    let Poll::Ready(Err(error)) = receive() else {
        panic!("no error")
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(receive().is_pending());
    assert!(!world.is_ready(key, Reading));
}

#[test]
fn events_that_exceed_one_wait_come_with_the_next() {
    let world = World::new();
    let count = poller::EVENTS + 4;
    let streams: Vec<_> = (0..count).map(|_| unix_pair()).collect();
    let keys: Vec<_> = streams.iter().map(|(own, _)| world.register(own)).collect();
    assert_eq!(world.turn(LONG), poller::EVENTS);
    assert_eq!(world.turn(LONG), 4);
    assert!(keys.iter().all(|key| world.is_ready(*key, Writing)));
}

#[test]
fn an_interrupted_call_is_repeated() {
    let world = World::new();
    let (own, _peer) = unix_pair();
    let key = world
        .driver
        .borrow_mut()
        .register(own.as_fd(), Readiness::READABLE)
        .expect("registered");
    let mut outcomes = vec![Ok(Done::with("done")), Err(ErrorKind::Interrupted.into())];
    let side = Side {
        key,
        direction: Reading,
    };
    let result = poll_io(&world.driver, side, Waker::noop(), || {
        outcomes.pop().expect("two calls at most")
    });
    assert!(matches!(result, Poll::Ready(Ok("done"))));
}

#[test]
fn an_error_other_than_eagain_leaves_the_side_ready() {
    let world = World::new();
    let (own, _peer) = unix_pair();
    let key = world
        .driver
        .borrow_mut()
        .register(own.as_fd(), Readiness::READABLE)
        .expect("registered");
    let side = Side {
        key,
        direction: Reading,
    };
    let result = poll_io(&world.driver, side, Waker::noop(), || {
        Err::<Done<()>, _>(ErrorKind::OutOfMemory.into())
    });
    assert!(matches!(result, Poll::Ready(Err(error)) if error.kind() == ErrorKind::OutOfMemory));
    assert!(world.is_ready(key, Reading));
}

/// A socket that is connecting.
fn connecting(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_nonblocking(true).expect("non-blocking");
    let address = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let begun = socket.connect(&address.into());
    // On loopback it may have succeeded or failed already.
    assert!(begun.is_ok() || begun.is_err_and(|error| error.raw_os_error() == Some(115)));
    socket
}
