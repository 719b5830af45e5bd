//! The memory of a waiting task: heap bytes and allocations, from a counting allocator, and
//! resident bytes, from the kernel.

mod common;
#[path = "common/counting.rs"]
mod counting;

use common::program::{self, Figure, Order, figure};
use common::work::Countdown;
use common::{PEERS, Peer, for_the_peer};
use std::cell::{Cell, OnceCell};
use std::fs;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

#[global_allocator]
static HEAP: counting::Counting = counting::Counting;

/// The state that all parked tasks share.
struct Lot {
    /// Their wakers, allocated in advance.
    wakers: Vec<Cell<Option<Waker>>>,
    /// Whether they may end.
    open: Cell<bool>,
    /// The number of tasks that have ended.
    left: Countdown,
}

thread_local! {
    /// The state of this process. It is a thread-local, so that the parked futures are small.
    static LOT: OnceCell<Lot> = const { OnceCell::new() };
}

/// A future that waits until `open` is set, with its waker at this index.
struct Parked(usize);

impl Future for Parked {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        with_lot(|lot| {
            if lot.open.get() {
                lot.left.arrive();
                return Poll::Ready(());
            }
            lot.wakers[self.0].set(Some(cx.waker().clone()));
            Poll::Pending
        })
    }
}

/// Calls `look` with the shared state.
fn with_lot<T>(look: impl FnOnce(&Lot) -> T) -> T {
    LOT.with(|lot| look(lot.get().expect("the lot was made")))
}

/// The state of the memory at one moment.
#[derive(Clone, Copy)]
struct Mark {
    /// Bytes in use.
    heap: usize,
    /// Allocations so far.
    allocations: usize,
    /// Bytes of the process in memory.
    resident: usize,
}

impl Mark {
    /// Reads the present state.
    fn now() -> Self {
        let statm = fs::read_to_string("/proc/self/statm").expect("a Linux system");
        let pages = statm.split(' ').nth(1).expect("the second field");
        Self {
            heap: counting::bytes(),
            allocations: counting::allocations(),
            resident: pages.parse::<usize>().expect("a number") * rustix::param::page_size(),
        }
    }

    /// Returns the growth since this state per task: heap bytes, allocations, resident bytes.
    fn growth(self, count: usize) -> [f64; 3] {
        let after = Self::now();
        let each = |after: usize, before: usize| (after as f64 - before as f64) / count as f64;
        [
            each(after.heap, self.heap),
            each(after.allocations, self.allocations),
            each(after.resident, self.resident),
        ]
    }
}

/// Returns the figures of one workload. The size of the `future` itself is not counted.
fn figures(workload: &str, future: usize, growth: [f64; 3]) -> Vec<Figure> {
    let [heap, allocations, resident] = growth;
    vec![
        figure(workload, "heap_bytes", heap - future as f64),
        figure(workload, "allocations", allocations),
        figure(workload, "resident_bytes", resident),
    ]
}

/// Waits until every task was polled: a few turns, with the main task last in each.
async fn settle<P: Peer>() {
    for _ in 0..3 {
        P::sleep(Duration::from_millis(50)).await;
    }
}

/// Measures `count` detached tasks that are parked.
async fn parked<P: Peer>(peer: &P, count: usize) -> Vec<Figure> {
    let empty = || Cell::new(Some(Waker::noop().clone()));
    let lot = Lot {
        wakers: std::iter::repeat_with(empty).take(count).collect(),
        open: Cell::new(false),
        left: Countdown::new(count),
    };
    assert!(LOT.with(|place| place.set(lot).is_ok()));
    settle::<P>().await;
    let before = Mark::now();
    for place in 0..count {
        peer.detach(Parked(place));
    }
    settle::<P>().await;
    let growth = before.growth(count);
    with_lot(|lot| lot.open.set(true));
    for place in 0..count {
        let waker = with_lot(|lot| lot.wakers[place].take());
        waker.into_iter().for_each(Waker::wake);
    }
    while with_lot(|lot| lot.left.left()) > 0 {
        P::yield_now().await;
    }
    figures("parked_task", size_of::<Parked>(), growth)
}

/// Measures `count` detached tasks that sleep. The sleep counts, the rest of the future does not.
async fn sleeping<P: Peer>(peer: &P, count: usize) -> Vec<Figure> {
    let left = Rc::new(Countdown::new(count));
    settle::<P>().await;
    let before = Mark::now();
    for _ in 0..count {
        let left = Rc::clone(&left);
        peer.detach(async move {
            P::sleep(Duration::from_secs(2)).await;
            left.arrive();
        });
    }
    settle::<P>().await;
    let growth = before.growth(count);
    left.wait().await;
    figures("sleeping_task", size_of::<Rc<Countdown>>(), growth)
}

fn measure_one<P: Peer>(order: &Order) -> Vec<Figure> {
    let count = if order.smoke { 1000 } else { 100_000 };
    let peer = P::new();
    peer.block_on(async {
        match order.case.as_str() {
            "parked" => parked(&peer, count).await,
            "sleeping" => sleeping(&peer, count).await,
            other => panic!("no case is called {other:?}"),
        }
    })
}

fn measure(order: &Order) -> Vec<Figure> {
    for_the_peer!(order.peer.as_str(), measure_one(order))
}

fn main() {
    program::main("footprint", PEERS, &["parked", "sleeping"], measure);
}
