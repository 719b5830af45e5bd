//! The queue as pure data.

use std::mem;
use std::task::Waker;

use super::entries::{Entries, Entry};
use super::wakes::Wakes;
use crate::util::wait_graph::{self, ResourceInfo, ResourceKind, WaitStep};

/// The index of one entry of one queue. Not `Clone`: its owner is the waiter, and returns it by
/// [`leave`](WaitQueue::leave) or [`take_grant`](WaitQueue::take_grant).
#[derive(Debug)]
#[must_use = "a ticket that is lost leaves its entry in the queue"]
pub(crate) struct Ticket(u32);

/// The content of an entry that left the queue.
#[derive(Debug)]
pub(crate) enum Removed<R, G> {
    /// The waiter had no grant: its request and its waker. Drop the waker while nothing is
    /// borrowed.
    Waiting(R, Waker),
    /// The waiter had a grant that it did not take.
    Granted(G),
}

/// A queue of waiters, each with a request `R` and, once the resource was granted to it, a grant
/// `G`. See the [module](super) for its guarantees.
#[derive(Debug)]
pub(crate) struct WaitQueue<R, G> {
    entries: Entries<R, G>,
    /// What the waiters wait for.
    info: ResourceInfo,
}

impl<R, G> WaitQueue<R, G> {
    /// Creates an empty queue for a primitive that the caller creates. Allocates when the first
    /// waiter enters.
    #[track_caller]
    pub(crate) const fn new(kind: ResourceKind) -> Self {
        Self {
            entries: Entries::new(),
            info: ResourceInfo::here(kind),
        }
    }

    /// Returns the identity of the primitive.
    pub(crate) fn info(&self) -> &ResourceInfo {
        &self.info
    }

    /// Names the primitive, for reports.
    pub(crate) fn set_name(&mut self, name: &str) {
        self.info.set_name(name);
    }

    /// Records a step of a wait, if a wait graph is open.
    #[inline(always)]
    fn record(&self, step: WaitStep, index: u32) {
        if wait_graph::is_enabled() {
            self.info.record(step, index);
        }
    }

    /// Returns `true` if there is no waiter without a grant.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.waiting() == 0
    }

    /// Returns the number of waiters without a grant.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.entries.waiting()
    }

    /// Returns the number of entries for which memory is allocated.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// Borrows the first waiter's request.
    #[inline]
    pub(crate) fn first(&self) -> Option<&R> {
        self.entries.first().map(|first| &first.request)
    }

    /// Adds a waiter at the end. Clone the waker while nothing is borrowed, and check after that
    /// whether waiting is still necessary.
    pub(crate) fn enter(&mut self, request: R, waker: Waker) -> Ticket {
        let index = self.entries.append(request, waker);
        self.record(WaitStep::Begin, index);
        Ticket(index)
    }

    /// Hands `grant` to the first waiter, adds its waker to `wakes`, and returns its request.
    ///
    /// # Errors
    /// `grant`, if there is no waiter.
    #[inline(always)] // called by each drop of a guard, mostly without a waiter: bench `lock_free`
    pub(crate) fn grant(&mut self, grant: G, wakes: &mut Wakes) -> Result<R, G> {
        if self.is_empty() {
            return Err(grant);
        }
        self.record(WaitStep::Grant, self.entries.first_index());
        let first = self.entries.grant_first(grant)?;
        wakes.push(first.waker);
        Ok(first.request)
    }

    /// Removes the ticket's entry and returns its grant.
    ///
    /// # Errors
    /// The ticket, if there is no grant yet.
    #[inline]
    pub(crate) fn take_grant(&mut self, ticket: Ticket) -> Result<G, Ticket> {
        self.entries.remove_granted(ticket.0).ok_or(ticket)
    }

    /// Records the end of a wait whose grant is about to be taken, if it has one.
    pub(super) fn record_end_if_granted(&mut self, ticket: &Ticket) {
        if self.is_granted(ticket) {
            self.record(WaitStep::End, ticket.0);
        }
    }

    /// Returns `true` if the ticket's entry has a grant.
    #[inline]
    pub(crate) fn is_granted(&mut self, ticket: &Ticket) -> bool {
        matches!(self.entries.at(ticket.0), Entry::Granted(_))
    }

    /// Returns `true` if the ticket's entry has no grant and another waker than this.
    #[inline]
    pub(crate) fn has_other_waker(&mut self, ticket: &Ticket, waker: &Waker) -> bool {
        match self.entries.at(ticket.0) {
            Entry::Waiting(waiting) => !waiting.waker.will_wake(waker),
            _ => false,
        }
    }

    /// Replaces the waker of the ticket's entry. Returns the waker that is not needed: the old one,
    /// or `waker` if the entry has a grant by now.
    #[must_use = "drop it while nothing is borrowed"]
    pub(crate) fn set_waker(&mut self, ticket: &Ticket, waker: Waker) -> Waker {
        self.record(WaitStep::Move, ticket.0);
        match self.entries.at(ticket.0) {
            Entry::Waiting(waiting) => mem::replace(&mut waiting.waker, waker),
            _ => waker,
        }
    }

    /// Removes the ticket's entry, wherever it is in the queue.
    #[inline]
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Removed<R, G> {
        self.record(WaitStep::End, ticket.0);
        match self.entries.remove(ticket.0) {
            Entry::Waiting(waiting) => Removed::Waiting(waiting.request, waiting.waker),
            Entry::Granted(grant) => Removed::Granted(grant),
            Entry::Vacant(_) => unreachable!("a ticket's entry stays until it leaves"),
        }
    }
}

impl<R, G: Clone> WaitQueue<R, G> {
    /// Hands a clone of `grant` to the first `count` waiters, or to all if they are fewer. Returns
    /// to how many. For requests without a destructor.
    pub(crate) fn grant_many(&mut self, count: usize, grant: &G, wakes: &mut Wakes) -> usize {
        let count = count.min(self.waiting());
        wakes.reserve(count);
        let mut granted = 0;
        while granted < count && self.grant(grant.clone(), wakes).is_ok() {
            granted += 1;
        }
        granted
    }
}
