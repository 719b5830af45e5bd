//! Connecting, with success and with every error.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::testing::net::{Link, Network};
use wheelhouse::{sleep, spawn, testing, time};

use super::{ms, pair_of_hosts};

#[test]
fn hosts_have_names_and_addresses_and_are_found_by_both() {
    let network = Network::new();
    let first = network.host("first");
    let fixed = network.host(Ipv4Addr::new(10, 0, 0, 2));
    let second = network.host("second");
    assert_eq!(first.ip(), IpAddr::from([10, 0, 0, 1]));
    assert_eq!(fixed.name(), "10.0.0.2");
    assert_eq!(second.ip(), IpAddr::from([10, 0, 0, 3]));
    assert_eq!(network.host("10.0.0.1").name(), "first");
    assert_eq!(network.host(&second).ip(), second.ip());
}

#[test]
fn a_server_is_reached_in_every_form_of_its_address() {
    testing::run(async {
        let (_, client, server, listener) = pair_of_hosts(Link::new());
        let address = listener.local_addr().unwrap();
        assert_eq!((address.ip(), address.port()), (server.ip(), 80));
        for stream in [
            client.connect("server:80").await,
            client.connect(("server", 80)).await,
            client.connect(address).await,
            client.connect((server.ip(), 80)).await,
            client.connect(address.to_string()).await,
            server.connect("localhost:80").await,
            server.connect("127.0.0.1:80").await,
        ] {
            let stream = stream.unwrap();
            let (accepted, peer) = listener.accept().await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
            assert_eq!(stream.local_addr().unwrap(), peer);
            assert_eq!(accepted.local_addr().unwrap(), address);
        }
    });
}

#[test]
fn who_is_not_there_gives_the_error_of_real_sockets() {
    testing::run(async {
        let (_, client, server, listener) = pair_of_hosts(Link::new());
        let kind = async |address: &str| client.connect(address).await.unwrap_err().kind();
        assert_eq!(kind("server:81").await, ErrorKind::ConnectionRefused);
        assert_eq!(kind("nobody:80").await, ErrorKind::NotFound);
        assert_eq!(kind("10.9.9.9:80").await, ErrorKind::HostUnreachable);
        assert_eq!(kind("server").await, ErrorKind::InvalidInput);
        assert_eq!(server.listen(80).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_ne!(server.listen(0).unwrap().local_addr().unwrap().port(), 80);
        drop(listener);
        assert_eq!(kind("server:80").await, ErrorKind::ConnectionRefused);
        server.listen(80).expect("it is free again");
    });
}

#[test]
fn the_first_of_several_addresses_that_answers_is_taken() {
    testing::run(async {
        let (_, client, server, listener) = pair_of_hosts(Link::new());
        let address = listener.local_addr().unwrap();
        let several = [(server.ip(), 81).into(), address];
        let stream = client.connect(&several[..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
    });
}

#[test]
fn connecting_takes_one_trip_there_and_one_back_and_being_refused_as_well() {
    testing::run(async {
        let (_, client, _, listener) = pair_of_hosts(Link::new().latency(ms(10)));
        let start = time::now();
        let accepting = spawn(async move {
            let _stream = listener.accept().await.unwrap();
            (time::now(), listener)
        });
        let _stream = client.connect("server:80").await.unwrap();
        assert_eq!(time::now() - start, ms(20));
        let (accepted, _listener) = accepting.await.unwrap();
        assert_eq!(accepted - start, ms(10));
        client.connect("server:81").await.unwrap_err();
        assert_eq!(time::now() - start, ms(40));
    });
}

#[test]
fn connecting_over_a_cut_waits_for_the_healing() {
    testing::run(async {
        let (network, client, _, _listener) = pair_of_hosts(Link::new().latency(ms(10)));
        network.partition("client", "server");
        let start = time::now();
        spawn(async move {
            sleep(ms(1000)).await;
            network.heal("server", "client");
        })
        .detach();
        client.connect("server:80").await.unwrap();
        assert_eq!(time::now() - start, ms(1020));
    });
}

#[test]
fn a_cut_that_comes_while_connecting_holds_it_up_on_either_way() {
    for at in [5, 15] {
        testing::run(async {
            let (network, client, _, listener) = pair_of_hosts(Link::new().latency(ms(10)));
            let start = time::now();
            spawn(async move {
                sleep(ms(at)).await;
                network.partition("client", "server");
                sleep(ms(100) - ms(at)).await;
                network.heal("client", "server");
            })
            .detach();
            client.connect("server:80").await.unwrap();
            let trips = if at < 10 { 20 } else { 10 };
            assert_eq!(time::now() - start, ms(100 + trips));
            listener.accept().await.unwrap();
        });
    }
}

#[test]
fn connecting_over_a_cut_that_stays_times_out_as_linux_does() {
    testing::run(async {
        let (network, client, _, _listener) = pair_of_hosts(Link::new());
        network.partition_one_way("server", "client");
        let start = time::now();
        let error = client.connect("server:80").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(time::now() - start, Duration::from_secs(127));
    });
}

#[test]
fn who_waits_for_a_connection_is_woken_and_each_gets_one() {
    testing::run(async {
        let (_, client, _, listener) = pair_of_hosts(Link::new());
        let listener = Rc::new(listener);
        let count = Rc::new(Cell::new(0));
        let tasks = [(); 3].map(|()| {
            let (listener, count) = (Rc::clone(&listener), Rc::clone(&count));
            spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.set(count.get() + 1);
                stream.write_all(b"!").await.unwrap();
            })
        });
        testing::settle().await;
        for _ in 0..3 {
            let mut stream = client.connect("server:80").await.unwrap();
            let mut got = String::new();
            stream.read_to_string(&mut got).await.unwrap();
            assert_eq!(got, "!");
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(count.get(), 3);
    });
}

#[test]
fn incoming_is_a_stream_of_connections() {
    testing::run(async {
        let (_, client, _, listener) = pair_of_hosts(Link::new());
        let _first = client.connect("server:80").await.unwrap();
        let _second = client.connect("server:80").await.unwrap();
        let mut incoming = listener.incoming();
        assert!(incoming.next().await.unwrap().is_ok());
        let as_stream = futures::StreamExt::next(&mut incoming);
        assert!(as_stream.await.unwrap().is_ok());
    });
}

#[test]
fn a_listener_that_goes_breaks_the_connections_that_it_did_not_take() {
    testing::run(async {
        let (_, client, _, listener) = pair_of_hosts(Link::new());
        let mut stream = client.connect("server:80").await.unwrap();
        drop(listener);
        let error = stream.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn outside_of_a_runtime_connecting_is_an_error_with_a_message() {
    let (_, client, _, _listener) = pair_of_hosts(Link::new());
    let error = futures::executor::block_on(client.connect("server:80")).unwrap_err();
    assert!(error.to_string().contains("wheelhouse::run"), "{error}");
}
