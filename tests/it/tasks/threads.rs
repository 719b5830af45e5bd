//! Functions on other threads. Channels synchronize the threads, so no test depends on how long a
//! function takes.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender, channel};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::common::{Bomb, DROP_PANIC, OnDrop, panics_saying, text_of};
use wheelhouse::{
    JoinError, Runtime, catch_cancel, context_var, gather, run, shield, sleep, spawn, testing,
    time, timeout, to_thread,
};

/// A function that sends a message when it starts, and returns when it receives one.
fn blocked() -> (impl FnOnce() + Send + 'static, Receiver<()>, Sender<()>) {
    let (begin, begun) = channel();
    let (end, ended) = channel();
    let function = move || {
        begin.send(()).ok();
        ended.recv().ok();
    };
    (function, begun, end)
}

/// Waits for a message on another thread, so that the event loop continues.
async fn received(from: Receiver<()>) {
    to_thread(move || from.recv().unwrap()).await;
}

#[test]
fn the_function_runs_on_another_thread_and_its_value_is_returned() {
    let home = thread::current().id();
    let (other, borrowed) = run(async {
        let text = String::from("moved there and back");
        to_thread(move || (thread::current().id(), text)).await
    });
    assert_ne!(other, home);
    assert_eq!(borrowed, "moved there and back");
}

#[test]
fn other_tasks_run_meanwhile() {
    let (function, begun, end) = blocked();
    run(async {
        let waiting = spawn(to_thread(function));
        received(begun).await;
        end.send(()).unwrap();
        waiting.await.unwrap();
    });
}

#[test]
fn functions_run_at_the_same_time() {
    // Each waits for a message of the other, so neither can end alone.
    let ((to_b, from_a), (to_a, from_b)) = (channel(), channel());
    let a = to_thread_later(move || {
        to_b.send("a").unwrap();
        from_b.recv().unwrap()
    });
    let b = to_thread_later(move || {
        to_a.send("b").unwrap();
        from_a.recv().unwrap()
    });
    assert_eq!(run(gather((a, b))), ("b", "a"));
}

/// [`to_thread`], called inside the runtime.
async fn to_thread_later<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    to_thread(f).await
}

#[test]
fn a_panic_of_the_function_continues_in_the_task_with_its_payload() {
    let error = run(async {
        let task = spawn(to_thread(|| std::panic::resume_unwind(Box::new(42_u8))));
        task.await.map(|never: ()| never).unwrap_err()
    });
    let JoinError::Panicked(panic) = error else {
        panic!("no panic: {error}")
    };
    assert_eq!(panic.into_payload().downcast_ref(), Some(&42_u8));
}

#[test]
fn a_function_that_is_not_awaited_is_never_called() {
    run(async {
        drop(to_thread(|| unreachable!("nobody awaits it")));
    });
}

#[test]
fn a_function_that_has_started_continues_when_its_future_is_dropped() {
    let (function, begun, end) = blocked();
    let (tell, told) = channel();
    run(async {
        let task = spawn(to_thread(move || {
            function();
            OnDrop::new(move || tell.send(thread::current().id()).unwrap())
        }));
        received(begun).await;
        assert!(task.cancel_and_wait().await.is_err());
        end.send(()).unwrap();
        let dropped_at = to_thread(move || told.recv().unwrap()).await;
        assert_ne!(dropped_at, thread::current().id());
    });
}

#[test]
fn a_panic_in_the_destructor_of_an_unused_value_is_discarded() {
    let (function, begun, end) = blocked();
    let (tell, told) = mpsc::channel::<()>();
    run(async {
        let task = spawn(to_thread(move || {
            function();
            // The channel closes after the panic.
            (Bomb(DROP_PANIC), tell)
        }));
        received(begun).await;
        drop(task.cancel_and_wait().await);
        end.send(()).unwrap();
        assert!(to_thread(move || told.recv().is_err()).await);
    });
}

/// Wall time: a thread works. The long sleep is cancelled.
#[test]
fn a_shield_makes_the_cancellation_wait_for_the_function() {
    let (function, begun, end) = blocked();
    let returned = Rc::new(Cell::new(false));
    let seen = Rc::clone(&returned);
    run(async move {
        let task = spawn(async move {
            shield(to_thread(function)).await;
            seen.set(true);
            sleep(Duration::from_secs(3600)).await;
        });
        received(begun).await;
        task.cancel();
        end.send(()).unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert!(returned.get());
}

#[test]
fn a_cancelled_wait_can_be_caught_while_the_function_runs() {
    let (function, begun, end) = blocked();
    run(async move {
        let task = spawn(async move { catch_cancel(to_thread(function)).await.is_err() });
        received(begun).await;
        task.cancel();
        assert!(task.await.unwrap());
        end.send(()).unwrap();
    });
}

#[test]
fn virtual_time_does_not_advance_while_a_function_runs() {
    // Wall time: the thread must work for some turns of the event loop, during which virtual time
    // must not advance.
    let work = || thread::sleep(Duration::from_millis(30));
    let outcome = testing::run(async { timeout(Duration::from_secs(60), to_thread(work)).await });
    assert!(outcome.is_ok());
}

#[test]
fn virtual_time_advances_again_when_the_future_is_dropped() {
    let (function, begun, end) = blocked();
    testing::run(async move {
        let task = spawn(to_thread(function));
        received(begun).await;
        drop(task.cancel_and_wait().await);
        sleep(Duration::from_secs(1_000_000)).await;
        end.send(()).unwrap();
    });
}

/// Wall time: the shutdown timeout of a runtime, as short as possible.
#[test]
fn the_runtime_ends_although_a_function_does_not_return() {
    let (function, begun, end) = blocked();
    let limit = Duration::from_millis(1);
    let runtime = Runtime::builder().shutdown_timeout(limit).build().unwrap();
    runtime.block_on(async {
        spawn(to_thread(function)).detach();
        received(begun).await;
    });
    drop(runtime);
    // It still runs, because its receiver exists.
    end.send(()).unwrap();
}

#[test]
fn the_end_of_the_runtime_waits_for_a_function_that_returns() {
    let (tell, told) = channel();
    let (begin, begun) = channel();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let work = move || {
            begin.send(()).unwrap();
            // Wall time: long enough for the runtime to end meanwhile if it did not wait.
            thread::sleep(Duration::from_millis(50));
            tell.send(()).unwrap();
        };
        spawn(to_thread(work)).detach();
        received(begun).await;
    });
    drop(runtime);
    assert_eq!(told.try_recv(), Ok(()));
}

#[test]
fn a_thousand_functions_that_wait_for_each_other_all_return() {
    let sum: u64 = run(async {
        let tasks = (0..1_000_u64).map(|n| to_thread(move || n));
        gather(tasks.collect::<Vec<_>>()).await.iter().sum()
    });
    assert_eq!(sum, 999 * 1_000 / 2);
}

#[test]
fn outside_a_runtime_it_panics_with_a_message() {
    panics_saying(&["to_thread", "runtime"], || to_thread(|| ()));
}

#[test]
fn a_poll_after_its_value_panics_with_a_message() {
    run(async {
        let mut call = pin!(to_thread(|| 1));
        assert_eq!(call.as_mut().await, 1);
        let again = poll_fn(|cx| {
            let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                assert!(call.as_mut().poll(cx).is_ready());
            }));
            Poll::Ready(polled.unwrap_err())
        });
        assert!(text_of(&*again.await).contains("after it gave its value"));
    });
}

context_var! {
    static USER: String = String::from("nobody");
    static OWN: u32 = 0, not_inherited;
    static LOCAL: Rc<u32> = Rc::new(0);
}

#[test]
fn a_function_gets_the_variables_that_are_inherited_and_send() {
    let see = || (USER.get(), OWN.get(), *LOCAL.get());
    run(async {
        let inside = USER.with(
            "ann".into(),
            OWN.with(
                7,
                LOCAL.with(Rc::new(7), async {
                    assert_eq!(see(), ("ann".into(), 7, 7));
                    to_thread(see).await
                }),
            ),
        );
        assert_eq!(inside.await, ("ann".into(), 0, 0));
        // The thread of the pool no longer has them.
        assert_eq!(to_thread(see).await, ("nobody".into(), 0, 0));
    });
}

#[test]
fn a_runtime_on_the_other_thread_gets_the_variables_too() {
    run(USER.with("ann".into(), async {
        let there = to_thread(|| run(async { spawn(async { USER.get() }).await.unwrap() }));
        assert_eq!(there.await, "ann");
    }));
}

/// The variables of the nested runtime were sent on to a second thread, but not those that the
/// first thread had received.
#[test]
fn the_variables_that_a_thread_received_are_sent_on_to_the_next_thread() {
    let twice = USER.with("ann".into(), async {
        to_thread(|| run(to_thread_later(|| USER.get()))).await
    });
    assert_eq!(run(twice), "ann");
}

/// A value whose clone panics when it is dropped.
struct Explosive(bool);

impl Clone for Explosive {
    fn clone(&self) -> Self {
        Self(true)
    }
}

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(!self.0, "{DROP_PANIC}");
    }
}

context_var! {
    static EXPLOSIVE: Explosive = Explosive(false);
}

/// The copy was dropped while the panic of the function unwound, which ended the process.
#[test]
fn a_panic_in_the_destructor_of_a_copied_variable_is_discarded() {
    run(EXPLOSIVE.with(Explosive(false), async {
        assert_eq!(to_thread(|| 1).await, 1);
        let failing = spawn(to_thread(|| panic!("the panic of the function")));
        let error = failing.await.map(|never: ()| never).unwrap_err();
        assert!(
            error.to_string().contains("panic of the function"),
            "{error}"
        );
        assert_eq!(to_thread(|| 2).await, 2);
    }));
}

/// The clock of the first runtime stood still instead, and the second one reported a deadlock.
#[test]
fn virtual_time_stands_still_in_the_runtime_that_awaits_the_function_of_another() {
    let (function, begun, end) = blocked();
    let limit = Duration::ZERO;
    let first = Runtime::builder().shutdown_timeout(limit).build().unwrap();
    let call = first.block_on(async {
        let mut call = Box::pin(to_thread(function));
        let sent = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
        assert!(sent.await);
        begun.recv().unwrap();
        call
    });
    drop(first);
    testing::run(async {
        // Wall time: long enough for virtual time to advance if it could.
        let ending = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            end.send(()).unwrap();
        });
        timeout(Duration::from_secs(3600), call).await.unwrap();
        ending.join().unwrap();
    });
}

/// The event loop checked its queue first, and then whether functions are in flight. It missed a
/// function that returned in between.
#[test]
fn virtual_time_never_advances_past_a_function_that_has_returned() {
    testing::run(async {
        let long = Duration::from_secs(3600);
        let begin = time::now();
        for _ in 0..5_000 {
            assert!(timeout(long, to_thread(|| ())).await.is_ok());
        }
        assert!(time::now() - begin < long);
    });
}
