//! Waiting for a resource: what all primitives have in common.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::queue::{Removed, Ticket, WaitQueue};
use super::wakes::Wakes;
use crate::util::wait_graph::{self, Held};
use crate::util::{budget, drop_quietly};

/// The state of a primitive and its queue, in one [`RefCell`].
///
/// The methods change data and gather wakers. They run no third-party code: they drop no value of a
/// user, call no waker, and do not panic after they have begun to change something.
pub(crate) trait Resource {
    /// What a waiter asks for.
    type Request;
    /// What a waiter gets.
    type Grant;

    /// Whether `try_grant` may succeed. If not, a first poll spends no step of the task's
    /// [budget], and the waiter is in the queue after it.
    const MAY_GRANT_AT_ONCE: bool = true;

    fn queue(&mut self) -> &mut WaitQueue<Self::Request, Self::Grant>;

    /// Grants a request at once, unless it would overtake a waiter.
    ///
    /// # Errors
    /// The request, if it has to wait.
    fn try_grant(
        &mut self,
        request: Self::Request,
        wakes: &mut Wakes,
    ) -> Result<Self::Grant, Self::Request>;

    /// Called after a waiter without a grant has left: waiters behind it may be grantable now.
    fn waiter_left(&mut self, wakes: &mut Wakes) {
        _ = wakes;
    }

    /// Called after a waiter has left without taking its grant: passes the grant on. A grant that
    /// is returned is dropped while nothing is borrowed.
    fn take_back(&mut self, grant: Self::Grant, wakes: &mut Wakes) -> Option<Self::Grant>;
}

/// Records, if a wait graph is open, that the current task holds a resource, until the result is
/// dropped. The resource must not be borrowed.
#[inline]
pub(crate) fn held<R: Resource>(resource: &RefCell<R>) -> Held {
    Held::recorded(|| resource.borrow_mut().queue().info().hold())
}

/// Names a resource, for reports.
pub(crate) fn name<R: Resource>(resource: &mut RefCell<R>, name: &str) {
    resource.get_mut().queue().set_name(name);
}

/// Changes a state, ends the borrow, and then wakes the gathered wakers.
#[inline]
pub(crate) fn update<S, T>(state: &RefCell<S>, change: impl FnOnce(&mut S, &mut Wakes) -> T) -> T {
    let mut state = state.borrow_mut();
    // After the borrow, which may panic: a list that nothing drops early needs no memory (bench
    // `lock_free`).
    let mut wakes = Wakes::new();
    let result = change(&mut state, &mut wakes);
    drop(state);
    wakes.wake();
    result
}

/// What [`Waiter::check`] finds.
enum Checked<G> {
    /// The grant; the entry is gone.
    Granted(G),
    /// No grant, and the entry has the waker of this poll.
    SameWaker,
    /// No grant, and the entry has another waker.
    OtherWaker,
}

/// The state of one wait. Its owner calls [`leave`](Waiter::leave) when it is dropped.
#[derive(Debug)]
pub(crate) enum Waiter<Q> {
    /// Not polled yet.
    New(Q),
    /// In the queue, with or without a grant.
    Queued(Ticket),
    /// Has taken its grant, or has left.
    Done,
}

impl<Q> Waiter<Q> {
    /// Asks for the resource at the first poll, then waits for the grant. A grant at once spends a
    /// step of the task's [budget].
    ///
    /// # Panics
    /// If it is polled after it was ready.
    #[inline]
    pub(crate) fn poll<R>(&mut self, resource: &RefCell<R>, cx: &mut Context<'_>) -> Poll<R::Grant>
    where
        R: Resource<Request = Q>,
    {
        match self {
            Self::New(_) => {
                if R::MAY_GRANT_AT_ONCE {
                    ready!(budget::poll_spend(cx.waker()));
                }
                match self.try_grant(resource, || None) {
                    Some(grant) => Poll::Ready(grant),
                    None => self.enter(resource, cx.waker()),
                }
            }
            Self::Queued(_) => self.poll_queued(resource, cx.waker()),
            Self::Done => panic!("a wait was polled after it was done"),
        }
    }

    /// Asks once. If the request has to wait and there is a waker, enters the queue.
    #[inline]
    fn try_grant<R: Resource<Request = Q>>(
        &mut self,
        resource: &RefCell<R>,
        waker: impl FnOnce() -> Option<Waker>,
    ) -> Option<R::Grant> {
        let Self::New(request) = mem::replace(self, Self::Done) else {
            unreachable!("a wait asks before it has entered");
        };
        update(resource, |resource, wakes| {
            match resource.try_grant(request, wakes) {
                Ok(grant) => Some(grant),
                Err(request) => {
                    *self = match waker() {
                        Some(waker) => Self::Queued(resource.queue().enter(request, waker)),
                        None => Self::New(request),
                    };
                    None
                }
            }
        })
    }

    /// Enters the queue, unless the clone of the waker has made the resource available.
    #[cold]
    fn enter<R: Resource<Request = Q>>(
        &mut self,
        resource: &RefCell<R>,
        waker: &Waker,
    ) -> Poll<R::Grant> {
        if R::MAY_GRANT_AT_ONCE {
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

    /// Takes the grant, or makes sure that the entry has the right waker.
    #[inline]
    fn poll_queued<R: Resource<Request = Q>>(
        &mut self,
        resource: &RefCell<R>,
        waker: &Waker,
    ) -> Poll<R::Grant> {
        let checked = if wait_graph::is_enabled() {
            self.check_recorded(resource, waker)
        } else {
            self.check(resource, waker)
        };
        match checked {
            Checked::Granted(grant) => Poll::Ready(grant),
            Checked::SameWaker => Poll::Pending,
            Checked::OtherWaker => self.change_waker(resource, waker),
        }
    }

    /// Checks, and records the end of a wait that takes its grant. Apart from `check`, so that the
    /// usual case needs no stack frame (benches `lock_handed`, `event_100`).
    #[cold]
    #[inline(never)]
    fn check_recorded<R: Resource<Request = Q>>(
        &mut self,
        resource: &RefCell<R>,
        waker: &Waker,
    ) -> Checked<R::Grant> {
        let Self::Queued(ticket) = self else {
            unreachable!("only a wait in the queue is checked");
        };
        resource.borrow_mut().queue().record_end_if_granted(ticket);
        self.check(resource, waker)
    }

    /// Takes the grant if there is one, and compares the wakers if not.
    #[inline(always)]
    fn check<R: Resource<Request = Q>>(
        &mut self,
        resource: &RefCell<R>,
        waker: &Waker,
    ) -> Checked<R::Grant> {
        let Self::Queued(ticket) = mem::replace(self, Self::Done) else {
            unreachable!("only a wait in the queue is checked");
        };
        let mut resource = resource.borrow_mut();
        let queue = resource.queue();
        match queue.take_grant(ticket) {
            Ok(grant) => Checked::Granted(grant),
            Err(ticket) => {
                let is_other = queue.has_other_waker(&ticket, waker);
                *self = Self::Queued(ticket);
                if is_other {
                    Checked::OtherWaker
                } else {
                    Checked::SameWaker
                }
            }
        }
    }

    /// Replaces the entry's waker by a clone of `waker`. The clone is third-party code, so the
    /// resource may be granted meanwhile.
    #[cold]
    fn change_waker<R: Resource<Request = Q>>(
        &mut self,
        resource: &RefCell<R>,
        waker: &Waker,
    ) -> Poll<R::Grant> {
        let clone = waker.clone();
        let Self::Queued(ticket) = self else {
            unreachable!("only a wait in the queue has a waker");
        };
        let old = resource.borrow_mut().queue().set_waker(ticket, clone);
        drop_quietly(old);
        match self.check_recorded(resource, waker) {
            Checked::Granted(grant) => Poll::Ready(grant),
            _ => Poll::Pending,
        }
    }

    /// Ends the wait. A grant that was not taken is passed on.
    #[inline]
    pub(crate) fn leave<R: Resource<Request = Q>>(&mut self, resource: &RefCell<R>) {
        if let Self::Queued(ticket) = mem::replace(self, Self::Done) {
            Self::leave_queue(ticket, resource);
        }
    }

    #[cold]
    fn leave_queue<R: Resource<Request = Q>>(ticket: Ticket, resource: &RefCell<R>) {
        // Bound to a name, so that it is dropped after the borrow has ended.
        let rest = update(resource, |resource, wakes| {
            match resource.queue().leave(ticket) {
                Removed::Waiting(request, waker) => {
                    resource.waiter_left(wakes);
                    Removed::Waiting(request, waker)
                }
                Removed::Granted(grant) => Removed::Granted(resource.take_back(grant, wakes)),
            }
        });
        match rest {
            Removed::Waiting(request, waker) => {
                drop_quietly(waker);
                drop(request);
            }
            Removed::Granted(grant) => drop(grant),
        }
    }
}

/// A future that waits for a borrowed resource.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct WaitFuture<'a, R: Resource> {
    resource: &'a RefCell<R>,
    waiter: Waiter<R::Request>,
}

impl<'a, R: Resource> WaitFuture<'a, R> {
    #[inline]
    pub(crate) fn new(resource: &'a RefCell<R>, request: R::Request) -> Self {
        Self {
            resource,
            waiter: Waiter::New(request),
        }
    }
}

/// Nothing is pinned: the entry is found by its index.
impl<R: Resource> Unpin for WaitFuture<'_, R> {}

impl<R: Resource> Future for WaitFuture<'_, R> {
    type Output = R::Grant;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R::Grant> {
        let resource = self.resource;
        self.waiter.poll(resource, cx)
    }
}

impl<R: Resource> Drop for WaitFuture<'_, R> {
    #[inline]
    fn drop(&mut self) {
        self.waiter.leave(self.resource);
    }
}

impl<R: Resource> fmt::Debug for WaitFuture<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.waiter {
            Waiter::New(_) => "new",
            Waiter::Queued(_) => "queued",
            Waiter::Done => "done",
        };
        f.debug_tuple("Wait").field(&state).finish()
    }
}
