//! Waiting for the next edge of a source that is ready.

use super::*;

/// Waits until `is_true`, at the reading side.
fn poll(world: &World, key: Key, waker: &Waker, is_true: bool) -> Poll<io::Result<()>> {
    let side = Side {
        key,
        direction: Reading,
    };
    poll_edges(&world.driver, side, waker, || Ok(is_true))
}

#[test]
fn an_edge_wakes_a_task_that_waits_though_its_side_is_ready() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    peer.write_all(b"unread").expect("written");
    world.until_ready(key, Reading);
    let (counter, waker) = Counter::new();
    assert!(poll(&world, key, &waker, false).is_pending());
    assert_eq!(world.driver.borrow().waiting(), 1);
    world.catch_up();
    assert_eq!(counter.count(), 0, "nothing is new");
    for count in 1..4 {
        peer.write_all(b"x").expect("written");
        world.catch_up();
        assert_eq!(counter.count(), count);
        assert!(poll(&world, key, &waker, false).is_pending());
    }
    drop(peer);
    world.catch_up();
    assert_eq!(counter.count(), 4);
    assert!(matches!(
        poll(&world, key, &waker, true),
        Poll::Ready(Ok(()))
    ));
    assert_eq!(world.driver.borrow().waiting(), 0);
}

#[test]
fn a_task_that_polls_again_and_again_is_neither_woken_nor_parked_twice() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    world.catch_up();
    let (counter, waker) = Counter::new();
    for _ in 0..100 {
        assert!(poll(&world, key, &waker, false).is_pending());
    }
    assert_eq!(counter.count(), 0);
    assert_eq!(
        Arc::strong_count(&counter),
        3,
        "ours, its waker's, and one in the line"
    );
    peer.write_all(b"x").expect("written");
    world.catch_up();
    assert_eq!(counter.count(), 1);
}

#[test]
fn a_removed_source_is_an_error() {
    let world = World::new();
    let (own, _peer) = unix_pair();
    let key = world.register(&own);
    let mut woken = Vec::new();
    assert!(world.driver.borrow_mut().remove(key, &mut woken));
    let (counter, waker) = Counter::new();
    let Poll::Ready(Err(error)) = poll(&world, key, &waker, false) else {
        panic!("there is no source");
    };
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert_eq!(counter.count(), 0);
}
