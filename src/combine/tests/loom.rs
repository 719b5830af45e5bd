//! The queue under loom: no wake is lost, whatever the threads do.

use crate::combine::queue::{Node, Queue};
use crate::combine::shares::Shares;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::task::{Wake, Waker};

/// The parent's waker: counts.
struct Parent(AtomicUsize);

impl Wake for Parent {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// A queue with its nodes, and what the wakers' threads have written before they woke.
struct Bench {
    queue: Queue,
    nodes: Vec<Node>,
    written: Vec<AtomicUsize>,
}

fn bench(n: u32) -> Arc<Bench> {
    Arc::new(Bench {
        queue: Queue::new(),
        nodes: (0..n).map(Node::new).collect(),
        written: (0..n).map(|_| AtomicUsize::new(0)).collect(),
    })
}

/// Polls until every child was seen with all it was woken for; waits for the parent's waker in
/// between.
fn poll_until_seen(bench: &Bench, wakes: &[usize]) {
    let parent = std::sync::Arc::new(Parent(AtomicUsize::new(0)));
    let waker = Waker::from(parent.clone());
    let mut seen = vec![0; wakes.len()];
    while seen != wakes {
        let before = parent.0.load(Ordering::Acquire);
        let mut round = bench.queue.take(&bench.nodes);
        while let Some(index) = round.pop(&bench.nodes) {
            seen[index] = bench.written[index].load(Ordering::Relaxed);
        }
        if seen != wakes && bench.queue.park(&waker) {
            while parent.0.load(Ordering::Acquire) == before {
                thread::yield_now();
            }
        }
    }
}

/// Explores every interleaving with up to two preemptions; without the bound the waiting loops take
/// minutes.
fn explore(f: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(f);
}

#[test]
fn wakes_of_two_children_on_two_threads_both_arrive() {
    explore(|| {
        let bench = bench(2);
        let threads: Vec<_> = (0..2)
            .map(|index| {
                let bench = bench.clone();
                thread::spawn(move || {
                    bench.written[index as usize].store(1, Ordering::Relaxed);
                    bench.queue.wake(&bench.nodes, index);
                })
            })
            .collect();
        poll_until_seen(&bench, &[1, 1]);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn wakes_of_one_child_on_two_threads_publish_all_earlier_writes() {
    explore(|| {
        let bench = bench(1);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let bench = bench.clone();
                thread::spawn(move || {
                    bench.written[0].fetch_add(1, Ordering::Relaxed);
                    bench.queue.wake(&bench.nodes, 0);
                })
            })
            .collect();
        poll_until_seen(&bench, &[2]);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_wake_may_race_with_the_end() {
    explore(|| {
        let bench = bench(1);
        let waker = Waker::from(std::sync::Arc::new(Parent(AtomicUsize::new(0))));
        let slept = bench.queue.park(&waker);
        let thread = {
            let bench = bench.clone();
            thread::spawn(move || bench.queue.wake(&bench.nodes, 0))
        };
        bench.nodes[0].mute();
        bench.queue.close();
        thread.join().unwrap();
        assert!(slept);
    });
}

/// A child that ends while two threads wake it must not enter the chain a second time: the chain
/// would become a circle, which the poller would never leave, or lose what stood behind it. The
/// sibling's wake, pushed in between, must arrive.
#[test]
fn two_wakes_may_race_with_the_end_of_their_child_while_a_sibling_continues() {
    explore(|| {
        let bench = bench(2);
        let threads: Vec<_> = (0..2)
            .map(|me| {
                let bench = bench.clone();
                thread::spawn(move || {
                    bench.queue.wake(&bench.nodes, 0);
                    if me == 0 {
                        bench.written[1].store(1, Ordering::Relaxed);
                        bench.queue.wake(&bench.nodes, 1);
                    }
                })
            })
            .collect();
        bench.nodes[0].mute();
        poll_until_seen(&bench, &[0, 1]);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        let mut rest = bench.queue.take(&bench.nodes);
        assert_eq!(rest.pop(&bench.nodes), None);
        assert!(bench.nodes[0].is_muted());
    });
}

/// The shares of an allocation, what lies in it, and how often it was freed.
struct Allocation {
    shares: Shares,
    memory: UnsafeCell<()>,
    freed: AtomicUsize,
}

impl Allocation {
    /// Uses the memory and gives a share up; whoever is told to free it writes to it. loom reports
    /// a use that the write does not come after.
    fn release(&self) {
        self.memory.with(|_| ());
        if self.shares.release() {
            self.memory.with_mut(|_| ());
            self.freed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The combinator drops its share by a load instead of a read-modify-write where it finds itself
/// alone, while other threads clone and drop wakers.
#[test]
fn exactly_one_owner_frees_and_sees_all_that_the_others_did() {
    explore(|| {
        let allocation = Arc::new(Allocation {
            shares: Shares::one(),
            memory: UnsafeCell::new(()),
            freed: AtomicUsize::new(0),
        });
        let threads: Vec<_> = (0..2)
            .map(|_| {
                allocation.shares.retain();
                let allocation = allocation.clone();
                thread::spawn(move || {
                    allocation.shares.retain();
                    allocation.release();
                    allocation.release();
                })
            })
            .collect();
        allocation.release();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(allocation.freed.load(Ordering::Relaxed), 1);
    });
}
