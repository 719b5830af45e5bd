//! How a wait ends: by a timeout, an event or another thread.

use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use super::*;

/// Waits as the event loop does with an empty queue.
fn sleep(reactor: &mut Reactor, timeout: Option<Duration>) -> usize {
    reactor.unparker().prepare_park();
    let events = reactor.wait(timeout, &mut Vec::new()).expect("waited");
    reactor.unparker().awake();
    events
}

#[test]
fn a_wait_for_nothing_returns_at_once() {
    let mut reactor = Reactor::new().expect("a reactor");
    assert_eq!(sleep(&mut reactor, Some(Duration::ZERO)), 0);
}

#[test]
fn no_wait_ends_early() {
    let mut reactor = Reactor::new().expect("a reactor");
    for micros in [1, 100, 999, 1_000, 1_001, 3_700, 20_000, 60_300] {
        for _ in 0..3 {
            let timeout = Duration::from_micros(micros);
            let start = Instant::now();
            assert_eq!(sleep(&mut reactor, Some(timeout)), 0);
            assert!(start.elapsed() >= timeout, "{timeout:?}");
            // After a notification the reactor expects that events end its waits, not timeouts.
            reactor.unparker().prepare_park();
            reactor.unparker().unpark();
            assert_eq!(
                reactor
                    .wait(Some(timeout), &mut Vec::new())
                    .expect("waited"),
                1
            );
            reactor.unparker().awake();
        }
    }
}

#[test]
fn an_event_ends_a_wait_of_any_length() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    world.catch_up();
    for timeout in [LONG, Duration::from_secs(86_400 * 365), Duration::MAX] {
        peer.write_all(b"x").expect("written");
        assert_eq!(world.turn(timeout), 1);
        assert_eq!(
            ready(world.read(key, &own, 8, Waker::noop())).expect("read"),
            1
        );
    }
}

#[test]
fn a_notification_before_the_wait_ends_it_at_once() {
    let mut reactor = Reactor::new().expect("a reactor");
    for timeout in [None, Some(Duration::MAX), Some(Duration::from_micros(900))] {
        reactor.unparker().prepare_park();
        reactor.unparker().unpark();
        assert_eq!(reactor.wait(timeout, &mut Vec::new()).expect("waited"), 1);
        reactor.unparker().awake();
    }
}

#[test]
fn many_notifications_are_one_event() {
    let mut reactor = Reactor::new().expect("a reactor");
    for _ in 0..3 {
        reactor.unparker().prepare_park();
        for _ in 0..100 {
            reactor.unparker().unpark();
        }
        assert_eq!(reactor.wait(None, &mut Vec::new()).expect("waited"), 1);
        reactor.unparker().awake();
        assert_eq!(
            sleep(&mut reactor, Some(Duration::ZERO)),
            0,
            "and none is left over"
        );
    }
}

#[test]
fn a_notification_of_a_running_loop_is_no_event() {
    let mut reactor = Reactor::new().expect("a reactor");
    reactor.unparker().unpark();
    assert_eq!(sleep(&mut reactor, Some(Duration::ZERO)), 0);
}

#[test]
fn a_wait_without_a_timeout_lasts_until_another_thread_notifies() {
    let mut reactor = Reactor::new().expect("a reactor");
    let unparker = Arc::clone(reactor.unparker());
    let (work, queue) = mpsc::channel();
    let ringer = thread::spawn(move || {
        for number in 0..1_000 {
            work.send(number).expect("home is alive");
            unparker.unpark();
        }
    });
    let mut taken = 0;
    while taken < 1_000 {
        reactor.unparker().prepare_park();
        // The queue is checked after `prepare_park`, and again after each wait.
        if let Ok(number) = queue.try_recv() {
            reactor.unparker().awake();
            assert_eq!(number, taken);
            taken += 1;
            continue;
        }
        reactor.wait(None, &mut Vec::new()).expect("waited");
        reactor.unparker().awake();
    }
    ringer.join().expect("the ringer does not panic");
}

#[test]
fn the_unparker_of_a_dropped_reactor_does_nothing() {
    let reactor = Reactor::new().expect("a reactor");
    let unparker = Arc::clone(reactor.unparker());
    unparker.prepare_park();
    drop(reactor);
    thread::spawn(move || unparker.unpark())
        .join()
        .expect("no panic");
}

/// The name of the test that runs in a process of its own.
const ALONE: &str = "reactor::tests::waiting::all_descriptors_are_closed_at_the_end";

#[test]
fn all_descriptors_are_closed_at_the_end() {
    if std::env::var_os("REACTOR_ALONE").is_none() {
        let own = std::env::current_exe().expect("a path");
        let child = Command::new(own)
            .args([ALONE, "--exact", "--test-threads=1"])
            .env("REACTOR_ALONE", "1")
            .output()
            .expect("started");
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let count = || std::fs::read_dir("/proc/self/fd").expect("listed").count();
    let before = count();
    let mut bells = Vec::new();
    for _ in 0..10 {
        let world = World::new();
        let (own, _peer) = unix_pair();
        let key = world.register(&own);
        bells.push(Arc::clone(world.driver.borrow().unparker()));
        assert_eq!(count(), before + 4);
        if bells.len() % 2 == 0 {
            assert!(
                world
                    .driver
                    .borrow_mut()
                    .deregister(key, own.as_fd(), &mut Vec::new())
                    .is_ok()
            );
        }
    }
    assert_eq!(count(), before, "though ten bells are still held");
}
