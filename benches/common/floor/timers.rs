//! The timers of `floor`: a `BinaryHeap` of deadlines and a slab of wakers.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

thread_local! {
    /// The timers of this thread.
    static TIMERS: RefCell<Timers> = const { RefCell::new(Timers::NONE) };
}

/// The key of a timer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// The slot.
    index: u32,
    /// The generation of the slot.
    generation: u32,
}

/// A slot.
struct Slot {
    /// The generation, increased for each use.
    generation: u32,
    /// The waker; `None` after the timer has fired.
    waker: Option<Waker>,
}

/// A heap of deadlines. Entries of dropped sleeps stay until they are half of it.
struct Timers {
    /// The deadlines, the next first.
    heap: BinaryHeap<Reverse<(Instant, Place)>>,
    /// The sleeps' state.
    slots: Vec<Slot>,
    /// Slots without a user.
    free: Vec<u32>,
    /// How many entries of the heap belong to dropped sleeps.
    stale: usize,
}

impl Timers {
    /// No timers.
    const NONE: Self = Self {
        heap: BinaryHeap::new(),
        slots: Vec::new(),
        free: Vec::new(),
        stale: 0,
    };

    /// Adds a sleep.
    fn insert(&mut self, deadline: Instant, waker: Waker) -> Place {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                waker: None,
            });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        slot.waker = Some(waker);
        let generation = slot.generation;
        let place = Place { index, generation };
        self.heap.push(Reverse((deadline, place)));
        place
    }

    /// Removes a sleep, and returns its waker if it has not fired.
    fn remove(&mut self, place: Place) -> Option<Waker> {
        let slot = &mut self.slots[place.index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        let waker = slot.waker.take();
        self.free.push(place.index);
        if waker.is_some() {
            self.stale += 1;
            self.sweep();
        }
        waker
    }

    /// Removes stale entries if they are half of the heap.
    fn sweep(&mut self) {
        if self.stale > 64 && self.stale * 2 > self.heap.len() {
            let slots = &self.slots;
            self.heap.retain(|Reverse((_, place))| {
                slots[place.index as usize].generation == place.generation
            });
            self.stale = 0;
        }
    }

    /// Removes the next waker that is due at `now`.
    fn pop(&mut self, now: Instant) -> Option<Waker> {
        while let Some(&Reverse((deadline, place))) = self.heap.peek() {
            if deadline > now {
                break;
            }
            self.heap.pop();
            let slot = &mut self.slots[place.index as usize];
            if slot.generation == place.generation {
                return slot.waker.take();
            }
            self.stale -= 1;
        }
        None
    }
}

/// A sleep.
pub(crate) struct Sleep {
    /// The deadline.
    deadline: Instant,
    /// Its key.
    place: Cell<Option<Place>>,
}

impl Sleep {
    /// A sleep of `duration` from now.
    pub(super) fn new(duration: Duration) -> Self {
        Self {
            deadline: Instant::now() + duration,
            place: Cell::new(None),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let old = TIMERS.with_borrow_mut(|timers| {
            let Some(place) = self.place.get() else {
                self.place.set(Some(timers.insert(self.deadline, waker)));
                return Poll::Pending;
            };
            let current = &mut timers.slots[place.index as usize].waker;
            match current {
                None => Poll::Ready(None),
                Some(_) => Poll::Ready(current.replace(waker)),
            }
        });
        match old {
            Poll::Ready(None) => Poll::Ready(()),
            Poll::Ready(Some(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place.get() {
            let waker = TIMERS.try_with(|timers| timers.borrow_mut().remove(place));
            drop(waker); // An error says that the thread ends and the timers are gone.
        }
    }
}

/// Wakes all tasks that are due. Returns the time to the next deadline, or zero if a task was woken.
pub(super) fn fire() -> Option<Duration> {
    if TIMERS.with_borrow(|timers| timers.heap.is_empty()) {
        return None;
    }
    let now = Instant::now();
    let mut woken = false;
    while let Some(waker) = TIMERS.with_borrow_mut(|timers| timers.pop(now)) {
        waker.wake();
        woken = true;
    }
    let next = TIMERS.with_borrow(|timers| timers.heap.peek().map(|next| next.0.0));
    if woken {
        Some(Duration::ZERO)
    } else {
        next.map(|deadline| deadline.saturating_duration_since(now))
    }
}
