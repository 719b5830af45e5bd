//! Handles, wakers and half-run futures that are carried to where they do not belong: other tasks, runtimes and threads,
//! and past the end. To be run under AddressSanitizer and valgrind, like `groups_hard`.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use crate::common::{OnDrop, Plan, Probe, off_thread, poll_some, turns};
use wheelhouse::{
    JoinError, JoinHandle, Runtime, catch_cancel, finally, gather, run, shield, spawn, task,
    task_group, timeout, yield_now,
};

/// A value that borrows, and looks at what it borrows when it is dropped.
struct Looks<'a>(&'a String, &'a Cell<u32>);

impl Drop for Looks<'_> {
    fn drop(&mut self) {
        assert_eq!(self.0, "lent");
        self.1.set(self.1.get() + 1);
    }
}

/// Where the handle of a borrowed value is dropped.
#[derive(Clone, Copy, Debug)]
enum Dropped {
    /// In the body, before the child has ended.
    Early,
    /// After the group, in its runtime.
    After,
    /// After the group, while no runtime runs.
    Outside,
    /// After the group, inside another runtime.
    Elsewhere,
    /// After the end of its runtime.
    AfterTheEnd,
    /// Never, but its value is taken by `try_join` while no runtime runs.
    Taken,
}

#[test]
fn a_value_that_borrows_is_dropped_before_its_borrow_wherever_its_handle_is() {
    use Dropped::{After, AfterTheEnd, Early, Elsewhere, Outside, Taken};
    for dropped in [Early, After, Outside, Elsewhere, AfterTheEnd, Taken] {
        let runtime = Runtime::new().unwrap();
        let (text, drops) = (Box::new(String::from("lent")), Cell::new(0));
        let kept: Option<JoinHandle<Looks<'_>>> = runtime.block_on(async {
            let outcome = task_group(async |g| {
                let handle = g.spawn(async {
                    turns(2).await;
                    Ok::<_, JoinError>(Looks(&text, &drops))
                });
                if let Early = dropped {
                    drop(handle);
                    return Ok(None);
                }
                Ok(Some(handle))
            });
            let kept = outcome.await.unwrap();
            kept.filter(|_| !matches!(dropped, After))
        });
        match dropped {
            Elsewhere => run(async move { drop(kept) }),
            AfterTheEnd => {
                drop(runtime);
                drop(kept);
            }
            Taken => drop(kept.unwrap().try_join().unwrap().unwrap()),
            _ => drop(kept),
        }
        assert_eq!(drops.get(), 1, "{dropped:?}");
        drop(text);
    }
}

#[test]
fn a_handle_dropped_outside_while_its_child_runs_leaves_the_value_to_the_group() {
    let runtime = Runtime::new().unwrap();
    let (text, drops) = (Box::new(String::from("lent")), Cell::new(0));
    let handle = RefCell::new(None);
    let mut group = Box::pin(task_group(async |g| {
        let child = g.spawn(async {
            turns(6).await;
            Ok::<_, JoinError>(Looks(&text, &drops))
        });
        *handle.borrow_mut() = Some(child);
        Ok(())
    }));
    runtime.block_on(poll_some(&mut group, 2));
    // Its letter is read before the child is polled again.
    drop(handle.take());
    assert!(runtime.block_on(group).is_ok());
    assert_eq!(drops.get(), 1);
    drop(handle);
    drop(text);
}

#[test]
fn handles_of_owned_values_may_be_asked_and_dropped_on_other_threads_meanwhile() {
    for asks in [false, true] {
        run(async {
            let text = String::from("lent");
            let lent = &text;
            let outcome = task_group(async |g| {
                let mut threads = Vec::new();
                for n in 0..16 {
                    let mut handle = g.spawn(async move {
                        turns(n).await;
                        Ok::<_, JoinError>(Box::new(lent.len()))
                    });
                    threads.push(thread::spawn(move || {
                        if !asks {
                            handle.cancel();
                            return 4;
                        }
                        loop {
                            if let Some(value) = handle.try_join() {
                                return *value.unwrap();
                            }
                            thread::yield_now();
                        }
                    }));
                }
                Ok(threads)
            });
            for thread in outcome.await.unwrap() {
                assert_eq!(thread.join().unwrap(), 4);
            }
        });
    }
}

#[test]
fn a_childs_waker_may_be_used_on_another_thread_while_the_group_goes() {
    let runtime = Runtime::new().unwrap();
    for round in 0..32 {
        let text = Box::new(String::from("lent"));
        let (probe, counts) = Probe::new(Plan::ends_at(0));
        let mut group = Box::pin(task_group(async |g| {
            drop(g.spawn(async {
                probe.await;
                assert_eq!(*text, "lent");
                Ok::<_, JoinError>(())
            }));
            pending::<Result<(), JoinError>>().await
        }));
        runtime.block_on(poll_some(&mut group, 2));
        let waker: Waker = counts.waker().unwrap();
        let wakes = Arc::new(AtomicU32::new(0));
        let seen = wakes.clone();
        let thread = thread::spawn(move || {
            for _ in 0..200 {
                waker.wake_by_ref();
                drop(waker.clone());
                seen.fetch_add(1, Ordering::SeqCst);
            }
        });
        while wakes.load(Ordering::SeqCst) < round {
            thread::yield_now();
        }
        match round % 2 {
            0 => drop(group),
            _ => runtime.block_on(async move {
                poll_some(&mut group, 2).await;
                drop(group);
            }),
        }
        assert_eq!(counts.all().1, 1);
        drop(text);
        thread.join().unwrap();
    }
}

/// Every future of ours that has a place in the tree, one in the other, about a future that never ends; it may be sent.
fn nest(probe: Probe) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    // Not `timeout`, which may be made inside of a runtime only.
    let inner = async move {
        let caught = catch_cancel(finally(probe, async {})).await;
        drop(caught);
    };
    Box::pin(async move {
        let both = gather((shield(inner), catch_cancel(pending::<()>())));
        let timed = timeout(Duration::from_secs(1000), both);
        drop(catch_cancel(timed).await);
    })
}

#[test]
fn half_run_scopes_may_be_dropped_on_another_thread_or_inside_another_runtime() {
    for polls in 1..4 {
        run(async {
            let (probe, counts) = Probe::new(Plan::ends_at(0));
            let mut nested = nest(probe);
            poll_some(&mut nested, polls).await;
            off_thread(move || drop(nested)).await;
            assert_eq!(counts.all().1, 1);

            let (probe, counts) = Probe::new(Plan::ends_at(0));
            let mut nested = nest(probe);
            poll_some(&mut nested, polls).await;
            off_thread(move || run(async move { drop(nested) })).await;
            assert_eq!(counts.all().1, 1);
            turns(2).await;
        });
    }
}

#[test]
fn half_run_scopes_may_outlive_their_runtime() {
    let (probe, counts) = Probe::new(Plan::ends_at(0));
    let mut nested = nest(probe);
    run(poll_some(&mut nested, 2));
    run(async move {
        let task = spawn(async move { catch_cancel(nested).await.is_err() });
        turns(2).await;
        task.cancel();
        turns(4).await;
        drop(task);
    });
    assert_eq!(counts.all().1, 1);
}

#[test]
fn carried_catch_points_get_the_cancellation_of_the_task_that_polls_them() {
    run(async {
        let mut catch = Box::pin(async { catch_cancel(pending::<()>()).await.is_err() });
        for _ in 0..3 {
            let carried = spawn(async move {
                poll_some(&mut catch, 2).await;
                catch
            });
            catch = carried.await.unwrap();
        }
        let last = spawn(catch);
        turns(2).await;
        last.cancel();
        assert!(last.await.unwrap());
    });
}

#[test]
fn a_task_that_lingers_for_one_whose_handle_is_on_another_thread_ends() {
    run(async {
        let slow = spawn(async {
            drop(catch_cancel(pending::<()>()).await);
            turns(3).await;
        });
        let slow_task = slow.cancel_handle();
        let waits = spawn(async move { drop(slow.await) });
        turns(2).await;
        // The handle of the one that will linger goes away; the other's is dropped when the first one is cut.
        let waits_task = waits.cancel_handle();
        off_thread(move || {
            waits.cancel();
            drop(waits);
        })
        .await;
        // The letters of the other thread are read when the loop comes to it.
        for _ in 0..100_000 {
            if task::all().len() == 1 {
                break;
            }
            yield_now().await;
        }
        assert!(!waits_task.cancel(), "it has ended");
        assert!(
            !slow_task.cancel(),
            "and so has the one that it was awaiting"
        );
    });
}

#[test]
fn lingering_tasks_in_a_ring_end_with_the_runtime() {
    let ended = Arc::new(AtomicU32::new(0));
    for drops_at_once in [false, true] {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let mut ring: Vec<std::rc::Rc<RefCell<Option<JoinHandle<()>>>>> = Vec::new();
            ring.resize_with(4, Default::default);
            for n in 0..4 {
                let (next, ended) = (ring[(n + 1) % 4].clone(), ended.clone());
                let handle = spawn(async move {
                    let _counts = OnDrop::new(move || {
                        ended.fetch_add(1, Ordering::SeqCst);
                    });
                    yield_now().await;
                    let next = next.take().unwrap();
                    drop(next.await);
                });
                *ring[n].borrow_mut() = Some(handle);
            }
            turns(4).await;
        });
        if drops_at_once {
            run(async move { drop(runtime) })
        } else {
            drop(runtime)
        }
    }
    assert_eq!(ended.load(Ordering::SeqCst), 8);
}
