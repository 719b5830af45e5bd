//! What a queue knows, as pure data: its items, who waits, what is promised, what is unfinished.
//!
//! Its methods change numbers and gather wakers. They run no foreign code, and leave the items
//! alone, which may be away.

use crate::util::wait_graph::ResourceKind;
use crate::util::wait_queue::{Ticket, WaitQueue, Wakes};

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    /// An item.
    Get,
    /// Room for one.
    Put,
    /// That nothing is unfinished.
    Join,
}

/// The items and numbers of a queue, and those who wait.
pub(super) struct State<S> {
    /// The items; nothing, while they are compared.
    pub(super) store: Option<S>,
    /// How many items there may be.
    pub(super) capacity: usize,
    /// How many there are.
    pub(super) len: usize,
    /// How many gets were served and have not been polled since. Invariant: while gets wait,
    /// `len <= promised`.
    promised: usize,
    /// How many puts were served and have not been polled since. Invariant: while puts wait, there
    /// is no room.
    reserved: usize,
    /// How many items were put and not reported done.
    pub(super) unfinished: usize,
    /// Nothing may be put any more.
    pub(super) closed: bool,
    /// Who waits for an item.
    gets: WaitQueue<(), ()>,
    /// Who waits for room.
    puts: WaitQueue<(), ()>,
    /// Who waits until all is done.
    joins: WaitQueue<(), ()>,
}

impl<S> State<S> {
    /// That of an empty queue.
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
            puts: WaitQueue::new(ResourceKind::Room),
            joins: WaitQueue::new(ResourceKind::Join),
        }
    }

    /// Names the queue, for reports.
    pub(super) fn set_name(&mut self, name: &str) {
        self.gets.set_name(name);
        self.puts.set_name(name);
        self.joins.set_name(name);
    }

    /// Those who wait on one side.
    #[inline]
    pub(super) fn waiting(&mut self, side: Side) -> &mut WaitQueue<(), ()> {
        match side {
            Side::Get => &mut self.gets,
            Side::Put => &mut self.puts,
            Side::Join => &mut self.joins,
        }
    }

    /// Whether there is an item that is not promised.
    #[inline]
    pub(super) fn has_item(&self) -> bool {
        self.len > self.promised
    }

    /// Whether there is room that is not reserved.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.len + self.reserved < self.capacity
    }

    /// Whether nothing can be got any more. While the last items are promised that is not known: a
    /// get that is cancelled gives its promise on.
    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        self.closed && self.len == 0
    }

    /// Counts an item in. Returns whether somebody waits for it: then [`added`](State::added) is
    /// due.
    #[inline]
    #[must_use]
    pub(super) fn count_in(&mut self) -> bool {
        self.len += 1;
        self.unfinished += 1;
        !self.gets.is_empty()
    }

    /// Counts an item out. Returns whether that concerns somebody: then [`taken`](State::taken) is
    /// due.
    #[inline]
    #[must_use]
    pub(super) fn count_out(&mut self) -> bool {
        self.len -= 1;
        self.closed || !self.puts.is_empty()
    }

    /// An item was counted in for which somebody waits.
    pub(super) fn added(&mut self, wakes: &mut Wakes) {
        self.offer_item(wakes);
    }

    /// An item was counted out, which concerns somebody.
    pub(super) fn taken(&mut self, wakes: &mut Wakes) {
        self.offer_room(wakes);
        if self.is_drained() {
            self.dismiss_gets(wakes);
        }
    }

    /// Promises an item to the first get that waits, if there is one.
    #[inline]
    fn offer_item(&mut self, wakes: &mut Wakes) {
        if !self.gets.is_empty() && self.has_item() && self.gets.grant((), wakes).is_ok() {
            self.promised += 1;
        }
    }

    /// Reserves room for the first put that waits, if there is some.
    #[inline]
    fn offer_room(&mut self, wakes: &mut Wakes) {
        if !self.puts.is_empty() && self.has_room() && self.puts.grant((), wakes).is_ok() {
            self.reserved += 1;
        }
    }

    /// Wakes all gets: nothing can be got any more.
    fn dismiss_gets(&mut self, wakes: &mut Wakes) {
        self.promised += self.gets.grant_many(usize::MAX, &(), wakes);
    }

    /// Takes a wait out that has been served, and uses it.
    #[inline]
    pub(super) fn redeem(&mut self, side: Side, ticket: Ticket) {
        _ = self.waiting(side).leave(ticket);
        match side {
            Side::Get => self.promised -= 1,
            Side::Put => self.reserved -= 1,
            Side::Join => {}
        }
    }

    /// Takes back what a wait was served with that will not use it, and serves the next.
    pub(super) fn forfeit(&mut self, side: Side, wakes: &mut Wakes) {
        match side {
            Side::Get => {
                self.promised -= 1;
                self.offer_item(wakes);
            }
            Side::Put => {
                self.reserved -= 1;
                self.offer_room(wakes);
            }
            Side::Join => {}
        }
    }

    /// So many items are done with.
    pub(super) fn finish(&mut self, count: usize, wakes: &mut Wakes) {
        self.unfinished -= count;
        if self.unfinished == 0 {
            self.joins.grant_many(usize::MAX, &(), wakes);
        }
    }

    /// Nothing may be put any more.
    pub(super) fn close(&mut self, wakes: &mut Wakes) {
        self.closed = true;
        self.reserved += self.puts.grant_many(usize::MAX, &(), wakes);
        if self.is_drained() {
            self.dismiss_gets(wakes);
        }
    }

    /// The same, and the items that are left are dropped.
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
