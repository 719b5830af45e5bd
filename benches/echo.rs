//! TCP echo over loopback: the server on the runtime, the client with blocking sockets in another
//! thread. One iteration is one request on every connection; all are sent before the answers are
//! read.

mod common;

use common::client::{Client, REQUEST};
use common::{Peer, cpu, for_each_peer, settings, work};
use criterion::Criterion;
use std::thread;
use std::time::Duration;

/// Serves one client for `rounds` rounds, and returns the time that they took.
async fn serve<P: Peer>(peer: &P, connections: usize, rounds: u64) -> Duration {
    let (listener, address) = P::listen().await.expect("a free port");
    let client = thread::spawn(move || {
        let mut client = Client::connect(address, connections).expect("the server listens");
        client.play(rounds).expect("the server answers")
    });
    let bytes = work::echo_all(peer, &listener, connections).await;
    let requests = connections * (usize::try_from(rounds).expect("few") + 1);
    assert_eq!(bytes, requests * REQUEST);
    client.join().expect("the client ends well")
}

fn echo<P: Peer>(c: &mut Criterion, connections: usize) {
    let mut group = settings::long_group(c, &format!("echo_{connections}"), connections as u64);
    let peer = P::new();
    group.bench_function(P::NAME, |b| {
        b.iter_custom(|rounds| peer.block_on(serve(&peer, connections, rounds)));
    });
    group.finish();
}

fn main() {
    cpu::raise_file_limit();
    let c = &mut settings::criterion();
    for connections in [1, 100, 1000] {
        for_each_peer!(echo(c, connections));
    }
    c.final_summary();
}
