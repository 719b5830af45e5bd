//! The simulated network of `testing::net`: its behaviour, the faults that a test injects, and that
//! a seed reproduces both.

mod connect;
mod cut;
mod faults;
mod memory;
mod model;
mod readiness;
mod same_server;
mod seeds;
mod streams;
mod timing;
mod wakers;

use std::time::Duration;

use wheelhouse::testing::net::{Host, Link, Listener, Network, Stream};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns a network with a client and a server, and the listener on port 80 of the server.
fn pair_of_hosts(link: Link) -> (Network, Host, Host, Listener) {
    let network = Network::new();
    network.set_link(link);
    let (client, server) = (network.host("client"), network.host("server"));
    let listener = server.listen(80).expect("it is free");
    (network, client, server, listener)
}

/// Returns the two ends of a connection over such a link: client, server.
async fn pair(link: Link) -> (Network, Stream, Stream) {
    let (network, client, _, listener) = pair_of_hosts(link);
    let stream = client.connect("server:80").await.expect("it listens");
    let (accepted, peer) = listener.accept().await.expect("a connection");
    assert_eq!(Some(peer), stream.local_addr().ok());
    (network, stream, accepted)
}
