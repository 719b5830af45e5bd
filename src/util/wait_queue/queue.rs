//! The queue as pure data.

use std::mem;
use std::task::Waker;

use super::entries::{Entries, Entry};
use super::wakes::Wakes;
use crate::util::wait_graph::{self, Kind, ResourceInfo};

/// Names one entry of one queue. It is no copy: whoever has it is the one who waits, and gives it back by
/// [`leave`](WaitQueue::leave).
#[derive(Debug)]
#[must_use = "a ticket that is lost leaves its entry in the queue"]
pub(crate) struct Ticket(u32);

impl Ticket {
    /// The place of its holder.
    pub(super) fn place(&self) -> u32 {
        self.0
    }
}

/// How somebody left.
#[derive(Debug)]
pub(crate) enum Left<W, G> {
    /// Unserved: what was wanted, and the waker, which is dropped while nothing is borrowed.
    Waiting(W, Waker),
    /// With what it was handed.
    Served(G),
}

/// Those who wait for a `W` each, and those who were handed a `G`. See the [module](super) for its promises.
#[derive(Debug)]
pub(crate) struct WaitQueue<W, G> {
    /// The entries.
    entries: Entries<W, G>,
    /// What is waited for.
    origin: ResourceInfo,
}

impl<W, G> WaitQueue<W, G> {
    /// Makes an empty queue, of those who wait for something that the caller makes; it allocates when the first enters.
    #[track_caller]
    pub(crate) const fn new(kind: Kind) -> Self {
        Self {
            entries: Entries::new(),
            origin: ResourceInfo::here(kind),
        }
    }

    /// What is waited for.
    pub(crate) fn origin(&self) -> &ResourceInfo {
        &self.origin
    }

    /// Calls so what is waited for.
    pub(crate) fn set_name(&mut self, name: &str) {
        self.origin.set_name(name);
    }

    /// Writes down what becomes of the one at this place, where a book is kept.
    #[inline(always)]
    fn note(&self, place: u32, line: impl FnOnce(&ResourceInfo, u32)) {
        if wait_graph::is_enabled() {
            line(&self.origin, place);
        }
    }

    /// Tells whether nobody waits. Those who were served do not count.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.waiting() == 0
    }

    /// Counts those who wait. Those who were served do not count.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.entries.waiting()
    }

    /// For how many there is room without asking the allocator.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.entries.room()
    }

    /// Borrows what the first wants.
    #[inline]
    pub(crate) fn first(&self) -> Option<&W> {
        self.entries.first().map(|first| &first.want)
    }

    /// Puts somebody at the end. Clone the waker while nothing is borrowed, and look again after that whether there is a
    /// need to wait.
    pub(crate) fn enter(&mut self, want: W, waker: Waker) -> Ticket {
        let place = self.entries.append(want, waker);
        self.note(place, ResourceInfo::waits);
        Ticket(place)
    }

    /// Hands `grant` to the first, who is to be woken with `wakes`, and gives what it wanted; gives `grant` back if nobody
    /// waits.
    ///
    /// # Errors
    /// `grant`, if nobody waits.
    #[inline(always)] // with each drop of a guard, mostly to find that nobody waits
    pub(crate) fn serve(&mut self, grant: G, wakes: &mut Wakes) -> Result<W, G> {
        if self.is_empty() {
            return Err(grant);
        }
        if wait_graph::is_enabled() {
            self.note_served();
        }
        let first = self.entries.serve_first(grant)?;
        wakes.push(first.waker);
        Ok(first.want)
    }

    /// Writes down that the first is being served.
    #[cold]
    #[inline(never)]
    fn note_served(&self) {
        self.origin.served(self.entries.first_place());
    }

    /// Takes the holder of the ticket out if it was served, and gives what it was handed; gives the ticket back if it still waits.
    ///
    /// # Errors
    /// The ticket, if its holder still waits.
    #[inline]
    pub(crate) fn claim(&mut self, ticket: Ticket) -> Result<G, Ticket> {
        self.entries.remove_served(ticket.0).ok_or(ticket)
    }

    /// Writes down that the one at this place was served and has gone: whoever claims is to see to it, where a book is kept.
    pub(super) fn note_left(&self, place: u32) {
        self.origin.left(place);
    }

    /// Tells whether the holder of the ticket was served.
    #[inline]
    #[allow(
        dead_code,
        reason = "for primitives that take what they were handed in steps of their own"
    )]
    pub(crate) fn is_served(&mut self, ticket: &Ticket) -> bool {
        matches!(self.entries.at(ticket.0), Entry::Served(_))
    }

    /// Tells whether the holder of the ticket waits by another waker than this.
    #[inline]
    pub(crate) fn has_other_waker(&mut self, ticket: &Ticket, waker: &Waker) -> bool {
        match self.entries.at(ticket.0) {
            Entry::Waiting(waiting) => !waiting.waker.will_wake(waker),
            _ => false,
        }
    }

    /// Changes the waker of the holder of the ticket, and gives the one that is not needed any more, to be dropped while
    /// nothing is borrowed: the old one, or this one if the holder was served meanwhile.
    #[must_use = "drop it while nothing is borrowed"]
    pub(crate) fn set_waker(&mut self, ticket: &Ticket, waker: Waker) -> Waker {
        self.note(ticket.0, ResourceInfo::waits_on);
        match self.entries.at(ticket.0) {
            Entry::Waiting(waiting) => mem::replace(&mut waiting.waker, waker),
            _ => waker,
        }
    }

    /// Takes the holder of the ticket out, wherever it stands.
    #[inline]
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Left<W, G> {
        self.note(ticket.0, ResourceInfo::left);
        match self.entries.remove(ticket.0) {
            Entry::Waiting(waiting) => Left::Waiting(waiting.want, waiting.waker),
            Entry::Served(grant) => Left::Served(grant),
            Entry::Vacant(_) => unreachable!("a ticket's entry stays until it leaves"),
        }
    }
}

impl<W, G: Clone> WaitQueue<W, G> {
    /// Hands a clone of `grant` to the first `count`, or to all if they are fewer, and tells to how many. For wants without a
    /// destructor of their own.
    pub(crate) fn serve_many(&mut self, count: usize, grant: &G, wakes: &mut Wakes) -> usize {
        let count = count.min(self.waiting());
        wakes.reserve(count);
        let mut served = 0;
        while served < count && self.serve(grant.clone(), wakes).is_ok() {
            served += 1;
        }
        served
    }
}
