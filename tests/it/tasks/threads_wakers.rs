//! Functions on other threads with third-party code: wakers that drop or poll the call that they
//! wake, or panic; captures whose destructors panic.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::common::{Bomb, DROP_PANIC};
use wheelhouse::{context_var, fs, run, spawn, to_thread, yield_now};

/// A call that is polled with a given waker.
type Call = Pin<Box<dyn Future<Output = u32> + Send>>;

/// Starts to wait for a call.
fn begin(call: &mut Call, waker: &Waker) {
    let polled = call.as_mut().poll(&mut Context::from_waker(waker));
    assert!(polled.is_pending());
}

/// A function that waits for a message, and its sender.
fn waiting() -> (Call, Sender<()>) {
    let (tell, told) = channel();
    let call = to_thread(move || {
        told.recv().unwrap();
        7
    });
    (Box::pin(call), tell)
}

/// Drops the call that it wakes, and sends a message.
struct Dropper(Mutex<Option<Call>>, Sender<()>);

impl Wake for Dropper {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
        self.1.send(()).unwrap();
    }
}

#[test]
fn a_waker_may_drop_the_call_that_it_wakes() {
    run(async {
        let (woken, heard) = channel();
        let dropper = Arc::new(Dropper(Mutex::new(None), woken));
        let (mut call, tell) = waiting();
        begin(&mut call, &Arc::clone(&dropper).into());
        *dropper.0.lock().unwrap() = Some(call);
        tell.send(()).unwrap();
        to_thread(move || heard.recv().unwrap()).await;
        assert!(dropper.0.lock().unwrap().is_none());
    });
}

/// Panics when it is woken. Its drop closes the channel.
struct Panicker(#[expect(dead_code, reason = "dropped with it")] Mutex<Sender<()>>);

impl Wake for Panicker {
    fn wake(self: Arc<Self>) {
        panic!("the panic of a waker");
    }
}

#[test]
fn a_waker_that_panics_on_the_thread_loses_neither_the_value_nor_the_thread() {
    run(async {
        let (kept, gone) = channel();
        let waker = Waker::from(Arc::new(Panicker(Mutex::new(kept))));
        let (mut call, tell) = waiting();
        begin(&mut call, &waker);
        drop(waker);
        tell.send(()).unwrap();
        assert!(to_thread(move || gone.recv().is_err()).await);
        assert_eq!(call.await, 7);
    });
}

#[test]
fn a_panic_in_the_destructor_of_a_capture_is_discarded_whenever_the_call_is_dropped() {
    run(async {
        for number in 0..100 {
            let bomb = Bomb(DROP_PANIC);
            let task = spawn(to_thread(move || drop(bomb)));
            for _ in 0..number % 4 {
                yield_now().await;
            }
            drop(task.cancel_and_wait().await);
        }
        assert_eq!(to_thread(|| 7).await, 7);
    });
}

/// How often a [`Counted`] was cloned.
static CLONES: AtomicU32 = AtomicU32::new(0);

/// A value that counts its clones.
struct Counted;

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

context_var! {
    static COUNTED: Counted;
}

/// Each call to the file system used to copy all variables in vain.
#[test]
fn variables_are_copied_only_for_functions_of_users() {
    run(COUNTED.with(Counted, async {
        fs::exists("/").await.unwrap();
        assert_eq!(CLONES.load(Ordering::Relaxed), 0);
        to_thread(|| ()).await;
        assert_eq!(CLONES.load(Ordering::Relaxed), 1);
    }));
}

/// Polls the call that it wakes on the thread of the pool, and sends its value.
struct Poller(Mutex<Option<Call>>, Sender<Option<u32>>);

impl Wake for Poller {
    fn wake(self: Arc<Self>) {
        let call = self.0.lock().unwrap().take();
        let Some(mut call) = call else { return };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        }));
        let value = match polled {
            Ok(Poll::Ready(value)) => Some(value),
            _ => None,
        };
        // The poll panics, because this is another thread. The call is dropped here.
        self.1.send(value).unwrap();
    }
}

#[test]
fn a_waker_may_poll_the_call_that_it_wakes_on_the_thread_of_the_pool() {
    run(async {
        let (woken, heard) = channel();
        let poller = Arc::new(Poller(Mutex::new(None), woken));
        let (mut call, tell) = waiting();
        begin(&mut call, &Arc::clone(&poller).into());
        *poller.0.lock().unwrap() = Some(call);
        tell.send(()).unwrap();
        let value = to_thread(move || heard.recv().unwrap()).await;
        assert!(value.is_none_or(|value| value == 7));
        assert_eq!(to_thread(|| 8).await, 8);
    });
}
