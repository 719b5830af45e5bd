//! Wakers, destructors and comparisons that panic, or that use the queue they are called from.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

use futures::FutureExt;
use wheelhouse::sync::{GetError, LifoQueue, PriorityQueue, Queue};

use crate::common::bomb_waker::{CLONE, DROP, WAKE, bomb_waker};
use crate::common::{Bomb, CountingWaker, OnDrop, panic_text, poll_with, silent_panic};

thread_local! {
    /// The queue that third-party code uses, and how often it was used.
    static QUEUE: Queue<u32> = Queue::bounded(4);
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// A waker whose wake and drop use the queue.
struct ComesBack;

impl ComesBack {
    fn call() {
        CALLS.set(CALLS.get() + 1);
        QUEUE.with(|queue| {
            assert!(queue.put_nowait(7).is_ok() || queue.is_full() || queue.is_closed());
            assert!(queue.get_nowait().is_ok() || queue.is_empty());
            _ = (queue.len(), queue.is_full());
            let mut get = queue.get();
            let mut put = queue.put(8);
            let waker = Waker::noop();
            drop((poll_with(&mut get, waker), poll_with(&mut put, waker)));
        });
    }
}

impl Wake for ComesBack {
    fn wake(self: Arc<Self>) {
        Self::call();
    }
}

impl Drop for ComesBack {
    fn drop(&mut self) {
        Self::call();
    }
}

#[test]
fn wakers_may_use_the_queue_that_wakes_or_drops_them() {
    QUEUE.with(|queue| {
        let waker = Waker::from(Arc::new(ComesBack));
        let mut get = queue.get();
        assert!(poll_with(&mut get, &waker).is_pending());
        drop(waker);
        queue.put_nowait(1).unwrap(); // wakes, and drops the last waker
        assert_eq!(CALLS.get(), 2);
        // The promise was kept while other waits began and ended.
        assert_eq!(get.now_or_never(), Some(Ok(7)));

        let mut get = queue.get();
        while queue.get_nowait().is_ok() {}
        assert!(poll_with(&mut get, &Waker::from(Arc::new(ComesBack))).is_pending());
        drop(get); // drops the waker
        assert_eq!(CALLS.get(), 3);

        while queue.put_nowait(0).is_ok() {}
        let mut put = queue.put(2);
        assert!(poll_with(&mut put, &Waker::from(Arc::new(ComesBack))).is_pending());
        queue.close();
        assert_eq!(CALLS.get(), 5);
    });
}

thread_local! {
    /// What the clone of [`doing_waker`] does.
    static IN_CLONE: Cell<fn(&Queue<u32>)> = const { Cell::new(|_| ()) };
}

/// Returns a waker whose clone changes the queue that is about to store it.
fn doing_waker(call: fn(&Queue<u32>)) -> Waker {
    fn clone(_: *const ()) -> RawWaker {
        QUEUE.with(IN_CLONE.get());
        RawWaker::new(std::ptr::null(), &TABLE)
    }
    fn nothing(_: *const ()) {}
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, nothing, nothing, nothing);
    IN_CLONE.set(call);
    // SAFETY: the functions of the table do not use the pointer, and any thread may call them.
    unsafe { Waker::new(std::ptr::null(), &TABLE) }
}

#[test]
fn what_the_clone_of_the_waker_brings_about_is_not_missed() {
    QUEUE.with(|queue| {
        let puts = doing_waker(|queue| queue.put_nowait(9).unwrap());
        assert_eq!(poll_with(&mut queue.get(), &puts), Poll::Ready(Ok(9)));
        assert_eq!(queue.get_nowait(), Err(GetError::Empty));
        while queue.put_nowait(0).is_ok() {}
        let gets = doing_waker(|queue| assert_eq!(queue.get_nowait(), Ok(0)));
        assert_eq!(poll_with(&mut queue.put(1), &gets), Poll::Ready(Ok(())));
        let finishes = doing_waker(|queue| (0..6).for_each(|_| queue.task_done()));
        assert_eq!(poll_with(&mut queue.join(), &finishes), Poll::Ready(()));
    });
}

#[test]
fn a_waker_whose_clone_panics_leaves_the_queue_as_it_was() {
    let queue = Queue::bounded(1);
    let bomb = bomb_waker(CLONE);
    let mut get = queue.get();
    assert!(panic_text(|| poll_with(&mut get, &bomb)).contains("clone"));
    drop(get);
    queue.put_nowait(1).unwrap();
    let mut put = queue.put(2);
    assert!(panic_text(|| poll_with(&mut put, &bomb)).contains("clone"));
    assert_eq!(put.into_item(), Some(2));
    assert_eq!(queue.get_nowait(), Ok(1));
    assert!(queue.is_empty() && !queue.is_full());
}

#[test]
fn wakers_that_panic_keep_no_other_task_asleep() {
    let queue = Queue::<u8>::unbounded();
    let bombs = [bomb_waker(WAKE), bomb_waker(WAKE | DROP)];
    let (counter, waker) = CountingWaker::new();
    let (mut a, mut b, mut c) = (queue.get(), queue.get(), queue.get());
    assert!(poll_with(&mut a, &bombs[0]).is_pending());
    assert!(poll_with(&mut b, &bombs[1]).is_pending());
    assert!(poll_with(&mut c, &waker).is_pending());
    queue.close();
    assert_eq!(counter.wakes(), 1);
    drop((a, b, c));
    std::mem::forget(bombs);
}

#[test]
fn destructors_of_items_may_use_the_queue_and_panic() {
    let queue = Rc::new(LifoQueue::<Box<dyn std::any::Any>>::unbounded());
    let theirs = Rc::clone(&queue);
    let seen = Rc::new(Cell::new(None));
    let note = Rc::clone(&seen);
    queue.put_nowait(Box::new(Bomb("first"))).unwrap();
    let looks = OnDrop::new(move || {
        note.set(Some((
            theirs.len(),
            theirs.put_nowait(Box::new(())).is_err(),
        )));
        drop(theirs.get_nowait());
        theirs.close_now();
    });
    queue.put_nowait(Box::new(looks)).unwrap();
    queue.put_nowait(Box::new(Bomb("second"))).unwrap();
    let (counter, waker) = CountingWaker::new();
    let mut join = Box::pin(queue.join());
    assert!(poll_with(&mut join, &waker).is_pending());
    // The last item is dropped first. All are dropped, after all waiting tasks were woken.
    assert_eq!(panic_text(|| queue.close_now()), "second");
    assert_eq!(seen.get(), Some((0, true)));
    assert_eq!(counter.wakes(), 1);
    assert!(poll_with(&mut join, &waker).is_ready());
}

thread_local! {
    /// The queue whose items use it in their `Ord`, and what they do.
    static SORTED: PriorityQueue<Odd> = PriorityQueue::unbounded();
    static ORD: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// An item whose comparison calls `ORD`.
#[derive(Debug, PartialEq, Eq)]
struct Odd(u32);

impl Ord for Odd {
    fn cmp(&self, other: &Self) -> Ordering {
        if let Some(ord) = ORD.with_borrow(Clone::clone) {
            ord();
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Odd {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Puts these items, with an `Ord` that only compares.
fn fill(numbers: impl IntoIterator<Item = u32>) {
    SORTED.with(|queue| {
        for number in numbers {
            queue.put_nowait(Odd(number)).unwrap();
        }
    });
}

/// Takes all items, with an `Ord` that only compares.
fn drain() -> Vec<u32> {
    ORD.set(None);
    let get = || SORTED.with(|queue| queue.get_nowait().ok());
    std::iter::from_fn(get).map(|odd| odd.0).collect()
}

#[test]
fn a_comparison_may_look_at_the_queue_and_drop_its_futures() {
    fill([3, 1, 2]);
    let calls = Rc::new(Cell::new(0));
    let count = Rc::clone(&calls);
    ORD.set(Some(Rc::new(move || {
        count.set(count.get() + 1);
        SORTED.with(|queue| {
            assert!(queue.len() >= 3 && !queue.is_full() && !queue.is_closed());
            drop((queue.get(), queue.put(Odd(9)), queue.join()));
            assert!(format!("{queue:?}").contains("len"));
        });
    })));
    fill([0]);
    assert!(calls.get() > 0);
    assert_eq!(drain(), [0, 1, 2, 3]);
}

#[test]
fn a_comparison_that_takes_or_puts_is_told_and_nothing_is_lost() {
    let uses: [fn(&PriorityQueue<Odd>); 5] = [
        |queue| drop(queue.get_nowait()),
        |queue| drop(queue.put_nowait(Odd(9))),
        |queue| assert!(queue.get().now_or_never().is_none(), "never said"),
        |queue| assert!(queue.put(Odd(9)).now_or_never().is_none(), "never said"),
        |queue| queue.close_now(),
    ];
    for using in uses {
        fill([3, 1]);
        ORD.set(Some(Rc::new(move || SORTED.with(using))));
        let text = panic_text(|| fill([2]));
        assert!(
            text.contains("`PriorityQueue`") && text.contains("`Ord`"),
            "{text}"
        );
        let mut left = drain();
        left.sort_unstable();
        assert_eq!(left, [1, 2, 3]);
    }
}

#[test]
fn a_comparison_that_panics_loses_no_item_and_keeps_no_task_asleep() {
    SORTED.with(|queue| {
        fill([3, 1, 2, 5, 4]);
        ORD.set(Some(Rc::new(|| silent_panic("no order"))));
        assert_eq!(panic_text(|| drop(queue.get_nowait())), "no order");
        assert_eq!(queue.len(), 5);
        let mut left = drain();
        left.sort_unstable();
        assert_eq!(left, [1, 2, 3, 4, 5]);

        // Two gets wait. The put that wakes the second compares its item with that of the first.
        let (counter, waker) = CountingWaker::new();
        let (mut first, mut second) = (queue.get(), queue.get());
        assert!(poll_with(&mut first, &waker).is_pending());
        assert!(poll_with(&mut second, &waker).is_pending());
        fill([2]);
        ORD.set(Some(Rc::new(|| silent_panic("no order"))));
        assert_eq!(panic_text(|| fill([1])), "no order");
        assert_eq!((counter.wakes(), queue.len()), (2, 2));
        // A get that panics keeps its promise until it is dropped.
        panic_text(|| fill([3]));
        assert_eq!(panic_text(|| poll_with(&mut first, &waker)), "no order");
        drop(first);
        ORD.set(None);
        assert!(matches!(poll_with(&mut second, &waker), Poll::Ready(Ok(_))));
        assert_eq!(drain().len(), 2);
    });
}

#[test]
fn a_waker_may_be_polled_with_another_context_and_the_old_one_dropped() {
    let queue = Queue::<u8>::unbounded();
    let mut get = queue.get();
    let (first, waker) = CountingWaker::new();
    assert!(poll_with(&mut get, &waker).is_pending());
    let (second, other) = CountingWaker::new();
    let mut cx = Context::from_waker(&other);
    assert!(get.poll_unpin(&mut cx).is_pending());
    drop(waker);
    assert_eq!(Arc::strong_count(&first), 1);
    queue.put_nowait(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert!(get.poll_unpin(&mut cx).is_ready());
}
