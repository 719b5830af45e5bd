//! What the tests are made of: futures that end when told to, and a parent that is polled by hand.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

/// Counts what happens.
#[derive(Debug, Default)]
pub(super) struct Tally(AtomicUsize);

impl Tally {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn sub(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Tally {
    fn wake(self: Arc<Self>) {
        self.add();
    }
}

/// A future in the hands of a test, and the wakes its parent got.
pub(super) struct Driven<F: Future> {
    future: Pin<Box<F>>,
    pub(super) wakes: Arc<Tally>,
}

impl<F: Future> Driven<F> {
    pub(super) fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            wakes: Tally::new(),
        }
    }

    /// Polls once.
    pub(super) fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls as long as it is woken; panics if it gets stuck.
    pub(super) fn finish(&mut self) -> F::Output {
        loop {
            let before = self.wakes.get();
            if let Poll::Ready(output) = self.poll() {
                return output;
            }
            assert!(self.wakes.get() > before, "stuck: pending and not woken");
        }
    }

    pub(super) fn future(&mut self) -> Pin<&mut F> {
        self.future.as_mut()
    }
}

/// What a [`Gate`] and its [`Key`] share.
struct Shared<T> {
    value: Option<T>,
    waker: Option<Waker>,
    polls: usize,
    drops: usize,
}

/// A future that ends when its key says so.
pub(super) struct Gate<T>(Arc<Mutex<Shared<T>>>);

/// The test's end of a [`Gate`].
pub(super) struct Key<T>(Arc<Mutex<Shared<T>>>);

pub(super) fn gate<T>() -> (Key<T>, Gate<T>) {
    let shared = Shared {
        value: None,
        waker: None,
        polls: 0,
        drops: 0,
    };
    let shared = Arc::new(Mutex::new(shared));
    (Key(shared.clone()), Gate(shared))
}

/// `n` gates, and their keys.
pub(super) fn gates<T>(n: usize) -> (Vec<Key<T>>, Vec<Gate<T>>) {
    (0..n).map(|_| gate()).unzip()
}

impl<T> Key<T> {
    fn lock(&self) -> MutexGuard<'_, Shared<T>> {
        self.0.lock().unwrap()
    }

    /// Gives the value and wakes.
    pub(super) fn open(&self, value: T) {
        self.lock().value = Some(value);
        self.wake();
    }

    /// Wakes and keeps the waker.
    pub(super) fn wake(&self) {
        let waker = self.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake_by_ref();
        }
    }

    pub(super) fn waker(&self) -> Waker {
        self.lock().waker.clone().expect("the gate was polled")
    }

    pub(super) fn polls(&self) -> usize {
        self.lock().polls
    }

    pub(super) fn drops(&self) -> usize {
        self.lock().drops
    }
}

impl<T> Future for Gate<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut shared = self.0.lock().unwrap();
        shared.polls += 1;
        if let Some(value) = shared.value.take() {
            return Poll::Ready(value);
        }
        let stale = shared.waker.replace(cx.waker().clone());
        drop(shared);
        drop(stale);
        Poll::Pending
    }
}

impl<T> Drop for Gate<T> {
    fn drop(&mut self) {
        self.0.lock().unwrap().drops += 1;
    }
}

/// Wakes itself `times` times, then gives `value`; each poll goes into the trace.
pub(super) struct Yielder<'a> {
    pub(super) times: usize,
    pub(super) value: usize,
    pub(super) trace: &'a Mutex<Vec<usize>>,
}

impl Future for Yielder<'_> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        self.trace.lock().unwrap().push(self.value);
        if self.times == 0 {
            return Poll::Ready(self.value);
        }
        self.times -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Notes its number in the trace when dropped, then panics with it if told to.
pub(super) struct Bomb<'a> {
    pub(super) number: usize,
    pub(super) armed: bool,
    pub(super) trace: &'a Mutex<VecDeque<usize>>,
}

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        self.trace.lock().unwrap().push_back(self.number);
        if self.armed {
            std::panic::panic_any(self.number);
        }
    }
}

/// Fewer rounds where an interpreter runs the tests.
pub(super) fn scaled(n: usize) -> usize {
    if cfg!(miri) { n.div_ceil(100) } else { n }
}
