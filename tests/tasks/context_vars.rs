//! Context variables: who sees which value, and when it is gone.

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use crate::common::{OnDrop, panic_text, panics_saying, silent_panic, turns};
use wheelhouse::{
    catch_cancel, context_var, gather, run, sleep, spawn, task_group, testing, timeout, yield_now,
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

#[test]
fn a_value_is_dropped_with_the_last_who_has_it() {
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
fn what_is_set_ends_when_the_future_panics_or_is_dropped() {
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
fn a_value_whose_destructor_panics_harms_nobody() {
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
            // The value of the spawner stands, whatever its variables do when they are dropped (C4).
            if let Some(child) = spawn(scope).await.unwrap() {
                child.await.unwrap();
            }
            turns(2).await;
        }
    });
}

#[test]
fn a_variable_that_is_not_set_says_what_to_do() {
    run(async {
        panics_saying(&["NAME", "not set", "NAME.with"], || NAME.get());
    });
    assert_eq!(NUMBER.get(), 0, "outside of a runtime there is the default");
    panics_saying(&["ContextVar::with", "outside of a runtime"], || {
        NUMBER.with_sync(1, || ())
    });
}
