//! The implementation of all queues: a [`QueueState`] in a `RefCell`.
//!
//! Every operation checks and changes numbers, gathers wakers, ends the borrow, moves items, and
//! then wakes. A store that compares items is taken out meanwhile, so that the comparison may use
//! the queue, except for the store.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::panic::resume_unwind;
use std::task::{Context, Poll, Waker, ready};

use super::order::Order;
use super::state::{QueueState, Side};
use crate::error::{Closed, GetError, PutError};
use crate::util::wait_queue::{Removed, Ticket, Wakes, update};
use crate::util::{Payload, budget, caught, drop_quietly};

/// A queue with the store `S`.
pub(super) struct Core<S>(RefCell<QueueState<S>>);

impl<S> Core<S> {
    /// Reads the state.
    pub(super) fn read<R>(&self, read: impl FnOnce(&QueueState<S>) -> R) -> R {
        read(&self.0.borrow())
    }

    /// Changes the state, ends the borrow, and wakes the gathered wakers.
    fn change<R>(&self, change: impl FnOnce(&mut QueueState<S>, &mut Wakes) -> R) -> R {
        update(&self.0, change)
    }

    /// Reports an item as done. Returns `false` if none is unfinished.
    pub(super) fn task_done(&self) -> bool {
        self.change(|state, wakes| {
            let is_due = state.unfinished > 0;
            if is_due {
                state.finish(1, wakes);
            }
            is_due
        })
    }

    /// Names the queue, for reports.
    pub(super) fn set_name(&mut self, name: &str) {
        self.0.get_mut().set_name(name);
    }

    /// Closes the queue. Its items can still be taken.
    pub(super) fn close(&self) {
        self.change(QueueState::close);
    }

    /// Starts a wait. Clone the waker while nothing is borrowed.
    fn enter(&self, side: Side, ticket: &mut Option<Ticket>, waker: Waker) {
        *ticket = Some(self.0.borrow_mut().waiting(side).enter((), waker));
    }

    /// Returns `true` if a wait has its grant. If not, stores `waker` in the wait's entry.
    fn is_granted(&self, side: Side, ticket: &Ticket, waker: &Waker) -> bool {
        let mut state = self.0.borrow_mut();
        if state.waiting(side).has_other_waker(ticket, waker) {
            drop(state);
            let clone = waker.clone();
            let old = self.0.borrow_mut().waiting(side).set_waker(ticket, clone);
            drop_quietly(old);
            state = self.0.borrow_mut();
        }
        state.waiting(side).is_granted(ticket)
    }

    /// Ends a wait that is dropped. Its grant goes to the next wait.
    #[cold]
    pub(super) fn leave(&self, side: Side, ticket: Ticket) {
        // Bound to a name, so that the waker is dropped after the borrow has ended.
        let removed = self.change(|state, wakes| {
            let removed = state.waiting(side).leave(ticket);
            if let Removed::Granted(()) = removed {
                state.forfeit(side, wakes);
            }
            removed
        });
        if let Removed::Waiting((), waker) = removed {
            drop_quietly(waker);
        }
    }

    /// Waits until no item is unfinished.
    pub(super) fn poll_join(&self, wait: &mut Option<Ticket>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(ticket) = wait.take_if(|ticket| self.is_granted(Side::Join, ticket, cx.waker()))
        {
            self.0.borrow_mut().redeem(Side::Join, ticket);
            return Poll::Ready(());
        }
        if wait.is_some() {
            return Poll::Pending;
        }
        if self.read(|state| state.unfinished) == 0 {
            return budget::poll_spend(cx.waker());
        }
        let waker = cx.waker().clone();
        if self.read(|state| state.unfinished) == 0 {
            drop_quietly(waker);
            return Poll::Ready(());
        }
        self.enter(Side::Join, wait, waker);
        Poll::Pending
    }
}

impl<S: Order> QueueState<S> {
    /// Adds an item to a store that does not compare items.
    #[inline]
    fn push(&mut self, item: S::Item) {
        if let Some(store) = &mut self.store {
            store.push(item);
        }
    }

    /// Takes an item from a store that does not compare items.
    #[inline]
    fn pop(&mut self) -> S::Item {
        let item = self.store.as_mut().and_then(S::pop);
        item.expect("the item was counted, and only comparisons take the store out")
    }
}

impl<S: Order> Core<S> {
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        Self(RefCell::new(QueueState::new(S::default(), capacity)))
    }

    /// Calls `with` with the store while nothing is borrowed. Returns the panic of a comparison as
    /// a value, so that the caller can wake others first.
    fn with_store<R>(&self, with: impl FnOnce(&mut S) -> R) -> Result<R, Payload> {
        let mut store = self
            .0
            .borrow_mut()
            .store
            .take()
            .expect("refuse_within_comparison has checked it");
        let result = caught(|| with(&mut store));
        self.0.borrow_mut().store = Some(store);
        result
    }

    /// Panics if it is called by a comparison of items.
    #[inline]
    fn refuse_within_comparison(&self) {
        assert!(
            !S::COMPARES || self.0.borrow().store.is_some(),
            "a `PriorityQueue` compares its items: their `Ord` must not call `put`, `get` or `close_now` on it"
        );
    }

    /// Adds an item, for which there is capacity.
    #[inline]
    fn add(&self, mut state: RefMut<'_, QueueState<S>>, item: S::Item) {
        let is_awaited = state.count_in();
        if !S::COMPARES && !is_awaited {
            state.push(item);
            return;
        }
        self.add_and_wake(state, item);
    }

    /// Adds an item that is counted already, and wakes the get that it is promised to.
    fn add_and_wake(&self, mut state: RefMut<'_, QueueState<S>>, item: S::Item) {
        let mut wakes = Wakes::new();
        state.added(&mut wakes);
        if !S::COMPARES {
            state.push(item);
            drop(state);
            return wakes.wake();
        }
        drop(state);
        let added = self.with_store(|store| store.push(item));
        wakes.wake();
        added.unwrap_or_else(|payload| resume_unwind(payload));
    }

    /// Takes an item that is not promised, or that is promised to the wait in `promised`.
    #[inline]
    fn take(&self, mut state: RefMut<'_, QueueState<S>>, promised: &mut Option<Ticket>) -> S::Item {
        if S::COMPARES {
            drop(state);
            return self.take_counting_later(promised);
        }
        if let Some(ticket) = promised.take() {
            state.redeem(Side::Get, ticket);
        }
        let item = state.pop();
        if state.count_out() {
            let mut wakes = Wakes::new();
            state.taken(&mut wakes);
            drop(state);
            wakes.wake();
        }
        item
    }

    /// Takes an item from a store that compares items. If a comparison panics, the item stays, and
    /// so does the promise.
    fn take_counting_later(&self, promised: &mut Option<Ticket>) -> S::Item {
        let item = match self.with_store(S::pop) {
            Ok(item) => item.expect("the item was counted"),
            Err(payload) => resume_unwind(payload),
        };
        self.change(|state, wakes| {
            if let Some(ticket) = promised.take() {
                state.redeem(Side::Get, ticket);
            }
            if state.count_out() {
                state.taken(wakes);
            }
        });
        item
    }

    /// Puts the item, and takes it out of `item`. Returns `None` if there is no capacity.
    #[inline]
    fn try_put(&self, item: &mut Option<S::Item>) -> Option<Result<(), Closed>> {
        self.refuse_within_comparison();
        let state = self.0.borrow_mut();
        if state.closed {
            return Some(Err(Closed(())));
        }
        if !state.has_capacity() {
            return None;
        }
        let item = item.take().expect("a put was polled after it was done");
        self.add(state, item);
        Some(Ok(()))
    }

    /// Takes an item that is not promised. Returns `None` if there is none.
    #[inline]
    fn try_get(&self) -> Option<Result<S::Item, Closed>> {
        self.refuse_within_comparison();
        let state = self.0.borrow_mut();
        if state.has_item() {
            return Some(Ok(self.take(state, &mut None)));
        }
        state.is_drained().then_some(Err(Closed(())))
    }

    /// Puts an item without waiting.
    #[inline]
    pub(super) fn put_nowait(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        let mut item = Some(item);
        let put = self.try_put(&mut item);
        match (put, item) {
            (None, Some(item)) => Err(PutError::Full(item)),
            (Some(Err(_)), Some(item)) => Err(PutError::Closed(item)),
            _ => Ok(()),
        }
    }

    /// Takes an item without waiting.
    #[inline]
    pub(super) fn get_nowait(&self) -> Result<S::Item, GetError> {
        match self.try_get() {
            Some(outcome) => outcome.map_err(|Closed(())| GetError::Closed),
            None => Err(GetError::Empty),
        }
    }

    /// Waits for an item. What an actual wait needs is not inlined, so that a get without one (bench
    /// `queue_free`) saves fewer registers.
    #[inline]
    pub(super) fn poll_get(
        &self,
        wait: &mut Option<Ticket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Item, Closed>> {
        if wait.is_some() {
            return self.poll_get_waiting(wait, cx.waker());
        }
        ready!(budget::poll_spend(cx.waker()));
        match self.try_get() {
            Some(outcome) => Poll::Ready(outcome),
            None => self.enter_get(wait, cx.waker()),
        }
    }

    /// Continues to wait for an item. A promise of a queue that was drained since is void.
    #[inline(never)]
    fn poll_get_waiting(
        &self,
        wait: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Poll<Result<S::Item, Closed>> {
        let is_granted = |ticket: &mut Ticket| self.is_granted(Side::Get, ticket, waker);
        if !wait.as_mut().is_some_and(is_granted) {
            return Poll::Pending;
        }
        if !self.read(QueueState::is_drained) {
            self.refuse_within_comparison();
            return Poll::Ready(Ok(self.take(self.0.borrow_mut(), wait)));
        }
        if let Some(ticket) = wait.take() {
            self.0.borrow_mut().redeem(Side::Get, ticket);
        }
        Poll::Ready(Err(Closed(())))
    }

    /// Starts to wait for an item, unless the clone of the waker has put one.
    #[inline(never)]
    fn enter_get(&self, wait: &mut Option<Ticket>, waker: &Waker) -> Poll<Result<S::Item, Closed>> {
        budget::give_back();
        let waker = waker.clone();
        let Some(outcome) = self.try_get() else {
            self.enter(Side::Get, wait, waker);
            return Poll::Pending;
        };
        drop_quietly(waker);
        Poll::Ready(outcome)
    }

    /// Waits for capacity, and puts the item. Takes it out of `item` when it is put, and leaves it
    /// there when the queue is closed.
    #[inline]
    pub(super) fn poll_put(
        &self,
        item: &mut Option<S::Item>,
        wait: &mut Option<Ticket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Closed>> {
        if wait.is_some() {
            return self.poll_put_waiting(item, wait, cx.waker());
        }
        ready!(budget::poll_spend(cx.waker()));
        match self.try_put(item) {
            Some(outcome) => Poll::Ready(outcome),
            None => self.enter_put(item, wait, cx.waker()),
        }
    }

    /// Continues to wait for capacity. A reservation of a queue that was closed since is void.
    fn poll_put_waiting(
        &self,
        item: &mut Option<S::Item>,
        wait: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Poll<Result<(), Closed>> {
        self.refuse_within_comparison();
        let Some(ticket) = wait.take_if(|ticket| self.is_granted(Side::Put, ticket, waker)) else {
            return Poll::Pending;
        };
        let mut state = self.0.borrow_mut();
        state.redeem(Side::Put, ticket);
        if state.closed {
            return Poll::Ready(Err(Closed(())));
        }
        self.add(state, item.take().expect("a waiting put has its item"));
        Poll::Ready(Ok(()))
    }

    /// Starts to wait for capacity, unless the clone of the waker has made some.
    fn enter_put(
        &self,
        item: &mut Option<S::Item>,
        wait: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Poll<Result<(), Closed>> {
        budget::give_back();
        let waker = waker.clone();
        let Some(outcome) = self.try_put(item) else {
            self.enter(Side::Put, wait, waker);
            return Poll::Pending;
        };
        drop_quietly(waker);
        Poll::Ready(outcome)
    }

    /// Closes the queue and drops its items.
    pub(super) fn close_now(&self) {
        self.refuse_within_comparison();
        let store = self.0.borrow_mut().store.replace(S::default());
        self.change(QueueState::close_now);
        store
            .map_or(Ok(()), drop_all)
            .unwrap_or_else(|payload| resume_unwind(payload));
    }
}

/// Drops every item, also when destructors panic. Returns the first panic.
fn drop_all<S: Order>(mut store: S) -> Result<(), Payload> {
    let mut outcome = Ok(());
    while let Some(item) = store.discard() {
        if let Err(payload) = caught(|| drop(item)) {
            match outcome {
                Ok(()) => outcome = Err(payload),
                Err(_) => drop_quietly(payload),
            }
        }
    }
    outcome
}

impl<S> Core<S> {
    /// Formats the numbers of a queue.
    pub(super) fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.borrow();
        f.debug_struct(name)
            .field("len", &state.len)
            .field("capacity", &state.capacity)
            .field("unfinished", &state.unfinished)
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}
