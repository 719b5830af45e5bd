//! Faults that a test injects: partitions, resets, crashes.

use std::io::ErrorKind;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::testing::net::{Link, Network};
use wheelhouse::{spawn, task, testing, time};

use super::{ms, pair, pair_of_hosts};
use crate::common::panics_saying;

#[test]
fn a_cut_holds_bytes_and_healing_lets_them_flow_in_order() {
    testing::run(async {
        let (network, mut client, mut server) = pair(Link::new().latency(ms(10))).await;
        client.write_all(b"under way, ").await.unwrap();
        network.partition("client", "server");
        client.write_all(b"written while cut").await.unwrap();
        client.close().await.unwrap();
        let start = time::now();
        let reading = spawn(async move {
            let mut got = String::new();
            server.read_to_string(&mut got).await.unwrap();
            (got, time::now())
        });
        testing::advance(ms(10_000)).await;
        assert!(!reading.is_finished());
        network.heal("client", "server");
        let (got, end) = reading.await.unwrap();
        assert_eq!(got, "under way, written while cut");
        assert_eq!(end - start, ms(10_010));
    });
}

#[test]
fn what_has_arrived_before_the_cut_can_be_read() {
    testing::run(async {
        let (network, mut client, mut server) = pair(Link::new()).await;
        client.write_all(b"ab").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
        network.partition("client", "server");
        server.read_exact(&mut [0]).await.unwrap();
    });
}

#[test]
fn no_room_and_no_end_crosses_a_cut() {
    testing::run(async {
        let (network, mut client, mut server) = pair(Link::new().window(4)).await;
        client.write_all(b"full").await.unwrap();
        server.read_exact(&mut [0; 2]).await.unwrap();
        server.read_exact(&mut [0; 1]).await.unwrap();
        client.write_all(b"by").await.unwrap();
        network.partition("client", "server");
        server.read_exact(&mut [0; 1]).await.unwrap();
        let writing = spawn(async move { client.write_all(b"more than half").await.unwrap_err() });
        testing::advance(ms(1000)).await;
        drop(server);
        testing::advance(ms(1000)).await;
        assert!(!writing.is_finished());
        network.heal_all();
        assert_eq!(writing.await.unwrap().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_cut_of_one_way_leaves_the_other_open() {
    testing::run(async {
        let (network, mut client, mut server) = pair(Link::new()).await;
        network.partition_one_way("client", "server");
        server.write_all(b"a").await.unwrap();
        client.read_exact(&mut [0]).await.unwrap();
        client.write_all(b"b").await.unwrap();
        let mut buffer = [0];
        assert!(futures::poll!(server.read(&mut buffer)).is_pending());
        network.heal("client", "server");
        server.read_exact(&mut [0]).await.unwrap();
    });
}

#[test]
fn a_cut_between_two_hosts_does_not_concern_others() {
    testing::run(async {
        let (network, client, _, listener) = pair_of_hosts(Link::new());
        network.partition("client", "server");
        let other = network.host("other");
        other.connect("server:80").await.unwrap();
        listener.accept().await.unwrap();
        let _own = client.listen(80).unwrap();
        client.connect("localhost:80").await.unwrap();
    });
}

#[test]
fn a_cut_that_nobody_heals_is_a_deadlock_and_reported() {
    panics_saying(&["deadlock", "reader"], || {
        testing::run(async {
            let (network, mut client, mut server) = pair(Link::new()).await;
            client.write_all(b"held").await.unwrap();
            network.partition("client", "server");
            client.write_all(b"held").await.unwrap();
            let read = async move { server.read_exact(&mut [0; 8]).await };
            let task = task::Builder::new().name("reader").spawn(read);
            task.await.unwrap().unwrap();
        });
    });
}

#[test]
fn a_reset_wakes_both_ends_with_an_error_and_loses_what_was_unread() {
    testing::run(async {
        let (network, mut client, mut server) = pair(Link::new()).await;
        server.write_all(b"lost").await.unwrap();
        let reading = spawn(async move { server.read(&mut [0]).await.unwrap_err().kind() });
        testing::settle().await;
        network.reset("server", "client");
        assert_eq!(reading.await.unwrap(), ErrorKind::ConnectionReset);
        for _ in 0..2 {
            let error = client.read(&mut [0; 4]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            let error = client.write(b"x").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
    });
}

#[test]
fn a_reset_leaves_other_links_and_new_connections_alone() {
    testing::run(async {
        let (network, client, _, listener) = pair_of_hosts(Link::new());
        let mut other = network.host("other").connect("server:80").await.unwrap();
        let _broken = client.connect("server:80").await.unwrap();
        network.reset("client", "server");
        let (mut server, _) = listener.accept().await.unwrap();
        other.write_all(b"a").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
        let (mut broken, _) = listener.accept().await.unwrap();
        let error = broken.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        client.connect("server:80").await.unwrap();
    });
}

#[test]
fn a_crash_breaks_connections_and_refuses_new_ones_until_the_host_listens_again() {
    testing::run(async {
        let (network, client, server, listener) = pair_of_hosts(Link::new());
        let mut stream = client.connect("server:80").await.unwrap();
        let _accepted = listener.accept().await.unwrap();
        let mut waits = client.connect("server:80").await.unwrap();
        let accepting = spawn(async move {
            listener.accept().await.unwrap();
        });
        network.crash("server");
        for stream in [&mut stream, &mut waits] {
            let error = stream.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        let error = client.connect("server:80").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        testing::advance(ms(1000)).await;
        assert!(!accepting.is_finished(), "a crashed listener is silent");

        let again = server.listen(80).unwrap();
        accepting.cancel_and_wait().await.ok();
        client
            .connect("server:80")
            .await
            .expect("the old one's end is not the new one's");
        again.accept().await.unwrap();
    });
}

#[test]
fn a_crash_while_connecting_fails_at_either_host() {
    for (crashing, kind) in [
        ("client", ErrorKind::ConnectionReset),
        ("server", ErrorKind::ConnectionRefused),
    ] {
        for (at, kind) in [(5, kind), (15, ErrorKind::ConnectionReset)] {
            testing::run(async {
                let (network, client, _, _listener) = pair_of_hosts(Link::new().latency(ms(10)));
                let connecting = spawn(async move { client.connect("server:80").await });
                testing::advance(ms(at)).await;
                network.crash(crashing);
                let error = connecting.await.unwrap().unwrap_err();
                assert_eq!(error.kind(), kind, "{crashing} at {at}");
            });
        }
    }
}

#[test]
fn a_link_that_breaks_does_so_by_the_seed_only() {
    let writes = |network: Network| {
        testing::run(async {
            network.set_link(Link::new().breaks_one_in(4));
            let listener = network.host("server").listen(80).unwrap();
            let client = network.host("client").connect("server:80").await;
            let (mut client, (mut server, _)) = (client.unwrap(), listener.accept().await.unwrap());
            for count in 0..200 {
                if let Err(error) = client.write(b"a").await {
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                    server.read(&mut [0]).await.unwrap_err();
                    return count;
                }
            }
            200
        })
    };
    assert_eq!(writes(Network::new()), 200);
    let counts: Vec<_> = (0..40).map(|seed| writes(Network::seeded(seed))).collect();
    assert!(counts.iter().all(|count| *count < 200));
    assert!(counts.contains(&0) && counts.iter().any(|count| *count > 5));
}

#[test]
fn a_fault_at_a_host_that_is_not_there_names_those_that_are() {
    let network = Network::new();
    let _hosts = (network.host("server"), network.host("client"));
    panics_saying(&["serve`", "server", "client"], || network.crash("serve"));
    panics_saying(&["no host"], || network.partition("client", "10.1.1.1"));
}
