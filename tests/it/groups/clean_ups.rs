//! Groups inside of clean-ups: what a clean-up spawns into a group of its own runs, also at the runtime's end.
//!
//! At the end of a runtime the children of such a group were born cancelled, and the group said `Ok(())`.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use crate::common::turns;
use wheelhouse::{
    JoinError, Runtime, catch_cancel, finally, finally_with, run, shield, sleep, spawn, task_group,
    yield_now,
};

/// Three children, each of which takes its time; the innermost are children of a child.
async fn closes_three(closed: &Cell<u32>) {
    let closes = || async {
        sleep(Duration::from_millis(1)).await;
        yield_now().await;
        closed.set(closed.get() + 1);
    };
    let outcome = task_group(async |g| {
        let first = g.spawn(closes());
        g.spawn(async {
            let inner = task_group(async |h| h.spawn(closes()).await.unwrap());
            inner.await.unwrap();
        });
        first.await.unwrap();
        turns(2).await;
        g.spawn(closes());
    });
    outcome.await.unwrap();
}

#[test]
fn a_group_in_a_clean_up_at_the_end_of_the_runtime_runs_its_children() {
    let closed = Rc::new(Cell::new(0));
    let (in_finally, in_handler, in_shield, in_child) = (
        closed.clone(),
        closed.clone(),
        closed.clone(),
        closed.clone(),
    );
    let with_resource = closed.clone();
    run(async move {
        spawn(finally(pending::<()>(), async move {
            closes_three(&in_finally).await
        }))
        .detach();
        spawn(async move {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            closes_three(&in_handler).await;
            cancelled.resume().await
        })
        .detach();
        spawn(async move {
            shield(async {
                turns(3).await;
                closes_three(&in_shield).await;
            })
            .await;
        })
        .detach();
        spawn(async move {
            let outcome = task_group(async |g| {
                g.spawn(finally(pending::<()>(), closes_three(&in_child)));
            });
            outcome.await.unwrap();
        })
        .detach();
        let body = async |_: &mut Rc<Cell<u32>>| pending::<()>().await;
        spawn(finally_with(with_resource, body, async |closed| {
            closes_three(&closed).await;
        }))
        .detach();
        yield_now().await;
    });
    assert_eq!(closed.get(), 5 * 3);
}

#[test]
fn a_plain_task_that_a_clean_up_spawns_at_the_end_is_born_cancelled() {
    let outcome = Rc::new(Cell::new(None));
    let slot = outcome.clone();
    run(async move {
        let clean_up = async move {
            let ended = spawn(async {}).await;
            slot.set(Some(matches!(ended, Err(JoinError::Cancelled(_)))));
        };
        spawn(finally(pending::<()>(), clean_up)).detach();
        yield_now().await;
    });
    assert_eq!(outcome.get(), Some(true));
}

#[test]
fn a_group_that_the_end_cancels_begins_no_further_child() {
    let begun = Rc::new(Cell::new(0));
    let counter = begun.clone();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        spawn(async move {
            let outcome = task_group(async |g| {
                drop(catch_cancel(pending::<()>()).await);
                g.spawn(async { counter.set(counter.get() + 1) });
                turns(3).await;
            });
            drop(outcome.await);
        })
        .detach();
        yield_now().await;
    });
    drop(runtime);
    assert_eq!(begun.get(), 0);
}
