//! Cancel at every step: signals, context variables and the clock of tests are ended at each of
//! their suspensions, in five ways. The harness, and what it checks in each scene without being
//! asked, is `testing::Steps`. A signal belongs to the whole process, so each of these tests has
//! one of its own, and waits for each that it sends.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::common::turns;
use crate::steps::counting::{bytes, steps_of};
use rustix::process::{Signal as Sent, getpid, kill_process};
use wheelhouse::signal::{self, SignalKind};
use wheelhouse::sync::Lock;
use wheelhouse::testing::{Step, Steps};
use wheelhouse::{
    JoinHandle, catch_cancel, context_var, sleep, spawn, task, testing, time, yield_now,
};

/// Whoever holds it may listen to signals: what the process keeps for them is changed by one thread
/// at a time.
static ONE: Mutex<()> = Mutex::new(());

/// Waits until no other test listens.
fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many signals are sent at most.
const MOST: u32 = 3;

/// What a scene and its helper tell each other.
#[derive(Debug, Default)]
struct Signals {
    /// How many were sent.
    sent: Cell<u32>,
    /// How many were received.
    heard: Cell<u32>,
    /// Set when the future under test has ended.
    over: Cell<bool>,
}

/// Sends a signal to this process.
fn send(signal: Sent) {
    kill_process(getpid(), signal).expect("a process may signal itself");
}

/// Sends one again and again, each time after the one before was received.
fn sends(signal: Sent, signals: &Rc<Signals>) -> JoinHandle<()> {
    let signals = Rc::clone(signals);
    spawn(async move {
        while signals.sent.get() < MOST {
            // Several turns of the loop: the listener is asleep by then.
            turns(130).await;
            if signals.over.get() {
                return;
            }
            send(signal);
            signals.sent.set(signals.sent.get() + 1);
            while signals.heard.get() < signals.sent.get() && !signals.over.get() {
                yield_now().await;
            }
        }
    })
}

/// Receives all signals that are sent; `hear` waits for one. The next call receives a signal that a
/// cut future did not.
async fn hears<W: 'static>(
    step: &Step,
    sent: Sent,
    world: W,
    hear: impl AsyncFn(&Lock<W>) + Copy + 'static,
) {
    let (signals, world) = (Rc::new(Signals::default()), Rc::new(Lock::new(world)));
    let (noted, theirs) = (Rc::clone(&signals), Rc::clone(&world));
    let sending = sends(sent, &signals);
    let cut = step.cut(async move {
        while noted.heard.get() < MOST {
            hear(&theirs).await;
            noted.heard.set(noted.heard.get() + 1);
        }
    });
    drop(cut.await);
    signals.over.set(true);
    sending.await.expect("it ends well");
    while signals.heard.get() < signals.sent.get() {
        hear(&world).await;
        signals.heard.set(signals.heard.get() + 1);
    }
    // One more signal for the next future. It also removes the abandoned wakers, of which the line
    // keeps a few.
    send(sent);
    hear(&world).await;
}

#[test]
fn a_listener_that_is_cut_off_loses_no_signal() {
    let _alone = alone();
    let steps = Steps::of("Signal::recv").real().meter("bytes", bytes);
    let most = steps.run(async |step: &Step| {
        let listener = signal::unix(SignalKind::user_defined1()).expect("it can be listened to");
        let hear = async |listener: &Lock<signal::Signal>| {
            listener.lock().await.recv().await.expect("it is at home");
        };
        hears(step, Sent::USR1, listener, hear).await;
    });
    assert!(most >= 3, "{most}");
}

#[test]
fn a_ctrl_c_that_is_cut_off_leaves_it_to_the_next() {
    let _alone = alone();
    let steps = Steps::of("ctrl_c").real().meter("bytes", bytes);
    let most = steps.run(async |step: &Step| {
        let hear = async |_: &Lock<()>| signal::ctrl_c().await.expect("it is at home");
        hears(step, Sent::INT, (), hear).await;
    });
    assert!(most >= 3, "{most}");
}

context_var! {
    /// A number.
    static NUMBER: u32 = 1;
}

#[test]
fn a_variable_is_set_inside_and_nowhere_else() {
    let most = steps_of("ContextVar::with").run(async |step: &Step| {
        let seen = Rc::new(Cell::new(0));
        let noted = Rc::clone(&seen);
        let cut = step.cut(NUMBER.with(2, async move {
            turns(2).await;
            if let Err(cancelled) = catch_cancel(sleep(Duration::from_millis(1))).await {
                turns(1).await;
                noted.set(NUMBER.get());
                cancelled.resume().await
            }
        }));
        drop(cut.await);
        assert!(matches!(seen.get(), 0 | 2));
        assert_eq!(NUMBER.get(), 1);
    });
    assert!(most >= 3, "{most}");
}

#[test]
fn settle_and_advance_leave_the_clock_where_they_were_cut_off() {
    let most = steps_of("advance").run(async |step: &Step| {
        let (start, hour) = (time::now(), Duration::from_secs(3600));
        let sleeper = spawn(sleep(hour));
        let cut = step.cut(async move {
            testing::settle().await;
            testing::advance(hour / 2).await;
        });
        let ended = cut.await.ended().is_some();
        assert!(!ended || time::now() - start >= hour / 2);
        sleeper.cancel_and_wait().await.expect_err("it was asleep");
        assert_eq!(task::all().len(), 1);
    });
    assert!(most >= 1, "{most}");
}
