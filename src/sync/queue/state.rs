//! The state of a queue as pure data: its items, its waits, and the numbers of items that are
//! promised, reserved and unfinished.
//!
//! The methods change the numbers and gather wakers. They run no third-party code and do not touch
//! the items, which [`core`](super::core) takes out while it compares them.

use crate::util::wait_graph::ResourceKind;
use crate::util::wait_queue::{Ticket, WaitQueue, Wakes};

/// What a future of the queue waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    /// An item.
    Get,
    /// Capacity for an item.
    Put,
    /// The end of the unfinished items.
    Join,
}

/// The items, numbers and waits of a queue.
pub(super) struct QueueState<S> {
    /// The items; `None` while they are compared.
    pub(super) store: Option<S>,
    /// The highest number of items.
    pub(super) capacity: usize,
    /// The number of items.
    pub(super) len: usize,
    /// The number of gets with a promise. Invariant: while gets wait, `len <= promised`.
    promised: usize,
    /// The number of puts with a reservation. Invariant: while puts wait, `has_capacity` is false.
    reserved: usize,
    /// The number of items that were put and not reported done.
    pub(super) unfinished: usize,
    pub(super) closed: bool,
    gets: WaitQueue<(), ()>,
    puts: WaitQueue<(), ()>,
    joins: WaitQueue<(), ()>,
}

impl<S> QueueState<S> {
    /// Creates the state of an empty queue.
    #[track_caller]
    pub(super) const fn new(store: S, capacity: usize) -> Self {
        Self {
            store: Some(store),
            capacity,
            len: 0,
            promised: 0,
            reserved: 0,
            unfinished: 0,
            closed: false,
            gets: WaitQueue::new(ResourceKind::Item),
            puts: WaitQueue::new(ResourceKind::Capacity),
            joins: WaitQueue::new(ResourceKind::Join),
        }
    }

    /// Names the queue, for reports.
    pub(super) fn set_name(&mut self, name: &str) {
        self.gets.set_name(name);
        self.puts.set_name(name);
        self.joins.set_name(name);
    }

    /// Returns the waits of one side.
    #[inline]
    pub(super) fn waiting(&mut self, side: Side) -> &mut WaitQueue<(), ()> {
        match side {
            Side::Get => &mut self.gets,
            Side::Put => &mut self.puts,
            Side::Join => &mut self.joins,
        }
    }

    /// Returns `true` if there is an item that is not promised.
    #[inline]
    pub(super) fn has_item(&self) -> bool {
        self.len > self.promised
    }

    /// Returns `true` if there is capacity that is not reserved.
    #[inline]
    pub(super) fn has_capacity(&self) -> bool {
        self.len + self.reserved < self.capacity
    }

    /// Returns `true` if no get can succeed any more. This is false while the last items are
    /// promised, since a get that is dropped passes its promise on.
    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        self.closed && self.len == 0
    }

    /// Counts an item that is put. Returns `true` if a get waits: call
    /// [`added`](QueueState::added) then.
    #[inline]
    #[must_use]
    pub(super) fn count_in(&mut self) -> bool {
        self.len += 1;
        self.unfinished += 1;
        !self.gets.is_empty()
    }

    /// Counts an item that is taken. Returns `true` if that concerns a waiting future: call
    /// [`taken`](QueueState::taken) then.
    #[inline]
    #[must_use]
    pub(super) fn count_out(&mut self) -> bool {
        self.len -= 1;
        self.closed || !self.puts.is_empty()
    }

    /// Promises the item that was counted in.
    pub(super) fn added(&mut self, wakes: &mut Wakes) {
        self.offer_item(wakes);
    }

    /// Reserves the capacity of the item that was counted out, and ends all gets if it was the last
    /// one of a closed queue.
    pub(super) fn taken(&mut self, wakes: &mut Wakes) {
        self.offer_capacity(wakes);
        if self.is_drained() {
            self.end_gets(wakes);
        }
    }

    /// Promises an item to the first waiting get, if there are both.
    #[inline]
    fn offer_item(&mut self, wakes: &mut Wakes) {
        if !self.gets.is_empty() && self.has_item() && self.gets.grant((), wakes).is_ok() {
            self.promised += 1;
        }
    }

    /// Reserves capacity for the first waiting put, if there are both.
    #[inline]
    fn offer_capacity(&mut self, wakes: &mut Wakes) {
        if !self.puts.is_empty() && self.has_capacity() && self.puts.grant((), wakes).is_ok() {
            self.reserved += 1;
        }
    }

    /// Ends all waiting gets of a drained queue.
    fn end_gets(&mut self, wakes: &mut Wakes) {
        self.promised += self.gets.grant_many(usize::MAX, &(), wakes);
    }

    /// Ends a wait that uses its grant.
    #[inline]
    pub(super) fn redeem(&mut self, side: Side, ticket: Ticket) {
        _ = self.waiting(side).leave(ticket);
        match side {
            Side::Get => self.promised -= 1,
            Side::Put => self.reserved -= 1,
            Side::Join => {}
        }
    }

    /// Takes back the grant of a wait that was dropped, and offers it to the next.
    pub(super) fn forfeit(&mut self, side: Side, wakes: &mut Wakes) {
        match side {
            Side::Get => {
                self.promised -= 1;
                self.offer_item(wakes);
            }
            Side::Put => {
                self.reserved -= 1;
                self.offer_capacity(wakes);
            }
            Side::Join => {}
        }
    }

    /// Counts `count` items as done.
    pub(super) fn finish(&mut self, count: usize, wakes: &mut Wakes) {
        self.unfinished -= count;
        if self.unfinished == 0 {
            self.joins.grant_many(usize::MAX, &(), wakes);
        }
    }

    /// Closes the queue and ends all waiting puts.
    pub(super) fn close(&mut self, wakes: &mut Wakes) {
        self.closed = true;
        self.reserved += self.puts.grant_many(usize::MAX, &(), wakes);
        if self.is_drained() {
            self.end_gets(wakes);
        }
    }

    /// Closes the queue, and counts its items as taken and done.
    pub(super) fn close_now(&mut self, wakes: &mut Wakes) {
        let dropped = std::mem::take(&mut self.len);
        // An item may have been reported done before it was taken.
        let count = dropped.min(self.unfinished);
        self.close(wakes);
        if count > 0 {
            self.finish(count, wakes);
        }
    }
}
