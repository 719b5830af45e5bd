//! The turns of children: each at its own place in the run queue, as a plain task's.
//!
//! Children were once polled whenever their group was, behind its body, while the batch lasted:
//! they came late, out of order, and, where the group's poll was the last of a batch each time,
//! never.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::common::turns;
use futures::stream::{FuturesUnordered, StreamExt};
use wheelhouse::sync::Event;
use wheelhouse::testing::{self, Trace};
use wheelhouse::{
    catch_cancel, gather, run, sleep, spawn, task::CancelHandle, task_group, timeout, yield_now,
};

/// So many milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Groups in children of groups, so many deep; `innermost` runs in the last one.
fn nested<'a>(
    depth: usize,
    innermost: impl Future<Output = ()> + 'a,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    let mut future: Pin<Box<dyn Future<Output = ()> + 'a>> = Box::pin(innermost);
    for _ in 0..depth {
        let inner = future;
        future = Box::pin(async move {
            let outcome = task_group(async |g| drop(g.spawn(inner)));
            outcome.await.unwrap();
        });
    }
    future
}

#[test]
fn groups_nested_through_children_come_to_their_end_at_any_depth() {
    for depth in [1, 36, 37, 64, 100] {
        let ended = Cell::new(false);
        testing::run(nested(depth, async { ended.set(true) }));
        assert!(ended.get(), "{depth}");
    }
}

/// The mean number of steps of `others` plain tasks, and that of a child at `depth`, beside each
/// other.
fn steps(others: u32, depth: usize) -> (u32, u32) {
    testing::run(async move {
        let (plain, child) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let busy = |steps: Rc<Cell<u32>>| async move {
            loop {
                yield_now().await;
                steps.set(steps.get() + 1);
            }
        };
        for _ in 0..others {
            spawn(busy(plain.clone())).detach();
        }
        spawn(nested(depth, busy(child.clone()))).detach();
        turns(500).await;
        (plain.get() / others, child.get())
    })
}

#[test]
fn a_child_has_as_many_turns_as_a_plain_task() {
    for others in [1, 60, 61, 62, 63, 64, 65, 126, 127, 128, 191] {
        for depth in [1, 2, 5] {
            let (plain, child) = steps(others, depth);
            assert!(
                child.abs_diff(plain) <= 6,
                "{others} others: {plain} steps each, the child at depth {depth}: {child}"
            );
        }
    }
}

#[test]
fn a_child_runs_before_the_body_that_gave_way_after_spawning_it() {
    let trace = Trace::new();
    testing::run(async {
        let outcome = task_group(async |g| {
            g.spawn(async { trace.note("child") });
            yield_now().await;
            trace.note("body");
        });
        outcome.await.unwrap();
    });
    trace.expect(["child", "body"]);
}

#[test]
fn a_child_that_was_spawned_before_the_body_gave_way_begins_before_it_is_cancelled() {
    let trace = Trace::new();
    testing::run(async {
        let outcome = task_group(async |g| {
            g.spawn(async {
                trace.note("begun");
                drop(catch_cancel(pending::<()>()).await);
                trace.note("cleaned up");
            });
            yield_now().await;
            g.cancel();
        });
        outcome.await.unwrap();
    });
    trace.expect(["begun", "cleaned up"]);
}

/// Says its name at each of three turns.
async fn speaks(trace: &Trace, name: String) {
    for _ in 0..3 {
        trace.note(name.clone());
        yield_now().await;
    }
}

#[test]
fn children_and_plain_tasks_take_turns_in_the_order_of_their_spawning() {
    let trace = Trace::new();
    let notes = trace.clone();
    testing::run(async move {
        let outer = task_group(async |g| {
            for name in ["a", "b", "c"] {
                let plain = notes.clone();
                spawn(async move { speaks(&plain, format!("plain {name}")).await }).detach();
                g.spawn(speaks(&notes, format!("child {name}")));
            }
            turns(5).await;
        });
        outer.await.unwrap();
    });
    let one = [
        "plain a", "child a", "plain b", "child b", "plain c", "child c",
    ];
    trace.expect(one.into_iter().cycle().take(18));
}

/// The order in which plain tasks and children of groups, nested in each other in several ways,
/// take their turns.
#[test]
fn children_at_any_depth_take_turns_in_the_order_of_their_wakes() {
    let trace = Trace::new();
    testing::run(async {
        let (trace, event) = (&trace, &Event::new());
        let waits = |name: &'static str| async move {
            event.wait().await;
            trace.note(name);
        };
        let outcome = task_group(async |g| {
            g.spawn(waits("1: a child"));
            g.spawn(nested(3, waits("2: in a child's child")));
            turns(10).await;
            let inner = task_group(async |h| {
                h.spawn(waits("3: in a group in the body"));
                turns(2).await;
                g.spawn(waits("4: a child again"));
                turns(2).await;
                h.spawn(waits("5: in the body's group again"));
                turns(2).await;
                event.set();
                yield_now().await;
                trace.note("6: the body");
            });
            inner.await.unwrap();
        });
        outcome.await.unwrap();
    });
    trace.expect([
        "1: a child",
        "2: in a child's child",
        "3: in a group in the body",
        "4: a child again",
        "5: in the body's group again",
        "6: the body",
    ]);
}

#[test]
fn the_body_is_polled_when_it_was_woken_and_not_with_its_children() {
    let (polls, event) = (Cell::new(0), Event::new());
    testing::run(async {
        let event = &event;
        let outcome = task_group(async |g| {
            for _ in 0..10 {
                g.spawn(turns(20));
            }
            g.spawn(async move {
                turns(30).await;
                event.set();
            });
            let mut wait = Box::pin(event.wait());
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                wait.as_mut().poll(cx)
            })
            .await;
        });
        outcome.await.unwrap();
    });
    assert_eq!(polls.get(), 2);
}

#[test]
fn tasks_that_a_child_wakes_are_polled_in_the_order_of_the_wakes_the_body_too() {
    let trace = Trace::new();
    let notes = trace.clone();
    testing::run(async move {
        let (first, last) = (Rc::new(Event::new()), Rc::new(Event::new()));
        let waits = |name: &'static str, event: &Rc<Event>| {
            let (notes, event) = (notes.clone(), event.clone());
            async move {
                event.wait().await;
                notes.note(name);
            }
        };
        spawn(waits("before", &first)).detach();
        spawn(waits("after", &last)).detach();
        let body = Event::new();
        let outcome = task_group(async |g| {
            g.spawn(async {
                turns(2).await;
                first.set();
                body.set();
                last.set();
            });
            body.wait().await;
            notes.note("the body");
        });
        outcome.await.unwrap();
        yield_now().await;
    });
    trace.expect(["before", "the body", "after"]);
}

#[test]
fn in_real_time_too_timers_of_children_and_of_the_body_come_in_their_order() {
    // Wall time: the virtual clock never has two timers due at one look.
    let trace = Trace::new();
    run(async {
        let outcome = task_group(async |g| {
            g.spawn(async {
                sleep(ms(10)).await;
                trace.note("child, 10 ms");
            });
            g.spawn(nested(2, async {
                sleep(ms(12)).await;
                trace.note("inner child, 12 ms");
            }));
            turns(6).await;
            let late = Instant::now() + ms(20);
            let body = sleep(ms(15));
            // Busy until all three are due.
            while Instant::now() < late {}
            body.await;
            trace.note("body, 15 ms");
        });
        outcome.await.unwrap();
    });
    assert_eq!(
        trace.take(),
        ["child, 10 ms", "inner child, 12 ms", "body, 15 ms"]
    );
}

/// What one run of three members says.
async fn says_who_was_first() -> Vec<&'static str> {
    let order = RefCell::new(Vec::new());
    let outcome = task_group(async |g| {
        g.spawn(async { order.borrow_mut().push("child") });
        g.spawn(nested(1, async { order.borrow_mut().push("grandchild") }));
        turns(2).await;
        order.borrow_mut().push("body");
    });
    outcome.await.unwrap();
    order.into_inner()
}

#[test]
fn explore_finds_every_order_of_children_and_body() {
    let found = Rc::new(RefCell::new(std::collections::BTreeSet::new()));
    let notes = found.clone();
    testing::explore(0..300, move || {
        let notes = notes.clone();
        async move {
            let order = says_who_was_first().await;
            notes.borrow_mut().insert(order);
        }
    });
    assert_eq!(found.borrow().len(), 6, "{:?}", found.borrow());
}

/// Wraps a future in third-party code that polls it only when the waker of that code is woken.
async fn in_a_set<F: Future<Output = ()>>(future: F) {
    let mut set: FuturesUnordered<_> = [future].into_iter().collect();
    while set.next().await.is_some() {}
}

#[test]
fn a_turn_reaches_a_child_through_combinators_that_poll_only_woken_futures() {
    let trace = Trace::new();
    let notes = trace.clone();
    testing::run(async move {
        let group = |name: &'static str| {
            let notes = notes.clone();
            async move {
                let outcome = task_group(async |g| {
                    for _ in 0..2 {
                        g.spawn(speaks(&notes, name.to_owned()));
                    }
                    turns(4).await;
                    notes.note(format!("{name}'s body"));
                });
                outcome.await.unwrap();
            }
        };
        let all: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
            gather((
                in_a_set(group("set")),
                group("branch"),
                timeout(ms(1), in_a_set(in_a_set(group("sets")))),
            ))
            .await
            .2
            .unwrap();
        });
        all.await;
    });
    let rounds = ["set", "set", "branch", "branch", "sets", "sets"];
    let rounds = rounds.into_iter().cycle().take(18);
    trace.expect(rounds.chain(["set's body", "branch's body", "sets's body"]));
}

#[test]
fn an_owner_that_does_not_poll_its_group_delays_no_task_and_loses_no_turn() {
    let steps = Cell::new(0);
    testing::run(async {
        let mut group = Box::pin(task_group(async |g| {
            for _ in 0..3 {
                g.spawn(async {
                    for _ in 0..3 {
                        steps.set(steps.get() + 1);
                        yield_now().await;
                    }
                });
            }
        }));
        assert!(futures::poll!(&mut group).is_pending());
        // The children's turns come while this task awaits something else.
        sleep(ms(10)).await;
        assert_eq!(steps.get(), 0, "nobody polled the group");
        assert!(futures::poll!(&mut group).is_pending());
        assert_eq!(steps.get(), 3, "each had one turn");
        group.await.unwrap();
    });
    assert_eq!(steps.get(), 9);
}

#[test]
fn a_cancellation_of_the_owner_is_delivered_at_its_own_turn() {
    let trace = Trace::new();
    let notes = trace.clone();
    testing::run(async move {
        let of_main = notes.clone();
        let handle: Rc<RefCell<Option<CancelHandle>>> = Rc::default();
        let (canceller, event) = (handle.clone(), Rc::new(Event::new()));
        let set = event.clone();
        let owner = spawn(async move {
            let outcome = task_group(async |g| {
                g.spawn(async {
                    event.wait().await;
                    notes.note("the child's turn");
                    pending::<()>().await
                });
                pending::<()>().await
            });
            outcome.await.unwrap();
        });
        *handle.borrow_mut() = Some(owner.cancel_handle());
        turns(3).await;
        set.set();
        canceller.take().unwrap().cancel();
        let error = owner.await.unwrap_err();
        of_main.note(error.to_string());
    });
    trace.expect([
        "the child's turn",
        "the task was cancelled: cancel was called",
    ]);
}

#[test]
fn a_child_is_cancelled_at_its_own_turn() {
    let trace = Trace::new();
    testing::run(async {
        let outcome = task_group(async |g| {
            let note = |name: &'static str| {
                let trace = &trace;
                crate::common::OnDrop::new(move || trace.note(name))
            };
            let (first, second) = (note("first"), note("second"));
            let first = g.spawn(async move {
                let _dropped = first;
                pending::<()>().await
            });
            let second = g.spawn(async move {
                let _dropped = second;
                pending::<()>().await
            });
            turns(2).await;
            second.cancel();
            first.cancel();
            yield_now().await;
            trace.note("body");
        });
        outcome.await.unwrap();
    });
    trace.expect(["second", "first", "body"]);
}

#[test]
fn at_most_one_batch_of_turns_of_children_is_taken_between_two_looks_at_the_timers() {
    // Wall time: virtual time stands still while a task is ready.
    run(async {
        let (steps, seen) = (Cell::new(0), Cell::new(0));
        let outcome = task_group(async |g| {
            for _ in 0..500 {
                g.spawn(async {
                    loop {
                        steps.set(steps.get() + 1);
                        yield_now().await;
                    }
                });
            }
            g.spawn(async {
                let due = sleep(ms(5));
                let late = Instant::now() + ms(6);
                while Instant::now() < late {}
                seen.set(steps.get());
                due.await;
                seen.set(steps.get() - seen.get());
                g.cancel();
            });
        });
        outcome.await.unwrap();
        // The timer fires after the batch, and then its task waits for all that are ready.
        assert!(seen.get() <= 64 + 500 + 64, "{}", seen.get());
    });
}

#[test]
fn a_body_that_polls_the_clock_by_itself_is_not_polled_by_its_childrens_turns() {
    let polls = Cell::new(0);
    testing::run(async {
        let outcome = task_group(async |g| {
            g.spawn(turns(50));
            let mut left = 3;
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                left -= 1;
                if left == 0 {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        });
        outcome.await.unwrap();
    });
    assert_eq!(polls.get(), 3);
}

#[test]
fn a_future_that_yields_beside_a_group_in_the_same_task_is_polled_once_a_round() {
    let trace = Trace::new();
    let notes = trace.clone();
    testing::run(async move {
        let group = task_group(async |g| {
            for name in ["a", "b"] {
                g.spawn(speaks(&notes, name.to_owned()));
            }
        });
        let beside = in_a_set(speaks(&notes, "set".to_owned()));
        let branch = speaks(&notes, "branch".to_owned());
        let ((_, outcome), ()) = futures::join!(gather((branch, group)), beside);
        outcome.unwrap();
    });
    trace.expect([
        "branch", "set", "a", "b", "branch", "set", "a", "b", "branch", "set", "a", "b",
    ]);
}

#[test]
fn a_task_that_yields_while_it_keeps_a_group_is_not_polled_earlier_because_of_its_children() {
    let trace = Trace::new();
    let notes = trace.clone();
    testing::run(async move {
        let plain = notes.clone();
        spawn(async move { speaks(&plain, "plain".to_owned()).await }).detach();
        let mut group = Box::pin(task_group(async |g| {
            for _ in 0..5 {
                g.spawn(pending::<()>());
            }
        }));
        assert!(futures::poll!(&mut group).is_pending());
        speaks(&notes, "owner".to_owned()).await;
    });
    trace.expect(["owner", "plain", "owner", "plain", "owner", "plain"]);
}

#[test]
fn settle_and_advance_return_when_children_are_not_ready_any_more() {
    /// Three turns and then a rest.
    async fn steps(count: &Cell<u32>) {
        for _ in 0..3 {
            yield_now().await;
            count.set(count.get() + 1);
        }
        pending().await
    }
    for depth in [0, 1, 4] {
        for advances in [false, true] {
            let count = &Cell::new(0);
            let settles = async || {
                if advances {
                    testing::advance(ms(1)).await
                } else {
                    testing::settle().await
                }
            };
            testing::run(async {
                let outcome = task_group(async |g| {
                    for _ in 0..2 {
                        g.spawn(nested(depth, steps(count)));
                    }
                    // By the body, a child, and the body of a group inside.
                    settles().await;
                    assert_eq!(count.replace(0), 6);
                    let inner = task_group(async |h| {
                        h.spawn(nested(depth, steps(count)));
                        settles().await;
                        assert_eq!(count.replace(0), 3);
                        h.spawn(nested(depth, steps(count)));
                        g.spawn(nested(depth, steps(count)));
                        let asks = h.spawn(async {
                            settles().await;
                            assert_eq!(count.get(), 6);
                        });
                        asks.await.unwrap();
                        h.cancel();
                    });
                    inner.await.unwrap();
                    g.cancel();
                });
                outcome.await.unwrap();
            });
        }
    }
}

#[test]
fn settle_outside_of_a_group_waits_for_its_members() {
    let steps = Rc::new(Cell::new(0));
    let count = steps.clone();
    testing::run(async move {
        let members = count.clone();
        spawn(async move {
            let outcome = task_group(async |g| {
                for _ in 0..3 {
                    g.spawn(async {
                        for _ in 0..3 {
                            members.set(members.get() + 1);
                            yield_now().await;
                        }
                    });
                }
            });
            outcome.await.unwrap();
        })
        .detach();
        testing::settle().await;
        assert_eq!(count.get(), 9);
    });
    assert_eq!(steps.get(), 9);
}
