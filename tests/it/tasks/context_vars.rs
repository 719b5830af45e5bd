//! Context variables: which code sees which value, and when the value is dropped.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::common::{OnDrop, panic_text, panics_saying, silent_panic, turns};
use wheelhouse::{
    Runtime, catch_cancel, context_var, gather, run, sleep, spawn, task_group, testing, timeout,
    try_gather, yield_now,
};

context_var! {
    /// With a default, inherited.
    static NUMBER: u32 = 0;
    /// Without a default.
    static NAME: &'static str;
    /// Not inherited.
    static OWN: u32 = 0, not_inherited;
    /// Something with a destructor.
    static GUARD: Rc<OnDrop<Box<dyn FnOnce()>>>;
}

#[test]
fn a_value_is_seen_inside_of_its_future_and_nowhere_else() {
    run(async {
        assert_eq!((NUMBER.get(), NAME.try_get()), (0, None));
        let inside = NUMBER.with(1, async {
            assert_eq!(NUMBER.get(), 1);
            yield_now().await;
            NUMBER.with(2, async { assert_eq!(NUMBER.get(), 2) }).await;
            NUMBER.with_sync(3, || assert_eq!(NUMBER.get(), 3));
            NUMBER.get()
        });
        let neighbour = async {
            turns(3).await;
            NUMBER.get()
        };
        assert_eq!(gather((inside, neighbour)).await, (1, 0));
        assert_eq!(NUMBER.get(), 0);
    });
}

#[test]
fn spawned_tasks_and_children_of_groups_have_the_values_of_the_moment_of_their_spawning() {
    run(NUMBER.with(
        7,
        OWN.with(8, async {
            let early = spawn(async {
                turns(3).await;
                (NUMBER.get(), OWN.get())
            });
            NUMBER.with(9, async { yield_now().await }).await;
            assert_eq!(
                early.await.unwrap(),
                (7, 0),
                "what is not inherited has its default"
            );
            task_group(async |g| {
                let child = g.spawn(async {
                    yield_now().await;
                    assert_eq!(NUMBER.get(), 7);
                    assert_eq!(OWN.get(), 0);
                    let grandchild = spawn(async { NUMBER.get() });
                    assert_eq!(grandchild.await.unwrap(), 7);
                });
                child.await.unwrap();
                assert_eq!(
                    (NUMBER.get(), OWN.get()),
                    (7, 8),
                    "the body is the parent's"
                );
            })
            .await
            .unwrap();
        }),
    ));
}

#[test]
fn branches_of_a_gather_have_their_own_values_and_those_around() {
    testing::run(NAME.with("outer", async {
        let branch = |number| {
            NUMBER.with(number, async {
                sleep(std::time::Duration::from_millis(1)).await;
                (NUMBER.get(), NAME.get())
            })
        };
        assert_eq!(
            gather([branch(1), branch(2)]).await,
            [(1, "outer"), (2, "outer")]
        );
    }));
}

#[test]
fn clean_ups_and_destructors_see_the_value() {
    testing::run(async {
        let seen = Rc::new(Cell::new((0, 0)));
        let task = {
            let seen = Rc::clone(&seen);
            NUMBER.with(5, async {
                let at_drop = Rc::clone(&seen);
                spawn(async move {
                    let _guard = OnDrop::new(move || at_drop.set((at_drop.get().0, NUMBER.get())));
                    drop(catch_cancel(pending::<()>()).await);
                    yield_now().await;
                    seen.set((NUMBER.get(), 0));
                    pending::<()>().await
                })
            })
        };
        let task = task.await;
        turns(2).await;
        task.cancel();
        turns(4).await;
        assert_eq!(seen.get(), (5, 0));
        drop(task.cancel_and_wait().await);
        assert_eq!(
            seen.get(),
            (5, 5),
            "dropped for a cancellation, the task is still itself"
        );
    });
}

/// The values that a destructor saw.
type Seen = (u32, Option<&'static str>);

/// Notes in its destructor which values are set.
struct Reader(Rc<RefCell<Vec<Seen>>>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.borrow_mut().push((NUMBER.get(), NAME.try_get()));
    }
}

/// A future that never ends.
type Never = Pin<Box<dyn Future<Output = ()>>>;

/// Returns what [`Reader`]s noted during `test`, which gets a maker of endless futures with one.
fn seen_by_destructors<F: Future>(test: impl FnOnce(Rc<dyn Fn(u32) -> Never>) -> F) -> Vec<Seen> {
    let seen = Rc::default();
    let readers = Rc::clone(&seen);
    let never = move |number| {
        let reader = Reader(Rc::clone(&readers));
        Box::pin(NUMBER.with(number, async move {
            let _reader = reader;
            pending().await
        })) as _
    };
    testing::run(test(Rc::new(never)));
    seen.take()
}

// A variable was unset while the future that it was set for was dropped unfinished: a destructor
// saw what was set around, or panicked without a default, and the cancelled task gave `Panicked`.
#[test]
fn destructors_see_the_value_whatever_drops_their_future() {
    let cancelled = seen_by_destructors(async |never| {
        let task = spawn(NUMBER.with(8, NAME.with("outer", never(1))));
        turns(1).await;
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    });
    assert_eq!(cancelled, [(1, Some("outer"))]);
    let timed_out = seen_by_destructors(async |never| {
        let time = Duration::from_millis(1);
        assert!(timeout(time, never(2)).await.is_err());
        let outside = NAME.with("outer", timeout(time, never(3)));
        assert!(outside.await.is_err());
    });
    assert_eq!(timed_out, [(2, None), (3, Some("outer"))]);
    let branches = seen_by_destructors(async |never| {
        let failed = async {
            yield_now().await;
            Err::<(), _>("failed")
        };
        let endless = async |number| {
            never(number).await;
            Ok(())
        };
        let outcome = try_gather((endless(4), failed, NAME.with("own", endless(5))));
        assert_eq!(outcome.await, Err("failed"));
    });
    assert_eq!(branches, [(4, None), (5, Some("own"))]);
    let selected = seen_by_destructors(async |never| {
        let never = pin!(Some(never(6)));
        let mut never = never;
        futures::future::select(never.as_mut().as_pin_mut().unwrap(), pin!(yield_now())).await;
        NAME.with_sync("dropper", || never.set(None));
    });
    assert_eq!(selected, [(6, Some("dropper"))]);
    let unpolled = seen_by_destructors(async |never| drop(never(7)));
    assert_eq!(unpolled, [(7, None)]);
}

#[test]
fn destructors_of_a_group_see_the_values_of_their_members() {
    let cancelled = seen_by_destructors(async |never| {
        let outcome = task_group(async |g| {
            g.spawn(never(1));
            NAME.with("spawner", async { g.spawn(never(2)) }).await;
            yield_now().await;
            g.cancel();
            never(3).await;
        });
        assert!(outcome.await.is_err());
    });
    assert_eq!(cancelled, [(3, None), (1, None), (2, Some("spawner"))]);
    let dropped = seen_by_destructors(async |never| {
        let group = NAME.with(
            "around",
            task_group(async |g| {
                g.spawn(never(4));
                never(5).await;
            }),
        );
        let mut group = Box::pin(group);
        futures::future::select(&mut group, pin!(turns(3))).await;
    });
    assert_eq!(dropped, [(5, Some("around")), (4, Some("around"))]);
}

#[test]
fn destructors_see_the_value_at_the_end_of_the_runtime_and_after_it() {
    let ended = seen_by_destructors(async |never| {
        spawn(NAME.with("spawned", never(1))).detach();
        let inherited = never(2);
        NAME.with("inherited", async { spawn(inherited).detach() })
            .await;
        yield_now().await;
    });
    assert_eq!(ended, [(1, Some("spawned")), (2, Some("inherited"))]);
    let seen = Rc::default();
    let runtime = Runtime::new().unwrap();
    let reader = Reader(Rc::clone(&seen));
    let begun = runtime.block_on(async {
        let mut future = Box::pin(NUMBER.with(3, async move {
            let _reader = reader;
            pending::<()>().await
        }));
        assert!(futures::poll!(&mut future).is_pending());
        future
    });
    drop(begun);
    let reader = Reader(Rc::clone(&seen));
    let group = runtime.block_on(async {
        let mut group = Box::pin(task_group(async |g| {
            NUMBER
                .with(4, async {
                    g.spawn(async move {
                        let _reader = reader;
                        pending::<()>().await
                    })
                })
                .await;
            pending::<()>().await
        }));
        futures::future::select(&mut group, pin!(turns(3))).await;
        group
    });
    drop(group);
    drop(runtime);
    assert_eq!(seen.take(), [(3, None), (4, None)]);
    assert_eq!(NUMBER.get(), 0, "nothing stays set on the thread");
}

#[test]
fn a_variable_without_a_default_is_no_panic_in_the_destructor_of_a_cancelled_task() {
    run(async {
        let guard = OnDrop::new(|| assert_eq!(NAME.get(), "set"));
        let task = spawn(NAME.with("set", async move {
            let _guard = guard;
            pending::<()>().await
        }));
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_value_is_dropped_with_its_last_owner() {
    let dropped = Rc::new(Cell::new(0));
    let count = Rc::clone(&dropped);
    testing::run(async {
        let guard: Box<dyn FnOnce()> = Box::new(move || count.set(count.get() + 1));
        let child = GUARD.with(Rc::new(OnDrop::new(guard)), async { spawn(turns(5)) });
        let child = child.await;
        turns(1).await;
        assert_eq!(dropped.get(), 0, "the child has it");
        child.await.unwrap();
        turns(1).await;
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn a_value_is_unset_when_the_future_panics_or_is_dropped() {
    run(async {
        let panicking = spawn(async {
            let inner = pin!(NUMBER.with(4, async { silent_panic("inside") }));
            let mut inner = inner;
            let poll = std::future::poll_fn(|cx| {
                let text = panic_text(|| inner.as_mut().poll(cx).map(|never: ()| never));
                Poll::Ready(text)
            });
            (poll.await, NUMBER.get())
        });
        assert_eq!(panicking.await.unwrap(), (String::from("inside"), 0));
        let cut = timeout(std::time::Duration::ZERO, NUMBER.with(6, pending::<()>()));
        assert!(cut.await.is_err());
        assert_eq!(NUMBER.get(), 0);
    });
}

#[test]
fn a_panic_in_the_destructor_of_a_value_affects_no_task() {
    testing::run(async {
        for last in ["the task", "the spawner"] {
            let guard: Box<dyn FnOnce()> = Box::new(|| silent_panic("a value"));
            let scope = GUARD.with(Rc::new(OnDrop::new(guard)), async move {
                let child = spawn(turns(usize::from(last == "the task") * 3));
                if last == "the spawner" {
                    child.await.unwrap();
                    return None;
                }
                Some(child)
            });
            // The value of the spawner stands, whatever its variables do when they are dropped
            // (C4).
            if let Some(child) = spawn(scope).await.unwrap() {
                child.await.unwrap();
            }
            turns(2).await;
        }
    });
}

#[test]
fn an_unset_variable_panics_with_a_message() {
    run(async {
        panics_saying(&["NAME", "not set", "NAME.with"], || NAME.get());
    });
    assert_eq!(NUMBER.get(), 0, "outside of a runtime there is the default");
    panics_saying(&["ContextVar::with", "outside of a runtime"], || {
        NUMBER.with_sync(1, || ())
    });
}
