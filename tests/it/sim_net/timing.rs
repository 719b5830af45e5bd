//! The times at which bytes arrive.

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::testing::net::{Link, Network};
use wheelhouse::{spawn, testing, time};

use super::{ms, pair};

#[test]
fn bytes_take_the_latency_of_their_link() {
    testing::run(async {
        let (network, mut client, mut server) = pair(Link::new().latency(ms(30))).await;
        let start = time::now();
        client.write_all(b"a").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
        assert_eq!(time::now() - start, ms(30));
        network.set_link_between("client", "server", Link::new().latency(ms(7)));
        server.write_all(b"b").await.unwrap();
        client.read_exact(&mut [0]).await.unwrap();
        assert_eq!(time::now() - start, ms(37));
        network.set_link(Link::new());
        server.write_all(b"c").await.unwrap();
        client.read_exact(&mut [0]).await.unwrap();
        assert_eq!(time::now() - start, ms(37));
    });
}

#[test]
fn a_host_reaches_itself_at_once_unless_something_else_is_said() {
    testing::run(async {
        let (network, _, server, _listener) = super::pair_of_hosts(Link::new().latency(ms(30)));
        let start = time::now();
        server.connect("localhost:80").await.unwrap();
        assert_eq!(time::now(), start);
        network.set_link_between("server", "server", Link::new().latency(ms(1)));
        server.connect("server:80").await.unwrap();
        assert_eq!(time::now() - start, ms(2));
    });
}

#[test]
fn a_reader_that_waits_is_woken_at_the_moment_and_not_before() {
    testing::run(async {
        let (_, mut client, mut server) = pair(Link::new().latency(ms(30))).await;
        let reading = spawn(async move { server.read_exact(&mut [0]).await.unwrap() });
        testing::settle().await;
        client.write_all(b"a").await.unwrap();
        testing::advance(ms(29)).await;
        assert!(!reading.is_finished());
        testing::advance(ms(1)).await;
        assert!(reading.is_finished());
    });
}

#[test]
fn a_slow_link_takes_its_time_for_each_byte() {
    testing::run(async {
        let link = Link::new().latency(ms(10)).bandwidth(1000);
        let (_, mut client, mut server) = pair(link).await;
        let start = time::now();
        client.write_all(&[0; 100]).await.unwrap();
        client.write_all(&[0; 200]).await.unwrap();
        server.read_exact(&mut [0; 100]).await.unwrap();
        assert_eq!(time::now() - start, ms(110));
        server.read_exact(&mut [0; 200]).await.unwrap();
        assert_eq!(time::now() - start, ms(310));
    });
}

#[test]
fn a_latency_out_of_a_range_is_in_it_and_the_shortest_without_a_seed() {
    let link = || Link::new().latency_between(ms(5)..=ms(50));
    let trip = |network: Network| {
        testing::run(async {
            network.set_link(link());
            let listener = network.host("server").listen(80).unwrap();
            let client = network.host("client").connect("server:80").await;
            let (mut client, (mut server, _)) = (client.unwrap(), listener.accept().await.unwrap());
            let start = time::now();
            client.write_all(b"a").await.unwrap();
            server.read_exact(&mut [0]).await.unwrap();
            time::now() - start
        })
    };
    assert_eq!(trip(Network::new()), ms(5));
    let trips: Vec<_> = (0..50).map(|seed| trip(Network::seeded(seed))).collect();
    assert!(trips.iter().all(|trip| (ms(5)..=ms(50)).contains(trip)));
    assert!(trips.iter().min() < Some(&ms(12)) && trips.iter().max() > Some(&ms(43)));
}

#[test]
fn on_a_real_runtime_delays_take_real_time() {
    // It waits for wall time, since that is what it is about; only the lower bound is checked.
    let start = std::time::Instant::now();
    wheelhouse::run(async {
        let (_, mut client, mut server) = pair(Link::new().latency(ms(3))).await;
        client.write_all(b"a").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
    });
    assert!(start.elapsed() >= ms(9));
}
