//! Children that borrow, under every hard use of their group's future that safe code can think of.
//!
//! What is checked here is memory: these tests are to be run under AddressSanitizer and valgrind,
//! which see a child that is polled or dropped after what it borrows has gone. The assertions see
//! the rest: a child that is lost, or dropped twice.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::task::{Poll, Waker};

use crate::common::{OnDrop, keep_for_ever, leak, panic_text, poll_some, silent_panic, turns};
use wheelhouse::{Runtime, catch_cancel, gather, run, spawn, task_group, yield_now};

/// What children borrow: on the heap, so that a sanitizer sees a use after its end.
struct Lent {
    /// Read at every poll and drop.
    text: String,
    /// How many children live.
    living: Cell<i32>,
}

impl Lent {
    /// Something to borrow.
    fn new() -> Box<Self> {
        Box::new(Self {
            text: String::from("lent"),
            living: Cell::new(0),
        })
    }

    /// A guard that counts, and looks at what it borrows when it is dropped.
    fn guard(&self) -> Guard<'_> {
        self.living.set(self.living.get() + 1);
        Guard(self)
    }
}

/// Looks at what it borrows when it is dropped.
struct Guard<'a>(&'a Lent);

impl Guard<'_> {
    /// Looks at what it borrows.
    fn look(&self) {
        assert_eq!(self.0.text, "lent");
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.look();
        self.0.living.set(self.0.living.get() - 1);
    }
}

/// A child that borrows, and never ends by itself: it looks at what it borrows at each of its
/// polls.
async fn looks(lent: &Lent) {
    let guard = lent.guard();
    poll_fn(|_| {
        guard.look();
        Poll::Pending
    })
    .await
}

/// The same, with a catch point, and a clean-up that suspends.
async fn looks_and_cleans_up(lent: &Lent) {
    let cancelled = catch_cancel(looks(lent)).await.unwrap_err();
    let guard = lent.guard();
    turns(2).await;
    guard.look();
    cancelled.resume().await
}

/// A group whose members all borrow and never end: plain children, one that cleans up, one behind a
/// nested group in a gather, and the body itself.
async fn crowd(lent: &Lent) {
    let outcome = task_group(async |g| {
        drop(g.spawn(looks(lent)));
        drop(g.spawn(looks_and_cleans_up(lent)));
        let nested = async {
            let inner = task_group(async |h| {
                drop(h.spawn(looks(lent)));
                looks(lent).await;
            });
            drop(gather((inner, looks(lent))).await);
        };
        let handle = g.spawn(nested);
        let waits = g.spawn(async move { drop(handle.await) });
        let _guard = lent.guard();
        drop(waits.await);
    });
    drop(outcome.await);
}

/// How many guards there are in a crowd when all have begun.
const CROWD: i32 = 6;

/// Where a group's future that has begun is dropped.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In the task that polled it.
    Task,
    /// While no runtime runs. Afterwards the runtime continues, or ends.
    Between,
    /// Inside another runtime.
    Elsewhere,
    /// By the unwinding of a panic, in a runtime and outside of one.
    Unwinding,
    /// The same, while no runtime runs.
    UnwindingBetween,
}

/// Drops it by an unwinding.
fn drop_in_a_panic<T>(value: T) {
    let text = panic_text(move || {
        let _dropped_by_the_unwinding = value;
        silent_panic("outside")
    });
    assert_eq!(text, "outside");
}

#[test]
fn a_group_that_is_dropped_at_any_point_drops_its_children_before_their_borrows() {
    use Place::{Between, Elsewhere, Task, Unwinding, UnwindingBetween};
    for place in [Task, Between, Elsewhere, Unwinding, UnwindingBetween] {
        for polls in 0..6 {
            let runtime = Runtime::new().unwrap();
            let lent = Lent::new();
            let mut group = Some(Box::pin(crowd(&lent)));
            runtime.block_on(async {
                poll_some(group.as_mut().unwrap(), polls).await;
                match place {
                    Task => drop(group.take()),
                    Unwinding => drop_in_a_panic(group.take()),
                    _ => {}
                }
            });
            match place {
                Elsewhere => run(async move { drop(group) }),
                UnwindingBetween => drop_in_a_panic(group),
                _ => drop(group),
            }
            assert_eq!(lent.living.get(), 0, "{place:?} after {polls} polls");
            drop(lent);
            if polls % 2 == 0 {
                runtime.block_on(turns(5));
            }
        }
    }
}

#[test]
fn all_members_of_the_crowd_begin() {
    let lent = Lent::new();
    run(async {
        let mut group = Box::pin(crowd(&lent));
        poll_some(&mut group, 5).await;
        assert_eq!(lent.living.get(), CROWD);
    });
}

#[test]
fn a_leaked_group_leaks_its_children_and_they_are_not_polled() {
    for polls in 0..6 {
        for ends_at_once in [false, true] {
            let runtime = Runtime::new().unwrap();
            let lent = Lent::new();
            let tasks = RefCell::new(Vec::new());
            let wakers = RefCell::new(Vec::new());
            let mut group = Box::pin(async {
                let outcome = task_group(async |g| {
                    let wakers = &wakers;
                    for _ in 0..3 {
                        let mut child = Box::pin(looks_and_cleans_up(&lent));
                        let handle = g.spawn(poll_fn(move |cx| {
                            wakers.borrow_mut().push(cx.waker().clone());
                            child.as_mut().poll(cx)
                        }));
                        tasks.borrow_mut().push(handle.cancel_handle());
                    }
                    crowd(&lent).await;
                });
                drop(outcome.await);
            });
            runtime.block_on(poll_some(&mut group, polls));
            leak(group);
            drop(lent);
            runtime.block_on(async {
                wakers.take().into_iter().for_each(Waker::wake);
                turns(3).await;
                for task in tasks.take() {
                    task.cancel();
                }
                turns(3).await;
            });
            if ends_at_once {
                drop_in_a_panic(runtime)
            } else {
                drop(runtime)
            }
        }
    }
}

#[test]
fn dropped_after_the_end_of_its_runtime_a_group_leaks_its_children() {
    for ends_at_once in [false, true] {
        let runtime = Runtime::new().unwrap();
        let lent = Lent::new();
        let tasks = RefCell::new(Vec::new());
        let mut group = Box::pin(task_group(async |g| {
            for _ in 0..3 {
                let handle = g.spawn(looks(&lent));
                tasks.borrow_mut().push(handle.cancel_handle());
            }
            looks(&lent).await;
        }));
        runtime.block_on(poll_some(&mut group, 3));
        if ends_at_once {
            drop_in_a_panic(runtime)
        } else {
            drop(runtime)
        }
        drop(group);
        assert_eq!(
            lent.living.get(),
            3,
            "the body is dropped, the children are not"
        );
        drop(lent);
        for task in tasks.take() {
            task.cancel();
            keep_for_ever(task);
        }
    }
}

#[test]
fn moved_before_its_first_poll_a_group_runs_where_it_comes_to() {
    let lent = Lent::new();
    let group = task_group(async |g| {
        let child = g.spawn(async {
            let _guard = lent.guard();
            turns(2).await;
        });
        child.await.unwrap();
        assert_eq!(lent.living.get(), 0);
    });
    let mut moved = vec![Some(group), None];
    moved.swap(0, 1);
    let group = moved.remove(1);
    Runtime::new().unwrap().block_on(yield_now());
    run(async move { group.unwrap().await.unwrap() });
}

#[test]
fn a_group_that_is_carried_from_task_to_task_continues() {
    run(async {
        let lent: &'static Lent = Box::leak(Lent::new());
        keep_for_ever(ptr::from_ref(lent).addr());
        let mut group = Box::pin(async move {
            let outcome = task_group(async |g| {
                drop(g.spawn(looks_and_cleans_up(lent)));
                turns(6).await;
                g.cancel();
                looks_and_cleans_up(lent).await;
            });
            outcome.await.unwrap_err().is_cancelled()
        });
        for _ in 0..4 {
            let carried = spawn(async move {
                poll_some(&mut group, 1).await;
                group
            });
            group = carried.await.unwrap();
        }
        assert!(spawn(group).await.unwrap());
        assert_eq!(lent.living.get(), 0);
    });
}

#[test]
fn polled_in_another_runtime_a_group_panics_and_its_children_are_dropped() {
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let lent = Lent::new();
    let mut group = Box::pin(crowd(&lent));
    first.block_on(poll_some(&mut group, 4));
    let text = panic_text(|| second.block_on(group));
    assert!(text.contains("another runtime"), "{text}");
    assert_eq!(lent.living.get(), 0);
    drop(lent);
    first.block_on(turns(3));
}

/// Where a member panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panics {
    Body,
    Child,
    ChildsDestructor,
    OutputsDestructor,
    Everything,
}

#[test]
fn panics_anywhere_leave_no_child_behind() {
    use Panics::{Body, Child, ChildsDestructor, Everything, OutputsDestructor};
    for panics in [Body, Child, ChildsDestructor, OutputsDestructor, Everything] {
        let is = move |one| panics == one || panics == Everything;
        let lent = Lent::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run(task_group(async |g| {
                drop(g.spawn(looks(&lent)));
                drop(g.spawn(looks_and_cleans_up(&lent)));
                drop(g.spawn(async {
                    let _guard = lent.guard();
                    let _bomb = OnDrop::new(|| {
                        if is(ChildsDestructor) {
                            silent_panic("drop")
                        }
                    });
                    turns(2).await;
                    if is(Child) {
                        silent_panic("child");
                    }
                    pending::<()>().await
                }));
                drop(g.spawn(async {
                    turns(1).await;
                    let guard = lent.guard();
                    Ok(OnDrop::new(move || {
                        guard.look();
                        if is(OutputsDestructor) {
                            silent_panic("output")
                        }
                    }))
                }));
                turns(2).await;
                if is(Body) {
                    silent_panic("body");
                }
                turns(2).await;
                g.cancel();
                pending::<()>().await
            }))
        }));
        // Nobody has the output, whose panic therefore goes nowhere.
        assert_eq!(outcome.is_err(), panics != OutputsDestructor, "{panics:?}");
        assert_eq!(lent.living.get(), 0, "{panics:?}");
    }
}

#[test]
fn destructors_that_come_back_find_a_group_that_takes_their_children() {
    for drops_it_half_way in [false, true] {
        let lent = Lent::new();
        run(async {
            let mut group = Box::pin(task_group(async |g| {
                for _ in 0..3 {
                    let lent = &lent;
                    let handle = g.spawn(looks(lent));
                    drop(g.spawn(async move {
                        let _comes_back = OnDrop::new(move || {
                            let sibling = g.spawn(looks(lent));
                            g.cancel();
                            handle.cancel();
                            drop(handle);
                            drop(g.spawn(looks_and_cleans_up(lent)));
                            assert!(!sibling.is_finished() && !g.is_empty());
                        });
                        looks(lent).await;
                    }));
                }
                turns(2).await;
                g.limit(1);
                drop(g.spawn(looks(&lent)));
                turns(2).await;
                g.cancel();
            }));
            poll_some(&mut group, 2).await;
            if !drops_it_half_way {
                group.await.unwrap();
            }
        });
        assert_eq!(lent.living.get(), 0);
    }
}
