//! Functions on other threads. The threads here hold each other up by channels, so that no test depends on how long anything takes.

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

/// A function that says when it begins and returns when it is told to.
fn held() -> (impl FnOnce() + Send + 'static, Receiver<()>, Sender<()>) {
    let (begin, begun) = channel();
    let (end, ended) = channel();
    let function = move || {
        begin.send(()).ok();
        ended.recv().ok();
    };
    (function, begun, end)
}

/// Awaits a message from another thread, on a thread of its own, so that the loop goes on.
async fn heard(from: Receiver<()>) {
    to_thread(move || from.recv().unwrap()).await;
}

#[test]
fn the_function_runs_on_another_thread_and_its_value_comes_home() {
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
    let (function, begun, end) = held();
    run(async {
        let waiting = spawn(to_thread(function));
        heard(begun).await;
        end.send(()).unwrap();
        waiting.await.unwrap();
    });
}

#[test]
fn functions_run_at_the_same_time() {
    // Each waits for the other's word, so neither can end alone.
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

/// [`to_thread`], asked for inside of the runtime.
async fn to_thread_later<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    to_thread(f).await
}

#[test]
fn a_panic_of_the_function_goes_on_in_the_task_with_what_it_carried() {
    let error = run(async {
        let task = spawn(to_thread(|| std::panic::resume_unwind(Box::new(42_u8))));
        task.await.map(|never: ()| never).unwrap_err()
    });
    let JoinError::Panicked(panic) = error else {
        panic!("not a panic: {error}")
    };
    assert_eq!(panic.into_payload().downcast_ref(), Some(&42_u8));
}

#[test]
fn it_is_lazy_and_a_function_that_nobody_awaited_is_never_called() {
    run(async {
        drop(to_thread(|| unreachable!("nobody awaits it")));
    });
}

#[test]
fn a_dropped_future_leaves_a_function_that_has_begun_to_itself() {
    let (function, begun, end) = held();
    let (tell, told) = channel();
    run(async {
        let task = spawn(to_thread(move || {
            function();
            OnDrop::new(move || tell.send(thread::current().id()).unwrap())
        }));
        heard(begun).await;
        assert!(task.cancel_and_wait().await.is_err());
        end.send(()).unwrap();
        let dropped_at = to_thread(move || told.recv().unwrap()).await;
        assert_ne!(dropped_at, thread::current().id());
    });
}

#[test]
fn a_value_whose_destructor_panics_where_nobody_has_it_harms_nobody() {
    let (function, begun, end) = held();
    let (tell, told) = mpsc::channel::<()>();
    run(async {
        let task = spawn(to_thread(move || {
            function();
            // Its end is heard by the channel's closing, behind the panic.
            (Bomb(DROP_PANIC), tell)
        }));
        heard(begun).await;
        drop(task.cancel_and_wait().await);
        end.send(()).unwrap();
        assert!(to_thread(move || told.recv().is_err()).await);
    });
}

/// Wall time: the thread's work is real; the sleep is long, and is cancelled.
#[test]
fn a_shield_makes_the_cancellation_wait_for_the_function() {
    let (function, begun, end) = held();
    let returned = Rc::new(Cell::new(false));
    let seen = Rc::clone(&returned);
    run(async move {
        let task = spawn(async move {
            shield(to_thread(function)).await;
            seen.set(true);
            sleep(Duration::from_secs(3600)).await;
        });
        heard(begun).await;
        task.cancel();
        end.send(()).unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert!(returned.get());
}

#[test]
fn a_cancelled_wait_can_be_caught_while_the_function_runs() {
    let (function, begun, end) = held();
    run(async move {
        let task = spawn(async move { catch_cancel(to_thread(function)).await.is_err() });
        heard(begun).await;
        task.cancel();
        assert!(task.await.unwrap());
        end.send(()).unwrap();
    });
}

#[test]
fn a_virtual_clock_does_not_jump_while_a_function_runs() {
    // Wall time, as the thread's work is real: it must last for some turns of the loop. The clock must not jump past it.
    let work = || thread::sleep(Duration::from_millis(30));
    let outcome = testing::run(async { timeout(Duration::from_secs(60), to_thread(work)).await });
    assert!(outcome.is_ok());
}

#[test]
fn the_clock_jumps_again_when_the_function_is_given_up() {
    let (function, begun, end) = held();
    testing::run(async move {
        let task = spawn(to_thread(function));
        heard(begun).await;
        drop(task.cancel_and_wait().await);
        sleep(Duration::from_secs(1_000_000)).await;
        end.send(()).unwrap();
    });
}

/// Wall time: the patience of a real runtime, as short as can be.
#[test]
fn the_end_of_the_runtime_does_not_hang_on_a_thread_that_does_not_return() {
    let (function, begun, end) = held();
    let limit = Duration::from_millis(1);
    let runtime = Runtime::builder().shutdown_timeout(limit).build().unwrap();
    runtime.block_on(async {
        spawn(to_thread(function)).detach();
        heard(begun).await;
    });
    drop(runtime);
    // It runs still: somebody listens.
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
            // Wall time: long enough for the runtime to end meanwhile, if it did not wait.
            thread::sleep(Duration::from_millis(50));
            tell.send(()).unwrap();
        };
        spawn(to_thread(work)).detach();
        heard(begun).await;
    });
    drop(runtime);
    assert_eq!(told.try_recv(), Ok(()));
}

#[test]
fn a_thousand_functions_that_wait_for_each_other_in_turn_all_return() {
    let sum: u64 = run(async {
        let tasks = (0..1_000_u64).map(|n| to_thread(move || n));
        gather(tasks.collect::<Vec<_>>()).await.iter().sum()
    });
    assert_eq!(sum, 999 * 1_000 / 2);
}

#[test]
fn outside_of_a_runtime_it_says_what_to_do() {
    panics_saying(&["to_thread", "runtime"], || to_thread(|| ()));
}

#[test]
fn polled_after_its_value_it_says_so() {
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
fn a_function_has_the_variables_that_are_inherited_and_can_cross_over() {
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
        // The pool's thread has forgotten them.
        assert_eq!(to_thread(see).await, ("nobody".into(), 0, 0));
    });
}

#[test]
fn a_runtime_on_the_other_thread_has_the_variables_too() {
    run(USER.with("ann".into(), async {
        let there = to_thread(|| run(async { spawn(async { USER.get() }).await.unwrap() }));
        assert_eq!(there.await, "ann");
    }));
}

/// A nested runtime's variables were packed for a second thread, but not what had come along to the first one.
#[test]
fn what_came_along_to_a_thread_goes_on_to_the_next_one() {
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

/// It was dropped while the function's own panic unwound, which ended the process.
#[test]
fn a_variable_that_panics_when_its_copy_is_dropped_harms_nobody() {
    run(EXPLOSIVE.with(Explosive(false), async {
        assert_eq!(to_thread(|| 1).await, 1);
        let failing = spawn(to_thread(|| panic!("the function's own panic")));
        let error = failing.await.map(|never: ()| never).unwrap_err();
        assert!(error.to_string().contains("own panic"), "{error}");
        assert_eq!(to_thread(|| 2).await, 2);
    }));
}

/// The clock of the first runtime was held, and the second one found a deadlock.
#[test]
fn the_clock_stands_still_where_a_function_is_awaited_that_another_runtime_sent() {
    let (function, begun, end) = held();
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
        // Wall time: long enough for a clock that may jump to do so.
        let ending = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            end.send(()).unwrap();
        });
        timeout(Duration::from_secs(3600), call).await.unwrap();
        ending.join().unwrap();
    });
}

/// The loop looked into its inbox first and asked second who is in flight: it did not hear who sent and went in between.
#[test]
fn a_clock_never_jumps_past_a_function_that_has_returned() {
    testing::run(async {
        let long = Duration::from_secs(3600);
        let begin = time::now();
        for _ in 0..5_000 {
            assert!(timeout(long, to_thread(|| ())).await.is_ok());
        }
        assert!(time::now() - begin < long);
    });
}
