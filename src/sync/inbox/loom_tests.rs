//! The receiver misses neither an item nor the close, in any interleaving of the threads.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::*;

/// The receiver's waker, which counts its wakes.
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// Receives until the inbox is closed, as a task would: polls again only after a wake.
fn receive<T>(receiver: &Receiver<T>) -> Vec<T> {
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&counter));
    let mut items = Vec::new();
    loop {
        let before = counter.0.load(Ordering::Acquire);
        match receiver.0.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(Ok(item)) => items.push(item),
            Poll::Ready(Err(_)) => return items,
            Poll::Pending => {
                while counter.0.load(Ordering::Acquire) == before {
                    thread::yield_now();
                }
            }
        }
    }
}

/// Explores every interleaving with up to two preemptions.
fn explore(f: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(f);
}

#[test]
fn loom_every_item_and_the_end_arrive() {
    explore(|| {
        let (sender, receiver) = unbounded();
        let other = sender.clone();
        let threads = [(sender, 1), (other, 2)]
            .map(|(sender, item)| thread::spawn(move || assert!(sender.send(item).is_ok())));
        let mut items = receive(&receiver);
        items.sort_unstable();
        assert_eq!(items, [1, 2]);
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("the thread does not panic"));
    });
}

#[test]
fn loom_a_blocked_sender_is_woken_by_a_free_place_and_by_the_drop_of_the_receiver() {
    explore(|| {
        let (sender, receiver) = bounded(1);
        let thread = thread::spawn(move || {
            let first = sender.send(1).is_ok();
            (first, sender.send(2).is_ok())
        });
        let mut cx = Context::from_waker(Waker::noop());
        let got = receiver.0.poll(&mut cx).is_ready();
        drop(receiver);
        let (first, second) = thread.join().expect("the thread does not panic");
        assert!(!got || first);
        assert!(first || !second);
    });
}
