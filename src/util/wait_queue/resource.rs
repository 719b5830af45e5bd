//! Waiting at a desk: what is the same for every primitive.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::queue::{Left, Ticket, WaitQueue};
use super::wakes::Wakes;
use crate::util::wait_graph::{self, Held};
use crate::util::{budget, drop_quietly};

/// What a primitive says about itself: its state and its queue, in one [`RefCell`].
///
/// Its methods change data and gather wakers. They run no foreign code: they drop no value of a user, wake nobody and do
/// not panic after they have begun to change something.
pub(crate) trait Resource {
    /// What somebody asks for.
    type Request;
    /// What somebody is handed.
    type Grant;

    /// Whether it may serve at once. If it never does, asking is no step of the poll's [budget], and
    /// whoever asks is in the queue after the first poll.
    const MAY_SERVE_AT_ONCE: bool = true;

    /// The queue.
    fn queue(&mut self) -> &mut WaitQueue<Self::Request, Self::Grant>;

    /// Serves at once, or gives back what was wanted. Whoever would overtake others is told to wait.
    ///
    /// # Errors
    /// What was wanted, if there is a need to wait.
    fn try_grant(
        &mut self,
        want: Self::Request,
        wakes: &mut Wakes,
    ) -> Result<Self::Grant, Self::Request>;

    /// Somebody has left unserved: those behind may have been waiting for that alone.
    fn left(&mut self, wakes: &mut Wakes) {
        _ = wakes;
    }

    /// Somebody has left with what it was handed and did not take: to be passed on. What cannot be is given back, to be
    /// dropped while nothing is borrowed.
    fn take_back(&mut self, grant: Self::Grant, wakes: &mut Wakes) -> Option<Self::Grant>;
}

/// Notes that whoever runs now has what one at a time may have. Nothing of the desk is borrowed.
#[cold]
#[inline(never)]
pub(crate) fn note_taken<D: Resource>(resource: &RefCell<D>) {
    resource.borrow_mut().queue().origin().taken();
}

/// Notes, where a book is kept, that whoever runs now holds what the desk gives out, until [`note_let_go`]. Nothing of it is
/// borrowed.
#[inline]
pub(crate) fn note_held<D: Resource>(resource: &RefCell<D>) {
    if wait_graph::is_enabled() {
        resource.borrow_mut().queue().origin().holds();
    }
}

/// Notes that whoever runs now does not hold it any more. Nothing of the desk is borrowed.
#[cold]
#[inline(never)]
pub(crate) fn note_let_go<D: Resource>(resource: &RefCell<D>) {
    resource.borrow_mut().queue().origin().lets_go();
}

/// Notes, where a book is kept, that whoever runs now holds what the desk gives out. Nothing of it is borrowed.
#[inline]
pub(crate) fn held<D: Resource>(resource: &RefCell<D>) -> Held {
    Held::noted(|| resource.borrow_mut().queue().origin().held())
}

/// Gives what is waited for at a desk a name, for reports.
pub(crate) fn name<D: Resource>(resource: &mut RefCell<D>, name: &str) {
    resource.get_mut().queue().set_name(name);
}

/// Changes a desk, lets go of it, and then wakes whom that concerns.
#[inline]
pub(crate) fn update<D, R>(
    resource: &RefCell<D>,
    change: impl FnOnce(&mut D, &mut Wakes) -> R,
) -> R {
    let mut wakes = Wakes::new();
    let result = change(&mut resource.borrow_mut(), &mut wakes);
    wakes.wake();
    result
}

/// What a look at an entry finds.
enum Claim<G> {
    /// It was served with this, and has left.
    Served(G),
    /// It waits, by the waker at hand.
    Waits,
    /// It waits, by another waker.
    WaitsByAnother,
}

/// One wait. Its owner calls [`leave`](Waiter::leave) when it is dropped.
#[derive(Debug)]
pub(crate) enum Waiter<W> {
    /// Not asked yet.
    New(W),
    /// In the queue, or served.
    Queued(Ticket),
    /// Has got it, or has left.
    Done,
}

impl<W> Waiter<W> {
    /// Asks, or looks whether it was served; ready with what it was handed. To be granted at once is a
    /// step of the poll's [budget].
    ///
    /// # Panics
    /// When it is polled after it was done.
    #[inline]
    pub(crate) fn poll<D>(&mut self, resource: &RefCell<D>, cx: &mut Context<'_>) -> Poll<D::Grant>
    where
        D: Resource<Request = W>,
    {
        match self {
            Self::New(_) => {
                if D::MAY_SERVE_AT_ONCE {
                    ready!(budget::poll_spend(cx.waker()));
                }
                match self.try_grant(resource, || None) {
                    Some(grant) => Poll::Ready(grant),
                    None => self.enter(resource, cx.waker()),
                }
            }
            Self::Queued(_) => self.look(resource, cx.waker()),
            Self::Done => panic!("a wait was polled after it was done"),
        }
    }

    /// Asks once; with a waker, waits for the answer if there is none.
    #[inline]
    fn try_grant<D: Resource<Request = W>>(
        &mut self,
        resource: &RefCell<D>,
        waker: impl FnOnce() -> Option<Waker>,
    ) -> Option<D::Grant> {
        let Self::New(want) = mem::replace(self, Self::Done) else {
            unreachable!("a wait asks before it has entered");
        };
        update(resource, |resource, wakes| {
            match resource.try_grant(want, wakes) {
                Ok(grant) => Some(grant),
                Err(want) => {
                    *self = match waker() {
                        Some(waker) => Self::Queued(resource.queue().enter(want, waker)),
                        None => Self::New(want),
                    };
                    None
                }
            }
        })
    }

    /// Enters the queue, unless the waker's clone has changed things so that there is no need to.
    #[cold]
    fn enter<D: Resource<Request = W>>(
        &mut self,
        resource: &RefCell<D>,
        waker: &Waker,
    ) -> Poll<D::Grant> {
        if D::MAY_SERVE_AT_ONCE {
            budget::give_back();
        }
        let mut clone = Some(waker.clone());
        let granted = self.try_grant(resource, || clone.take());
        if let Some(unused) = clone {
            drop_quietly(unused);
        }
        match granted {
            Some(grant) => Poll::Ready(grant),
            None => Poll::Pending,
        }
    }

    /// Looks whether it was served, and sees to it that the right waker is there if not.
    #[inline]
    fn look<D: Resource<Request = W>>(
        &mut self,
        resource: &RefCell<D>,
        waker: &Waker,
    ) -> Poll<D::Grant> {
        match self.claim(resource, waker) {
            Claim::Served(grant) => Poll::Ready(grant),
            Claim::Waits => Poll::Pending,
            Claim::WaitsByAnother => self.change_waker(resource, waker),
        }
    }

    /// Takes what it was handed, if it was.
    #[inline]
    fn claim<D: Resource<Request = W>>(
        &mut self,
        resource: &RefCell<D>,
        waker: &Waker,
    ) -> Claim<D::Grant> {
        match wait_graph::is_enabled() {
            false => self.claim_unnoted(resource, waker),
            true => self.claim_noted(resource, waker),
        }
    }

    /// The same, and writes it down. Apart and last, so that the usual case needs no frame for it.
    #[cold]
    #[inline(never)]
    fn claim_noted<D>(&mut self, resource: &RefCell<D>, waker: &Waker) -> Claim<D::Grant>
    where
        D: Resource<Request = W>,
    {
        let place = match self {
            Self::Queued(ticket) => Some(ticket.place()),
            _ => None,
        };
        let claim = self.claim_unnoted(resource, waker);
        if let (Claim::Served(_), Some(place)) = (&claim, place) {
            resource.borrow_mut().queue().note_left(place);
        }
        claim
    }

    /// The same, and writes nothing down.
    #[inline(always)]
    fn claim_unnoted<D>(&mut self, resource: &RefCell<D>, waker: &Waker) -> Claim<D::Grant>
    where
        D: Resource<Request = W>,
    {
        let Self::Queued(ticket) = mem::replace(self, Self::Done) else {
            unreachable!("only a wait in the queue looks");
        };
        let mut resource = resource.borrow_mut();
        let queue = resource.queue();
        match queue.claim(ticket) {
            Ok(grant) => Claim::Served(grant),
            Err(ticket) => {
                let another = queue.has_other_waker(&ticket, waker);
                *self = Self::Queued(ticket);
                match another {
                    true => Claim::WaitsByAnother,
                    false => Claim::Waits,
                }
            }
        }
    }

    /// Puts a clone of this waker in the place of the one that is there, unless it is served meanwhile: the clone is foreign
    /// code.
    #[cold]
    fn change_waker<D: Resource<Request = W>>(
        &mut self,
        resource: &RefCell<D>,
        waker: &Waker,
    ) -> Poll<D::Grant> {
        let clone = waker.clone();
        let Self::Queued(ticket) = self else {
            unreachable!("only a wait in the queue has a waker");
        };
        let old = resource.borrow_mut().queue().set_waker(ticket, clone);
        drop_quietly(old);
        match self.claim(resource, waker) {
            Claim::Served(grant) => Poll::Ready(grant),
            _ => Poll::Pending,
        }
    }

    /// Ends the wait; what it was handed and did not take is passed on.
    #[inline]
    pub(crate) fn leave<D: Resource<Request = W>>(&mut self, resource: &RefCell<D>) {
        if let Self::Queued(ticket) = mem::replace(self, Self::Done) {
            Self::leave_queue(ticket, resource);
        }
    }

    /// Leaves the queue.
    #[cold]
    fn leave_queue<D: Resource<Request = W>>(ticket: Ticket, resource: &RefCell<D>) {
        // Bound to a name, so that it is dropped after the borrow has gone.
        let rest = update(resource, |resource, wakes| {
            match resource.queue().leave(ticket) {
                Left::Waiting(want, waker) => {
                    resource.left(wakes);
                    Left::Waiting(want, waker)
                }
                Left::Served(grant) => Left::Served(resource.take_back(grant, wakes)),
            }
        });
        match rest {
            Left::Waiting(want, waker) => {
                drop_quietly(waker);
                drop(want);
            }
            Left::Served(grant) => drop(grant),
        }
    }
}

/// A future that waits at a borrowed desk.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Wait<'a, D: Resource> {
    /// The desk.
    resource: &'a RefCell<D>,
    /// How far it got.
    waiter: Waiter<D::Request>,
}

impl<'a, D: Resource> Wait<'a, D> {
    /// A wait that has not asked yet.
    #[inline]
    pub(crate) fn new(resource: &'a RefCell<D>, want: D::Request) -> Self {
        Self {
            resource,
            waiter: Waiter::New(want),
        }
    }
}

/// Nothing is pinned: the entry is found by its number.
impl<D: Resource> Unpin for Wait<'_, D> {}

impl<D: Resource> Future for Wait<'_, D> {
    type Output = D::Grant;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<D::Grant> {
        let resource = self.resource;
        self.waiter.poll(resource, cx)
    }
}

impl<D: Resource> Drop for Wait<'_, D> {
    #[inline]
    fn drop(&mut self) {
        self.waiter.leave(self.resource);
    }
}

impl<D: Resource> fmt::Debug for Wait<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.waiter {
            Waiter::New(_) => "new",
            Waiter::Queued(_) => "queued",
            Waiter::Done => "done",
        };
        f.debug_tuple("Wait").field(&stage).finish()
    }
}
