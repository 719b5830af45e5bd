//! Nothing is leaked, in any order of drops.

use std::any::Any;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::testing::net::Link;
use wheelhouse::{spawn, testing};

use super::{ms, pair_of_hosts};
use crate::steps::counting::bytes;

/// All orders of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for order in orders(count - 1) {
        for at in 0..=order.len() {
            let mut longer = order.clone();
            longer.insert(at, count - 1);
            all.push(longer);
        }
    }
    all
}

/// Two connections, one of them not accepted, with bytes under way, and all that belongs to them.
async fn world() -> Vec<Option<Box<dyn Any>>> {
    let (network, client, server, listener) = pair_of_hosts(Link::new().latency(ms(1)));
    let mut first = client.connect("server:80").await.unwrap();
    let (mut accepted, _) = listener.accept().await.unwrap();
    let second = client.connect("server:80").await.unwrap();
    first.write_all(b"never read").await.unwrap();
    accepted.write_all(b"neither").await.unwrap();
    let mut buffer = [0];
    assert!(futures::poll!(first.read(&mut buffer)).is_pending());
    vec![
        Some(Box::new((network, client, server))),
        Some(Box::new(listener)),
        Some(Box::new(first)),
        Some(Box::new(accepted)),
        Some(Box::new(second)),
    ]
}

#[test]
fn dropping_in_any_order_leaves_nothing() {
    testing::run(async { drop(world().await) });
    let orders = orders(5);
    assert_eq!(orders.len(), 120);
    let before = bytes();
    for order in &orders {
        testing::run(async {
            let mut things = world().await;
            for at in order {
                drop(things[*at].take());
                testing::settle().await;
            }
        });
        assert_eq!(bytes(), before, "{order:?}");
    }
}

#[test]
fn dropping_after_the_end_of_the_runtime_leaves_nothing() {
    testing::run(async { drop(world().await) });
    let orders = orders(5);
    let before = bytes();
    for order in &orders {
        let mut things = testing::run(world());
        for at in order {
            drop(things[*at].take());
        }
        drop(things);
        assert_eq!(bytes(), before, "{order:?}");
    }
}

#[test]
fn a_network_forgets_connections_and_listeners_that_have_gone() {
    testing::run(async {
        let (network, client, server, listener) = pair_of_hosts(Link::new());
        let round = async || {
            let _stream = client.connect("server:80").await.unwrap();
            let _accepted = listener.accept().await.unwrap();
            let _other = server.listen(81).unwrap();
        };
        round().await;
        let before = bytes();
        for _ in 0..100 {
            round().await;
        }
        assert_eq!(bytes(), before);
        drop(network);
    });
}

#[test]
fn a_destructor_of_a_task_wakes_the_peer() {
    testing::run(async {
        let (_, client, _, listener) = pair_of_hosts(Link::new().latency(ms(1)));
        let mut stream = client.connect("server:80").await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let holding = spawn(async move {
            let _held = accepted;
            std::future::pending::<()>().await;
        });
        let reading = spawn(async move { stream.read(&mut [0]).await.unwrap() });
        testing::settle().await;
        holding.cancel();
        assert_eq!(reading.await.unwrap(), 0);
    });
}
