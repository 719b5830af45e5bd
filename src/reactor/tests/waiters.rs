//! Which wakers are woken, and which keys are stale.

use super::*;

/// Counters and wakers of several tasks.
fn tasks(count: usize) -> Vec<(Arc<Counter>, Waker)> {
    (0..count).map(|_| Counter::new()).collect()
}

/// How often each task was woken.
fn counts(tasks: &[(Arc<Counter>, Waker)]) -> Vec<usize> {
    tasks.iter().map(|(counter, _)| counter.count()).collect()
}

#[test]
fn an_edge_wakes_only_the_tasks_of_its_direction() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    world.catch_up();
    let (reader, reading) = Counter::new();
    let (writer, writing) = Counter::new();
    let sum = fill(&world, key, &own, &writing);
    assert!(world.read(key, &own, 8, &reading).0.is_pending());
    assert_eq!(
        world.driver.borrow().waiting(),
        1,
        "one source, though two wait for it"
    );

    peer.write_all(b"x").expect("written");
    while reader.count() == 0 {
        assert!(world.turn(LONG) > 0);
    }
    assert_eq!(writer.count(), 0);

    peer.read_exact(&mut vec![0; sum]).expect("read");
    while writer.count() == 0 {
        assert!(world.turn(LONG) > 0);
    }
    assert_eq!((reader.count(), writer.count()), (1, 1));
    assert_eq!(world.driver.borrow().waiting(), 0);
}

#[test]
fn all_tasks_that_wait_for_one_direction_are_woken_once() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    world.catch_up();
    let tasks = tasks(5);
    for _ in 0..3 {
        for (_, waker) in &tasks {
            assert!(world.read(key, &own, 8, waker).0.is_pending());
        }
    }
    peer.write_all(b"x").expect("written");
    world.catch_up();
    assert_eq!(counts(&tasks), [1; 5]);
    peer.write_all(b"y").expect("written");
    world.catch_up();
    assert_eq!(counts(&tasks), [1; 5], "a woken task has left the line");
}

/// With more than 32 waiters each new one displaced the oldest, which came back and displaced the
/// next, without end.
#[test]
fn a_large_number_of_waiters_comes_to_rest_and_is_woken_by_the_next_edge() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let key = world.register(&own);
    world.catch_up();
    let tasks = tasks(5 * line::MOST);
    for round in 0..3 {
        let mut returns = 0;
        let mut seen: Vec<usize> = vec![usize::MAX; tasks.len()];
        loop {
            let woken = counts(&tasks);
            let ready = (0..tasks.len()).filter(|task| woken[*task] != seen[*task]);
            let ready: Vec<_> = ready.collect();
            if ready.is_empty() {
                break;
            }
            returns += 1;
            assert!(returns < 6, "round {round}: they come back without end");
            for task in ready {
                seen[task] = tasks[task].0.count();
                let read = world.read(key, &own, 1, &tasks[task].1);
                assert!(read.0.is_pending());
            }
            world.turn(Duration::ZERO);
        }
        peer.write_all(b"x").expect("written");
        let before = counts(&tasks);
        world.until_ready(key, Reading);
        for (now, before) in counts(&tasks).iter().zip(before) {
            assert_eq!(*now, before + 1, "round {round}");
        }
        ready(world.read(key, &own, 1, Waker::noop())).expect("read");
    }
}

#[test]
fn parking_at_a_source_that_became_ready_returns_the_waker() {
    let world = World::new();
    let (own, _peer) = unix_pair();
    let key = world.register(&own);
    world.until_ready(key, Writing);
    let (_, waker) = Counter::new();
    let side = Side {
        key,
        direction: Writing,
    };
    let mut owed = Vec::new();
    world
        .driver
        .borrow_mut()
        .park(side, waker.clone(), &mut owed);
    assert!(owed.len() == 1 && owed[0].will_wake(&waker));
}

/// A waker whose `clone` polled the same source was dropped with the reactor borrowed, and its
/// destructor may use the reactor.
#[test]
fn parking_a_waker_that_is_in_the_line_returns_it() {
    let world = World::new();
    let (own, _peer) = unix_pair();
    let key = world.register(&own);
    world.catch_up();
    let (_, waker) = Counter::new();
    assert!(world.read(key, &own, 8, &waker).0.is_pending());
    let side = Side {
        key,
        direction: Reading,
    };
    let mut owed = Vec::new();
    let mut reactor = world.driver.borrow_mut();
    reactor.park(side, waker.clone(), &mut owed);
    assert!(owed.len() == 1 && owed[0].will_wake(&waker));
}

#[test]
fn the_end_of_a_source_returns_all_waiters() {
    let world = World::new();
    let (own, _peer) = unix_pair();
    let key = world.register(&own);
    world.catch_up();
    let tasks = tasks(3);
    fill(&world, key, &own, &tasks[0].1);
    for (_, waker) in &tasks[1..] {
        assert!(world.read(key, &own, 8, waker).0.is_pending());
    }
    let mut woken = Vec::new();
    let done = world
        .driver
        .borrow_mut()
        .deregister(key, own.as_fd(), &mut woken);
    assert!(done.is_ok());
    assert_eq!(woken.len(), 3);
    assert_eq!(
        (world.driver.borrow().len(), world.driver.borrow().waiting()),
        (0, 0)
    );
}

#[test]
fn a_stale_key_finds_nothing_when_its_slot_is_reused() {
    let world = World::new();
    let (first, _first_peer) = unix_pair();
    let (second, mut second_peer) = unix_pair();
    let stale = world.register(&first);
    assert!(
        world
            .driver
            .borrow_mut()
            .deregister(stale, first.as_fd(), &mut Vec::new())
            .is_ok()
    );
    let fresh = world.register(&second);
    assert_eq!(fresh.index(), stale.index(), "the test needs the same slot");
    second_peer.write_all(b"x").expect("written");
    world.until_ready(fresh, Reading);

    let (_, waker) = Counter::new();
    let side = Side {
        key: stale,
        direction: Reading,
    };
    assert_eq!(world.driver.borrow().interest(side, &waker), Interest::Gone);
    let mut owed = Vec::new();
    world
        .driver
        .borrow_mut()
        .park(side, waker.clone(), &mut owed);
    assert_eq!(owed.len(), 1);
    world.driver.borrow_mut().drained(side);
    world.driver.borrow_mut().blocked(side);
    assert!(!world.driver.borrow_mut().remove(stale, &mut Vec::new()));
    assert!(
        world
            .driver
            .borrow_mut()
            .deregister(stale, second.as_fd(), &mut Vec::new())
            .is_ok()
    );
    assert!(
        world.is_ready(fresh, Reading),
        "nothing of this touched the other"
    );
    let error = ready(world.read(stale, &first, 8, &waker)).expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    second_peer.write_all(b"y").expect("written");
    assert!(world.turn(LONG) > 0, "and it is still listened to");
}

#[test]
fn events_of_a_removed_source_with_a_copy_of_its_descriptor_wake_nothing() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let elsewhere = own.try_clone().expect("a second descriptor");
    let stale = world.register(&own);
    let (counter, waker) = Counter::new();
    world.catch_up();
    assert!(world.read(stale, &own, 8, &waker).0.is_pending());
    let mut woken = Vec::new();
    drop(own);
    assert!(world.driver.borrow_mut().remove(stale, &mut woken));
    assert_eq!((woken.len(), world.driver.borrow().waiting()), (1, 0));

    let (other, _other_peer) = unix_pair();
    let fresh = world.register(&other);
    assert_eq!(fresh.index(), stale.index(), "the test needs the same slot");
    world.catch_up();
    peer.write_all(b"x").expect("written");
    assert_eq!(world.turn(LONG), 1, "the kernel still reports the old one");
    assert!(!world.is_ready(fresh, Reading));
    assert_eq!(counter.count(), 0);
    drop(elsewhere);
}

#[test]
fn a_detached_descriptor_is_not_reported_while_a_copy_is_open() {
    let world = World::new();
    let (own, mut peer) = unix_pair();
    let copy = own.try_clone().expect("a second descriptor");
    let key = world.register(&own);
    world.catch_up();
    let (counter, waker) = Counter::new();
    assert!(world.read(key, &own, 8, &waker).0.is_pending());
    let detacher = world.driver.borrow().detacher();
    let elsewhere = std::thread::spawn(move || {
        detacher.detach(own.as_fd());
        drop(own);
    });
    elsewhere.join().expect("no panic");
    peer.write_all(b"x").expect("written");
    assert_eq!(world.turn(Duration::ZERO), 0);
    let mut woken = Vec::new();
    assert!(world.driver.borrow_mut().remove(key, &mut woken));
    assert_eq!((woken.len(), counter.count()), (1, 0));
    drop(copy);
}

#[test]
fn a_detacher_outlives_its_reactor() {
    let (own, _peer) = unix_pair();
    let world = World::new();
    world.register(&own);
    let detacher = world.driver.borrow().detacher();
    drop(world);
    detacher.detach(own.as_fd());
}

#[test]
fn a_descriptor_is_registered_once_at_a_time() {
    let world = World::new();
    let (own, _peer) = unix_pair();
    let key = world.register(&own);
    let again = world
        .driver
        .borrow_mut()
        .register(own.as_fd(), Readiness::NONE);
    assert_eq!(again.expect_err("twice").kind(), ErrorKind::AlreadyExists);
    assert_eq!(world.driver.borrow().len(), 1);
    assert!(
        world
            .driver
            .borrow_mut()
            .deregister(key, own.as_fd(), &mut Vec::new())
            .is_ok()
    );
    world.register(&own);
}

#[test]
fn a_plain_file_is_refused_and_leaves_nothing_behind() {
    let world = World::new();
    let file = std::fs::File::open("/proc/self/exe").expect("a file");
    let refused = world
        .driver
        .borrow_mut()
        .register(file.as_fd(), Readiness::NONE);
    assert_eq!(
        refused.expect_err("refused").kind(),
        ErrorKind::PermissionDenied
    );
    assert_eq!(world.driver.borrow().len(), 0);
}

thread_local! {
    /// A reactor that wakers can use.
    static WORLD: World = World::new();
}

/// A waker that uses the reactor when it is woken.
struct Intruder(AtomicUsize);

impl Wake for Intruder {
    fn wake(self: Arc<Self>) {
        WORLD.with(|world| {
            self.0
                .store(world.driver.borrow_mut().len(), Ordering::Relaxed)
        });
    }
}

#[test]
fn a_waker_may_use_the_reactor() {
    WORLD.with(|world| {
        let (own, mut peer) = unix_pair();
        let key = world.register(&own);
        world.catch_up();
        let intruders: Vec<_> = (0..=line::MOST)
            .map(|_| Arc::new(Intruder(AtomicUsize::new(0))))
            .collect();
        for intruder in &intruders {
            assert!(
                world
                    .read(key, &own, 8, &Waker::from(Arc::clone(intruder)))
                    .0
                    .is_pending()
            );
        }
        assert_eq!(intruders[0].0.load(Ordering::Relaxed), 1, "by a sweep");
        peer.write_all(b"x").expect("written");
        world.catch_up();
        assert!(
            intruders
                .iter()
                .all(|intruder| intruder.0.load(Ordering::Relaxed) == 1),
            "by an edge"
        );
    });
}

#[test]
fn a_call_may_end_its_own_source() {
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
        world.driver.borrow_mut().remove(key, &mut Vec::new());
        Err::<Done<()>, _>(ErrorKind::WouldBlock.into())
    });
    assert!(matches!(result, Poll::Ready(Err(error)) if error.kind() == ErrorKind::NotConnected));
}

/// An access that allows no more calls in this poll.
struct Exhausted<'a>(&'a World);

impl Access for Exhausted<'_> {
    fn with_reactor<R>(&self, work: impl FnOnce(&mut Reactor) -> R) -> R {
        self.0.driver.with_reactor(work)
    }

    fn may_call(&self) -> bool {
        false
    }
}

#[test]
fn a_task_without_calls_left_is_woken_if_ready_and_parked_if_not() {
    let world = World::new();
    let (own, mut peer) = tcp_pair();
    let key = world.register(&own);
    let (counter, waker) = Counter::new();
    let side = Side {
        key,
        direction: Reading,
    };
    let read = || {
        poll_io(
            &Exhausted(&world),
            side,
            &waker,
            || -> io::Result<Done<()>> { panic!("no call may be made") },
        )
    };
    assert!(read().is_pending());
    assert_eq!(counter.count(), 0, "not ready: it waits like any other");
    peer.write_all(b"x").expect("written");
    world.until_ready(key, Reading);
    assert_eq!(counter.count(), 1, "by the edge");
    assert!(read().is_pending());
    assert_eq!(counter.count(), 2, "ready, but the others come first");
    assert!(world.is_ready(key, Reading), "nothing is forgotten");
}
