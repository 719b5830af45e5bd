//! The queue under all three: a store of items, and a [`State`] of who waits for what.
//!
//! Every step is: look and change numbers, gather wakers, let go of the borrow, move items, wake. Where the store compares
//! items it is taken out meanwhile, so that the comparison may use the queue; all but the store is there for it.

use std::cell::RefCell;
use std::fmt;
use std::panic::resume_unwind;
use std::task::{Context, Poll, Waker};

use super::order::Order;
use super::state::{Side, State};
use crate::error::{Closed, GetError, PutError};
use crate::util::wait_queue::{Left, Ticket, Wakes};
use crate::util::{Payload, caught, drop_quietly};

/// The items and who waits for them.
pub(super) struct Core<S> {
    /// All but the items.
    state: RefCell<State>,
    /// The items; nothing, while they are compared.
    store: RefCell<Option<S>>,
}

impl<S> Core<S> {
    /// Looks at the numbers.
    pub(super) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.borrow())
    }

    /// Changes the numbers, and wakes whom that concerns.
    fn change<R>(&self, change: impl FnOnce(&mut State, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::new();
        let result = change(&mut self.state.borrow_mut(), &mut wakes);
        wakes.wake();
        result
    }

    /// Reports an item done; `false` when none is unfinished.
    pub(super) fn task_done(&self) -> bool {
        self.change(|state, wakes| {
            let is_due = state.unfinished > 0;
            if is_due {
                state.finish(1, wakes);
            }
            is_due
        })
    }

    /// Closes; what is there can still be got.
    pub(super) fn close(&self) {
        self.change(State::close);
    }

    /// Starts to wait; the waker was cloned while nothing was borrowed.
    fn enter(&self, side: Side, ticket: &mut Option<Ticket>, waker: Waker) {
        *ticket = Some(self.state.borrow_mut().waiting(side).enter((), waker));
    }

    /// Whether a wait was served; if it was not, it goes on with this waker.
    fn is_served(&self, side: Side, ticket: &Ticket, waker: &Waker) -> bool {
        let mut state = self.state.borrow_mut();
        if state.waiting(side).has_other_waker(ticket, waker) {
            drop(state);
            let clone = waker.clone();
            let old = self
                .state
                .borrow_mut()
                .waiting(side)
                .set_waker(ticket, clone);
            drop_quietly(old);
            state = self.state.borrow_mut();
        }
        state.waiting(side).is_served(ticket)
    }

    /// Ends a wait that is not to be served: what it was served with goes to the next.
    #[cold]
    pub(super) fn leave(&self, side: Side, ticket: Ticket) {
        // Bound to a name, so that the waker is dropped after the borrow has gone.
        let left = self.change(|state, wakes| {
            let left = state.waiting(side).leave(ticket);
            if let Left::Served(()) = left {
                state.forfeit(side, wakes);
            }
            left
        });
        if let Left::Waiting((), waker) = left {
            drop_quietly(waker);
        }
    }

    /// Waits until nothing is unfinished.
    pub(super) fn poll_join(&self, wait: &mut Option<Ticket>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(ticket) = wait.take_if(|ticket| self.is_served(Side::Join, ticket, cx.waker()))
        {
            self.state.borrow_mut().redeem(Side::Join, ticket);
            return Poll::Ready(());
        }
        if wait.is_some() {
            return Poll::Pending;
        }
        if self.look(|state| state.unfinished) == 0 {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        if self.look(|state| state.unfinished) == 0 {
            drop_quietly(waker);
            return Poll::Ready(());
        }
        self.enter(Side::Join, wait, waker);
        Poll::Pending
    }
}

impl<S: Order> Core<S> {
    /// An empty queue.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: RefCell::new(State::new(capacity)),
            store: RefCell::new(Some(S::default())),
        }
    }

    /// Uses the store, while nothing is borrowed if that runs foreign code. Its panic comes as a value, so that the
    /// caller can do first what it owes.
    #[inline]
    fn with_store<R>(&self, with: impl FnOnce(&mut S) -> R) -> Result<R, Payload> {
        if !S::COMPARES {
            let mut store = self.store.borrow_mut();
            return Ok(with(store.as_mut().expect("only comparisons take it out")));
        }
        let mut store = self.store.take().expect("looked at before");
        let result = caught(|| with(&mut store));
        self.store.replace(Some(store));
        result
    }

    /// Refuses to go on while the items are compared.
    #[inline]
    fn refuse_within_comparison(&self) {
        assert!(
            !S::COMPARES || self.store.borrow().is_some(),
            "a `PriorityQueue` compares its items: their `Ord` must neither put nor get, nor close it at once"
        );
    }

    /// Adds an item for which there is room, or for which this wait has reserved some.
    #[inline]
    fn add(&self, item: S::Item, reserved: Option<Ticket>) {
        let mut wakes = Wakes::new();
        let mut state = self.state.borrow_mut();
        if let Some(ticket) = reserved {
            state.redeem(Side::Put, ticket);
        }
        state.added(&mut wakes);
        drop(state);
        let added = self.with_store(|store| store.push(item));
        wakes.wake();
        if let Err(payload) = added {
            resume_unwind(payload);
        }
    }

    /// Takes an item that is there, and not promised or promised to this wait.
    #[inline]
    fn take(&self, promised: &mut Option<Ticket>) -> S::Item {
        let item = match self.with_store(S::pop) {
            Ok(item) => item.expect("there is one"),
            // It stays, and so does the promise.
            Err(payload) => resume_unwind(payload),
        };
        self.change(|state, wakes| {
            if let Some(ticket) = promised.take() {
                state.redeem(Side::Get, ticket);
            }
            state.taken(wakes);
        });
        item
    }

    /// Puts an item at once.
    #[inline]
    pub(super) fn put_nowait(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.refuse_within_comparison();
        let (closed, has_room) = self.look(|state| (state.closed, state.has_room()));
        match (closed, has_room) {
            (true, _) => Err(PutError::Closed(item)),
            (false, false) => Err(PutError::Full(item)),
            (false, true) => {
                self.add(item, None);
                Ok(())
            }
        }
    }

    /// Takes an item at once.
    #[inline]
    pub(super) fn get_nowait(&self) -> Result<S::Item, GetError> {
        self.refuse_within_comparison();
        let (has_item, is_drained) = self.look(|state| (state.has_item(), state.is_drained()));
        match (has_item, is_drained) {
            (true, _) => Ok(self.take(&mut None)),
            (false, true) => Err(GetError::Closed),
            (false, false) => Err(GetError::Empty),
        }
    }

    /// Waits for an item.
    #[inline]
    pub(super) fn poll_get(
        &self,
        wait: &mut Option<Ticket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Item, Closed>> {
        if let Some(ticket) = wait {
            if !self.is_served(Side::Get, ticket, cx.waker()) {
                return Poll::Pending;
            }
            return Poll::Ready(self.get_promised(wait));
        }
        match self.get_nowait() {
            Ok(item) => Poll::Ready(Ok(item)),
            Err(GetError::Closed) => Poll::Ready(Err(Closed(()))),
            Err(GetError::Empty) => self.enter_get(wait, cx.waker()),
        }
    }

    /// Takes what a get was promised, unless the queue was closed and emptied since.
    fn get_promised(&self, wait: &mut Option<Ticket>) -> Result<S::Item, Closed> {
        if self.look(State::is_drained) {
            if let Some(ticket) = wait.take() {
                self.state.borrow_mut().redeem(Side::Get, ticket);
            }
            return Err(Closed(()));
        }
        self.refuse_within_comparison();
        Ok(self.take(wait))
    }

    /// Starts to wait for an item, unless the waker's clone has put one.
    fn enter_get(&self, wait: &mut Option<Ticket>, waker: &Waker) -> Poll<Result<S::Item, Closed>> {
        let waker = waker.clone();
        let outcome = match self.get_nowait() {
            Ok(item) => Ok(item),
            Err(GetError::Closed) => Err(Closed(())),
            Err(GetError::Empty) => {
                self.enter(Side::Get, wait, waker);
                return Poll::Pending;
            }
        };
        drop_quietly(waker);
        Poll::Ready(outcome)
    }

    /// Waits for room, and puts the item. The item is gone from `item` when it was put, and there when the queue is closed.
    #[inline]
    pub(super) fn poll_put(
        &self,
        item: &mut Option<S::Item>,
        wait: &mut Option<Ticket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Closed>> {
        self.refuse_within_comparison();
        if let Some(ticket) = wait
            && !self.is_served(Side::Put, ticket, cx.waker())
        {
            return Poll::Pending;
        }
        if self.may_put(wait.is_some()) {
            return Poll::Ready(self.settle_put(item, wait));
        }
        let waker = cx.waker().clone();
        // Looked at again: the clone is foreign code.
        if self.may_put(false) {
            drop_quietly(waker);
            return Poll::Ready(self.settle_put(item, wait));
        }
        self.enter(Side::Put, wait, waker);
        Poll::Pending
    }

    /// Whether a put needs not wait: there is room, or it has some, or there never will be.
    #[inline]
    fn may_put(&self, has_room: bool) -> bool {
        self.look(|state| has_room || state.closed || state.has_room())
    }

    /// Puts the item, or says that the queue is closed.
    #[inline]
    fn settle_put(
        &self,
        item: &mut Option<S::Item>,
        wait: &mut Option<Ticket>,
    ) -> Result<(), Closed> {
        let ticket = wait.take();
        if !self.look(|state| state.closed) {
            self.add(
                item.take().expect("a put was polled after it was done"),
                ticket,
            );
            return Ok(());
        }
        if let Some(ticket) = ticket {
            self.state.borrow_mut().redeem(Side::Put, ticket);
        }
        Err(Closed(()))
    }

    /// Closes, and drops what is there.
    pub(super) fn close_now(&self) {
        self.refuse_within_comparison();
        let store = self.store.replace(Some(S::default()));
        self.change(State::close_now);
        store
            .map_or(Ok(()), drop_all)
            .unwrap_or_else(|payload| resume_unwind(payload));
    }
}

/// Drops every item, also when destructors panic; gives the first panic.
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
    /// Shows the numbers of a queue with this name.
    pub(super) fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct(name)
            .field("len", &state.len)
            .field("capacity", &state.capacity)
            .field("unfinished", &state.unfinished)
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}
