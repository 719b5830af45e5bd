//! The report of a deadlock: which task holds and waits for what, and the cycle.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use crate::common::panic_text;
use wheelhouse::sync::{
    Barrier, Condition, Event, Lock, Queue, RwLock, Semaphore, broadcast, watch,
};
use wheelhouse::{JoinHandle, catch_cancel, gather, spawn, task, task_group, testing, yield_now};

/// The report of a test that has deadlocked, without the locations in this file.
fn report<F: Future>(test: F) -> String {
    let text = panic_text(|| testing::run(test));
    assert!(text.starts_with("deadlock: "), "{text}");
    let mut words: Vec<_> = text.split(file!()).map(str::to_owned).collect();
    for word in words.iter_mut().skip(1) {
        let end = word.find(|letter| !matches!(letter, ':' | '0'..='9'));
        word.replace_range(..end.unwrap_or(word.len()), "");
    }
    words.join("here")
}

/// The lines about one task, without its first.
fn about<'a>(report: &'a str, task: &str) -> Vec<&'a str> {
    let mut lines = report
        .lines()
        .skip_while(|line| !line.starts_with(&format!("  {task}")));
    assert!(lines.next().is_some(), "no {task} in {report}");
    lines
        .take_while(|line| line.starts_with("    "))
        .map(str::trim)
        .collect()
}

/// Spawns a task with a name.
fn named<F: Future + 'static>(name: &str, future: F) -> JoinHandle<F::Output> {
    task::Builder::new().name(name).spawn(future)
}

#[test]
fn two_locks_in_two_orders_are_a_circle() {
    let report = report(async {
        let (a, b) = (
            Rc::new(Lock::new(()).named("a")),
            Rc::new(Lock::new(()).named("b")),
        );
        let (a2, b2) = (Rc::clone(&a), Rc::clone(&b));
        let one = named("one", async move {
            let _a = a.lock().await;
            yield_now().await;
            let _b = b.lock().await;
        });
        let two = named("two", async move {
            let _b = b2.lock().await;
            yield_now().await;
            let _a = a2.lock().await;
        });
        gather((one, two)).await
    });
    let expected = "\
deadlock: the main task is not done, no task is ready, no timer is set and nothing is in flight. Waiting:
  task 1, spawned at here
    awaits task 2 \"one\", task 3 \"two\"
  task 2 \"one\", spawned at here
    holds the lock \"a\", made at here
    waits for the lock \"b\", made at here, held by task 3 \"two\"
  task 3 \"two\", spawned at here
    holds the lock \"b\", made at here
    waits for the lock \"a\", made at here, held by task 2 \"one\"
In a cycle:
  task 2 \"one\" waits for the lock \"b\", held by
  task 3 \"two\", which waits for the lock \"a\", held by
  task 2 \"one\"";
    assert_eq!(report, expected);
}

#[test]
fn a_task_that_locks_twice_waits_for_itself() {
    let report = report(async {
        let lock = Lock::new(1);
        let _guard = lock.lock().await;
        *lock.lock().await
    });
    let lines = about(&report, "task 1");
    assert_eq!(
        lines,
        [
            "holds the lock made at here",
            "waits for the lock made at here, held by task 1"
        ]
    );
    assert!(
        report.ends_with("\n  task 1 waits for the lock made at here, held by\n  task 1"),
        "{report}"
    );
}

#[test]
fn a_lock_that_was_made_and_moved_before_the_test_is_known_by_where_it_was_made() {
    let lock = Box::new(Lock::new(()));
    let lock = Rc::new(*lock);
    let report = report(async {
        let theirs = Rc::clone(&lock);
        let holder = named("holder", async move {
            let _guard = theirs.lock().await;
            pending::<()>().await;
        });
        yield_now().await;
        let _guard = lock.lock().await;
        holder.await
    });
    assert_eq!(
        about(&report, "task 1"),
        ["waits for the lock made at here, held by task 2 \"holder\""]
    );
    assert_eq!(
        about(&report, "task 2 \"holder\""),
        ["holds the lock made at here"]
    );
    assert!(!report.contains("circle"), "{report}");
}

#[test]
fn a_lock_that_is_held_outside_every_task_has_no_known_holder() {
    let lock = Lock::new(());
    let guard = lock.try_lock();
    let report = report(async { drop(lock.lock().await) });
    assert_eq!(
        about(&report, "task 1"),
        ["waits for the lock made at here, held by no known task"]
    );
    drop(guard);
}

#[test]
fn a_lock_that_was_given_back_and_handed_on_is_held_by_the_next() {
    let report = report(async {
        let lock = Rc::new(Lock::new(()));
        let guard = lock.lock().await;
        let next = Rc::clone(&lock);
        let _next = named("next", async move {
            let _guard = next.lock().await;
            pending::<()>().await;
        });
        yield_now().await;
        drop(guard);
        yield_now().await;
        drop(lock.lock().await);
    });
    assert_eq!(
        about(&report, "task 1"),
        ["waits for the lock made at here, held by task 2 \"next\""]
    );
    let lines = about(&report, "task 2 \"next\"");
    assert_eq!(lines, ["holds the lock made at here"], "it has taken it");
}

#[test]
fn a_wait_that_was_handed_the_lock_and_is_not_polled_is_named() {
    let report = report(async {
        let lock = Lock::new(());
        let guard = lock.lock().await;
        let mut wait = pin!(lock.lock());
        poll_fn(|cx| {
            assert!(wait.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(guard);
        drop(lock.lock().await);
    });
    let expected = [
        "was granted the lock made at here, and does not take it: its wait is not polled",
        "waits for the lock made at here, held by task 1",
    ];
    assert_eq!(about(&report, "task 1"), expected);
}

#[test]
fn readers_and_a_writer_are_named() {
    let report = report(async {
        let lock = Rc::new(RwLock::new(()).named("settings"));
        for name in ["ann", "bob"] {
            let lock = Rc::clone(&lock);
            drop(named(name, async move {
                let _guard = lock.read().await;
                pending::<()>().await;
            }));
        }
        yield_now().await;
        drop(lock.write().await);
    });
    let expected = "waits for the read-write lock \"settings\", made at here, held by task 2 \"ann\", task 3 \"bob\"";
    assert_eq!(about(&report, "task 1"), [expected]);
}

#[test]
fn permits_are_held_by_the_task_that_took_them_until_released_or_forgotten() {
    let report = report(async {
        let seats = Rc::new(Semaphore::new(3).named("seats"));
        seats.acquire().await.forget();
        drop(seats.acquire().await);
        for name in ["ann", "bob"] {
            let seats = Rc::clone(&seats);
            drop(named(name, async move {
                let _permit = seats.acquire_owned().await;
                pending::<()>().await;
            }));
        }
        yield_now().await;
        drop(seats.acquire().await);
    });
    let expected = "waits for a permit of the semaphore \"seats\", made at here, held by task 2 \"ann\", task 3 \"bob\"";
    assert_eq!(about(&report, "task 1"), [expected]);
    assert_eq!(
        about(&report, "task 3"),
        ["holds a permit of the semaphore \"seats\", made at here"]
    );
}

#[test]
fn an_owned_permit_counts_as_with_the_task_that_took_it_wherever_it_ends() {
    let report = report(async {
        let seats = Rc::new(Semaphore::new(2).named("seats"));
        let (first, second) = (Rc::clone(&seats), Rc::clone(&seats));
        let first = first.acquire_owned().await;
        let taker = named("taker", async move { second.acquire_owned().await });
        let permit = taker.await.unwrap();
        // Ours ends in another task; the one of the taker, which has ended, lives on here.
        spawn(async move { drop(first) }).await.unwrap();
        let _more = seats.acquire().await;
        drop(seats.acquire().await);
        drop(permit);
    });
    let lines = about(&report, "task 1");
    assert_eq!(lines.len(), 2, "{report}");
    let holders = "held by task 1, task 2, which has ended";
    assert!(lines[1].ends_with(holders), "{report}");
}

#[test]
fn resources_without_holders_are_named_too() {
    let report = report(async {
        let (queue, full) = (Queue::<()>::unbounded().named("jobs"), Queue::bounded(1));
        full.put_nowait(()).unwrap();
        let (lock, condition) = (Lock::new(()), Condition::new().named("changed"));
        let (event, barrier) = (Event::new().named("ready"), Barrier::new(2).named("start"));
        let (_sender, mut receiver) = watch(0);
        let (_broadcaster, mut listener) = broadcast::<u8>(1);
        gather((
            async { _ = queue.get().await },
            async { drop(full.put(()).await) },
            async { full.join().await },
            async { drop(condition.wait(lock.lock().await).await) },
            async { event.wait().await },
            async { _ = barrier.wait().await },
            async { _ = receiver.changed().await },
            async { _ = listener.recv().await },
        ))
        .await;
    });
    let mut lines = about(&report, "task 1");
    lines.sort_unstable();
    let expected = [
        "waits for a value of the watch made at here",
        "waits for an item of the broadcast made at here",
        "waits for an item of the queue \"jobs\", made at here",
        "waits for space in the queue made at here",
        "waits for the condition \"changed\", made at here",
        "waits for the event \"ready\", made at here",
        "waits for the items in work of the queue made at here",
        "waits for the others at the barrier \"start\", made at here",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn waits_that_were_dropped_are_not_in_the_report() {
    let report = report(async {
        let event = Event::new();
        let timed = wheelhouse::timeout(std::time::Duration::from_secs(1), event.wait());
        assert!(timed.await.is_err());
        pending::<()>().await;
    });
    assert_eq!(about(&report, "task 1"), [""; 0]);
}

#[test]
fn waits_that_are_over_are_not_in_the_report() {
    let report = report(async {
        let (event, lock) = (Event::new(), Lock::new(()));
        let guard = lock.lock().await;
        gather((
            async { event.wait().await },
            async { drop(lock.lock().await) },
            async {
                event.set();
                drop(guard);
            },
        ))
        .await;
        pending::<()>().await;
    });
    assert_eq!(about(&report, "task 1"), [""; 0]);
}

#[test]
fn tasks_that_await_each_other_and_children_of_groups_are_in_the_circle() {
    let report = report(async {
        let lock = Rc::new(Lock::new(()).named("shared"));
        let theirs = Rc::clone(&lock);
        let _guard = lock.lock().await;
        let grouped = named("grouped", async move {
            task_group(async |group| {
                let theirs = Rc::clone(&theirs);
                drop(
                    group
                        .builder()
                        .name("child")
                        .spawn(async move { drop(theirs.lock().await) }),
                );
            })
            .await
            .unwrap();
        });
        grouped.await.unwrap();
    });
    let circle = "In a cycle:
  task 1 awaits
  task 2 \"grouped\", which has a group with
  task 3 \"child\", which waits for the lock \"shared\", held by
  task 1";
    assert!(report.ends_with(circle), "{report}");
}

#[test]
fn a_cancelled_task_that_waits_for_tasks_it_awaited_is_reported_as_such() {
    let report = report(async {
        let stubborn = named("stubborn", async {
            _ = catch_cancel(pending::<()>()).await;
            pending::<()>().await;
        });
        let cancelled = named("cancelled", async move { stubborn.await.unwrap() });
        testing::settle().await;
        cancelled.cancel_and_wait().await.unwrap();
    });
    assert_eq!(about(&report, "task 1"), ["awaits task 3 \"cancelled\""]);
    let line = "was cancelled, and before it ends waits for task 2 \"stubborn\"";
    assert_eq!(about(&report, "task 3"), [line]);
}

#[test]
fn a_handle_that_was_given_up_is_not_awaited_any_more() {
    let report = report(async {
        let mut handle = spawn(pending::<()>());
        poll_fn(|cx| {
            assert!(std::pin::Pin::new(&mut handle).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        handle.detach();
        pending::<()>().await;
    });
    assert_eq!(about(&report, "task 1"), [""; 0]);
}

/// A future that never ends.
type Stuck = std::pin::Pin<Box<dyn Future<Output = ()>>>;

/// What a task with `stuck` is said to wait for, alone or in a gather.
fn said_of<F: Future + 'static>(stuck: impl Fn() -> F) -> String {
    let line = |test: Stuck| {
        let report = report(test);
        let lines = about(&report, "task 1");
        assert_eq!(lines.len(), 1, "{report}");
        lines[0].to_owned()
    };
    let alone = stuck();
    let alone = line(Box::pin(async move { drop(alone.await) }));
    let branch = stuck();
    let other = pending::<()>();
    let beside = line(Box::pin(async move { drop(gather((branch, other)).await) }));
    assert_eq!(alone, beside);
    alone
}

// Silent were a oneshot, an inbox, the connections of `testing::net`, the end of a receiver, a
// child that its group's limit holds back, and a sleep past the end of the clock, of which the
// report said that no timer was set.
#[test]
fn every_wait_for_a_task_or_a_moment_is_named() {
    use wheelhouse::{as_completed, shield, sleep, timeout, wait};
    const FAR: std::time::Duration = std::time::Duration::MAX;
    fn never() -> JoinHandle<()> {
        spawn(pending())
    }
    let task = [
        said_of(async || never().await),
        said_of(async || (&mut never()).await),
        said_of(async || shield(never()).await),
        said_of(async || wait([never()]).await),
        said_of(async || as_completed([never()]).next().await),
    ];
    for said in task {
        assert_eq!(said, "awaits task 2");
    }
    let moment = [
        said_of(async || sleep(FAR).await),
        said_of(async || timeout(FAR, pending::<()>()).await),
    ];
    for said in moment {
        let line = "waits for the end of a sleep that lies past the end of the clock";
        assert_eq!(said, line);
    }
}

#[test]
fn every_wait_for_a_channel_is_named() {
    use wheelhouse::sync::{inbox, oneshot};
    let said = [
        said_of(async || {
            let (_sender, receiver) = oneshot::<()>();
            receiver.await
        }),
        said_of(async || {
            let (mut sender, _receiver) = oneshot::<()>();
            sender.closed().await;
        }),
        said_of(async || {
            let (mut sender, _receiver) = watch(());
            sender.closed().await;
        }),
        said_of(async || {
            let (_sender, mut receiver) = watch(());
            receiver.changed().await
        }),
        said_of(async || {
            let (_sender, mut receiver) = broadcast::<()>(1);
            receiver.recv().await
        }),
        said_of(async || {
            let (_sender, mut receiver) = inbox::unbounded::<()>();
            receiver.recv().await
        }),
        said_of(async || {
            let (_sender, mut receiver) = inbox::bounded::<()>(1);
            futures::StreamExt::next(&mut receiver).await
        }),
    ];
    let expected = [
        "the value of the oneshot",
        "the end of the receiver of the oneshot",
        "the end of the receivers of the watch",
        "a value of the watch",
        "an item of the broadcast",
        "an item of the inbox",
        "an item of the inbox",
    ];
    assert_eq!(
        said,
        expected.map(|what| format!("waits for {what} made at here"))
    );
}

#[test]
fn every_wait_for_a_lock_or_a_queue_is_named() {
    use wheelhouse::sync::{LifoQueue, PriorityQueue};
    let said = [
        said_of(async || LifoQueue::<()>::unbounded().get().await),
        said_of(async || PriorityQueue::<()>::unbounded().get().await),
        said_of(async || {
            let queue = Queue::<()>::unbounded();
            futures::StreamExt::next(&mut queue.items()).await
        }),
        said_of(async || Event::new().wait().await),
        said_of(async || Barrier::new(2).wait().await),
        said_of(async || drop(Semaphore::new(0).acquire().await)),
        said_of(async || drop(Semaphore::new(1).acquire_many(2).await)),
        said_of(async || drop(Rc::new(Semaphore::new(0)).acquire_owned().await)),
        said_of(async || {
            let lock = Lock::new(());
            drop(Condition::new().wait(lock.lock().await).await);
        }),
    ];
    let permit = "a permit of the semaphore";
    let expected = [
        ("an item of the queue", ""),
        ("an item of the queue", ""),
        ("an item of the queue", ""),
        ("the event", ""),
        ("the others at the barrier", ""),
        (permit, ", held by no known task"),
        (permit, ", held by no known task"),
        (permit, ", held by no known task"),
        ("the condition", ""),
    ];
    let line = |(what, who)| format!("waits for {what} made at here{who}");
    assert_eq!(said, expected.map(line));
}

#[test]
fn waits_on_a_simulated_network_are_named() {
    use futures::io::{AsyncReadExt, AsyncWriteExt};
    use wheelhouse::testing::net::Network;
    let accept = said_of(async || {
        let network = Network::new();
        let listener = network.host("server").listen(80).unwrap();
        drop(listener.accept().await);
    });
    assert!(
        accept.starts_with("waits for a connection to the listener \""),
        "{accept}"
    );
    assert!(accept.ends_with(":80\""), "{accept}");
    for (what, reads) in [("bytes from", true), ("space in", false)] {
        let said = said_of(move || async move {
            let network = Network::new();
            let listener = network.host("server").listen(80).unwrap();
            let client = network.host("client");
            let (ours, theirs) = gather((client.connect("server:80"), listener.accept())).await;
            let (mut ours, _theirs) = (ours.unwrap(), theirs.unwrap());
            if reads {
                drop(ours.read(&mut [0]).await)
            } else {
                drop(ours.write_all(&vec![0; 10 << 20]).await)
            }
        });
        let start = format!("waits for {what} the connection \"");
        assert!(
            said.starts_with(&start) && said.ends_with(":80\""),
            "{said}"
        );
    }
}

#[test]
fn a_child_that_waits_for_the_limit_of_its_group_is_reported_as_such() {
    let report = report(async {
        let group = task_group(async |g| {
            g.limit(1);
            g.builder().name("begun").spawn(pending::<()>());
            g.builder().name("held").spawn(pending::<()>());
        });
        group.await.unwrap();
    });
    assert_eq!(about(&report, "task 2 \"begun\""), [""; 0]);
    let line = "waits for another child to end, as the limit of its group says, before it begins";
    assert_eq!(about(&report, "task 3 \"held\""), [line]);
}

#[test]
fn a_sleep_past_the_end_of_the_clock_is_a_timer_that_is_set() {
    let report = report(async { wheelhouse::sleep(std::time::Duration::MAX).await });
    let words = "no timer is set except past the end of the clock";
    assert!(report.contains(words), "{report}");
}

#[test]
fn finished_waits_are_not_in_the_report_of_a_resource_without_a_queue() {
    use wheelhouse::sync::{inbox, oneshot};
    let report = report(async {
        let (sender, mut receiver) = oneshot::<()>();
        let (mut other, _kept) = oneshot::<()>();
        let (_inbox, mut items) = inbox::unbounded::<()>();
        let time = std::time::Duration::from_millis(1);
        assert!(wheelhouse::timeout(time, &mut receiver).await.is_err());
        assert!(wheelhouse::timeout(time, items.recv()).await.is_err());
        assert!(wheelhouse::timeout(time, other.closed()).await.is_err());
        let far = wheelhouse::sleep(std::time::Duration::MAX);
        assert!(wheelhouse::timeout(time, far).await.is_err());
        sender.send(()).unwrap();
        receiver.await.unwrap();
        pending::<()>().await;
    });
    assert_eq!(about(&report, "task 1"), [""; 0]);
}

// The handle counted as something in flight, also in the runtime of its task: the test hung.
#[test]
fn a_remote_task_that_is_awaited_in_its_own_runtime_is_no_reason_to_wait() {
    use wheelhouse::Remote;
    let report = report(async {
        let remote = Remote::current().spawn(pending::<()>);
        remote.await.unwrap();
    });
    let line = "waits for the result of the remote task made at here";
    assert_eq!(about(&report, "task 1"), [line]);
    assert_eq!(about(&report, "task 2"), [""; 0]);
}
