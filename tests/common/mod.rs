//! Tools for tests: futures, outputs and wakers that count their calls, and checks of panics.
#![allow(
    dead_code,
    reason = "every test binary has its own copy and uses a part"
)]

pub(crate) mod acting_waker;
pub(crate) mod attack;
pub(crate) mod bomb_waker;
pub(crate) mod combinator;
pub(crate) mod handles;

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Counts the calls of a [`Probe`] and its [`Token`].
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Polls of the future.
    pub(crate) polls: AtomicU32,
    /// Drops of the future.
    pub(crate) futures: AtomicU32,
    /// Drops of the output.
    pub(crate) outputs: AtomicU32,
    /// The waker of the latest poll.
    pub(crate) waker: Mutex<Option<Waker>>,
}

impl Counts {
    /// Polls, drops of the future, drops of the output.
    pub(crate) fn all(&self) -> (u32, u32, u32) {
        (
            self.polls.load(Ordering::SeqCst),
            self.futures.load(Ordering::SeqCst),
            self.outputs.load(Ordering::SeqCst),
        )
    }

    /// A clone of the waker of the latest poll.
    pub(crate) fn waker(&self) -> Option<Waker> {
        self.waker.lock().unwrap().clone()
    }
}

/// The behaviour of a [`Probe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The poll in which it ends; 0 for never.
    pub(crate) ends_at: u32,
    /// Whether it ends with a panic.
    pub(crate) panics: bool,
    /// Whether its destructor panics.
    pub(crate) drop_panics: bool,
    /// Whether it wakes itself when it is pending.
    pub(crate) wakes_itself: bool,
    /// Whether it cancels its task in its first poll.
    pub(crate) cancels_itself: bool,
}

impl Plan {
    /// Ends with a value in poll `ends_at`, and does not wake itself.
    pub(crate) const fn ends_at(ends_at: u32) -> Self {
        Self {
            ends_at,
            panics: false,
            drop_panics: false,
            wakes_itself: false,
            cancels_itself: false,
        }
    }
}

/// The text of the panics of a [`Probe`] in a poll.
pub(crate) const POLL_PANIC: &str = "on purpose, while polled";
/// The text of the panics of a [`Probe`] in its destructor.
pub(crate) const DROP_PANIC: &str = "on purpose, while dropped";

/// A future that counts its polls and drops.
#[derive(Debug)]
pub(crate) struct Probe {
    plan: Plan,
    counts: Arc<Counts>,
}

impl Probe {
    /// Creates a future and its counters.
    pub(crate) fn new(plan: Plan) -> (Self, Arc<Counts>) {
        let counts = Arc::new(Counts::default());
        let probe = Self {
            plan,
            counts: Arc::clone(&counts),
        };
        (probe, counts)
    }
}

impl Future for Probe {
    type Output = Token;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Token> {
        let polls = self.counts.polls.fetch_add(1, Ordering::SeqCst) + 1;
        assert_eq!(
            self.counts.futures.load(Ordering::SeqCst),
            0,
            "polled after its drop"
        );
        let old = self
            .counts
            .waker
            .lock()
            .unwrap()
            .replace(cx.waker().clone());
        drop(old);
        if self.plan.cancels_itself && polls == 1 {
            assert!(wheelhouse::task::current().cancel_handle().cancel());
        }
        if polls == self.plan.ends_at && self.plan.panics {
            silent_panic(POLL_PANIC);
        }
        if polls == self.plan.ends_at {
            return Poll::Ready(Token(Arc::clone(&self.counts)));
        }
        if self.plan.wakes_itself {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.counts.futures.fetch_add(1, Ordering::SeqCst);
        if self.plan.drop_panics {
            silent_panic(DROP_PANIC);
        }
    }
}

/// An output that counts its drop.
#[derive(Debug)]
pub(crate) struct Token(pub(crate) Arc<Counts>);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.outputs.fetch_add(1, Ordering::SeqCst);
    }
}

/// Panics without a message on standard error, because tests cause thousands of these panics.
pub(crate) fn silent_panic(text: &'static str) -> ! {
    resume_unwind(Box::new(text))
}

/// Panics when it is dropped.
#[derive(Debug)]
pub(crate) struct Bomb(pub(crate) &'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        silent_panic(self.0);
    }
}

/// Runs a function when it is dropped.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    pub(crate) fn new(f: F) -> Self {
        Self(Some(f))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// A waker that counts its wakes.
#[derive(Debug, Default)]
pub(crate) struct CountingWaker(AtomicU32);

impl CountingWaker {
    /// Creates a counter and its waker.
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&counter));
        (counter, waker)
    }

    /// Returns how often it was woken.
    pub(crate) fn wakes(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that owns a value, and does nothing.
pub(crate) struct KeepingWaker<T>(pub(crate) T);

impl<T: Send + Sync + 'static> KeepingWaker<T> {
    pub(crate) fn keeping(value: T) -> Waker {
        Waker::from(Arc::new(Self(value)))
    }
}

impl<T: Send + Sync + 'static> Wake for KeepingWaker<T> {
    fn wake(self: Arc<Self>) {}
}

/// Polls a future once with this waker.
pub(crate) fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Polls a future a number of times, with a turn in between. It must not end.
pub(crate) async fn poll_some<F: Future + ?Sized>(future: &mut Pin<Box<F>>, polls: usize) {
    for _ in 0..polls {
        std::future::poll_fn(|cx| {
            assert!(future.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        wheelhouse::yield_now().await;
    }
}

/// Runs `f`, which must panic, and returns the text of the panic.
pub(crate) fn panic_text<T>(f: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => text_of(&*payload).to_owned(),
    }
}

/// Runs `f`, which must panic, and checks that the text of the panic contains all these words.
#[track_caller]
pub(crate) fn panics_saying<T>(words: &[&str], f: impl FnOnce() -> T) {
    let text = panic_text(f);
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text:?}");
    }
}

/// Returns the text of a panic.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("not text")
}

/// Yields a number of times.
pub(crate) async fn turns(count: usize) {
    for _ in 0..count {
        wheelhouse::yield_now().await;
    }
}

/// Runs `f` on another thread and waits for it without blocking this one. Its panic continues here.
///
/// The other thread sends the wake: on virtual time, hold a `Remote` meanwhile.
pub(crate) async fn off_thread<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = futures::channel::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        // Dropped without a message when `f` has returned or panicked.
        let _sender = sender;
        f()
    });
    assert!(receiver.await.is_err());
    match thread.join() {
        Ok(value) => value,
        Err(payload) => resume_unwind(payload),
    }
}

/// Values that are leaked on purpose stay reachable here, so that the leak check ignores them.
static KEPT: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());

/// Keeps a value reachable until the end of the process.
pub(crate) fn keep_for_ever(value: impl Any + Send) {
    KEPT.lock().unwrap().push(Box::new(value));
}

/// Leaks a value, and keeps only its address reachable.
pub(crate) fn leak<T>(value: T) {
    keep_for_ever(std::ptr::from_ref(Box::leak(Box::new(value))).addr());
}
