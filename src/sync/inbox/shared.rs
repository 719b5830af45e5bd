//! The state that the senders and the receiver share, behind one mutex.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use crate::error::{Closed, PutError, Undelivered};
use crate::util::sync::{Arc, Condvar, Mutex, MutexGuard};
use crate::util::wait_graph::{Note, ResourceKind};
use crate::util::{budget, drop_quietly, wake_quietly};

pub(super) struct Shared<T> {
    state: Mutex<InboxState<T>>,
    /// Notified for blocked senders when an item was taken or the receiver was dropped.
    pub(super) changed: Condvar,
    /// The highest number of items.
    capacity: usize,
    /// Where the inbox was created.
    location: &'static Location<'static>,
    /// The task that waits for an item, for the report of a deadlock.
    pub(super) note: Note,
}

/// The part of [`Shared`] that changes.
pub(super) struct InboxState<T> {
    /// The items that were sent and not received.
    pub(super) items: VecDeque<T>,
    /// The receiver's, while it waits.
    pub(super) waker: Option<Waker>,
    pub(super) senders: usize,
    /// The number of senders that block their threads.
    blocked: usize,
    pub(super) receiver_gone: bool,
}

impl<T> Shared<T> {
    /// Creates an empty channel with one sender.
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(InboxState {
                items: VecDeque::new(),
                waker: None,
                senders: 1,
                blocked: 0,
                receiver_gone: false,
            }),
            changed: Condvar::new(),
            capacity,
            location: Location::caller(),
            note: Note::default(),
        })
    }

    /// Locks the state. Ignores poison: only an allocation can panic under the lock, and that
    /// leaves the state consistent.
    pub(super) fn state(&self) -> MutexGuard<'_, InboxState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item, unlocks the state, and wakes the receiver.
    fn push(mut state: MutexGuard<'_, InboxState<T>>, item: T) {
        state.items.push_back(item);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            wake_quietly(waker);
        }
    }

    /// Adds an item if the inbox is not full.
    pub(super) fn try_send(&self, item: T) -> Result<(), PutError<T>> {
        let state = self.state();
        if state.receiver_gone {
            return Err(PutError::Closed(item));
        }
        if state.items.len() >= self.capacity {
            return Err(PutError::Full(item));
        }
        Self::push(state, item);
        Ok(())
    }

    /// Adds an item, and blocks the thread while the inbox is full.
    pub(super) fn send_blocking(&self, item: T) -> Result<(), Undelivered<T>> {
        let mut state = self.state();
        while state.items.len() >= self.capacity && !state.receiver_gone {
            state.blocked += 1;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.blocked -= 1;
        }
        if state.receiver_gone {
            return Err(Undelivered(item));
        }
        Self::push(state, item);
        Ok(())
    }

    /// Returns the receiver's next result, if it is known.
    pub(super) fn pop(&self, state: &mut InboxState<T>) -> Option<Result<T, Closed>> {
        let Some(item) = state.items.pop_front() else {
            return (state.senders == 0).then_some(Err(Closed(())));
        };
        if state.blocked > 0 {
            self.changed.notify_one();
        }
        Some(Ok(item))
    }

    /// Waits for the receiver's next result. A result at once spends a step of the task's
    /// [budget].
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, Closed>> {
        let polled = budget::counted(cx, |cx| self.poll_uncounted(cx.waker()));
        match polled {
            Poll::Ready(_) => self.note.over(),
            Poll::Pending => self
                .note
                .waits(|| (ResourceKind::Inbox, Some(self.location), None)),
        }
        polled
    }

    /// Waits for the receiver's next result, without regard to the budget.
    fn poll_uncounted(&self, waker: &Waker) -> Poll<Result<T, Closed>> {
        let mut state = self.state();
        if let Some(outcome) = self.pop(&mut state) {
            return Poll::Ready(outcome);
        }
        if state.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return Poll::Pending;
        }
        drop(state);
        let mut waker = Some(waker.clone());
        let mut state = self.state();
        let outcome = self.pop(&mut state);
        if outcome.is_none() {
            std::mem::swap(&mut state.waker, &mut waker);
        }
        drop(state);
        drop_quietly(waker);
        outcome.map_or(Poll::Pending, Poll::Ready)
    }

    /// Formats a sender or the receiver.
    pub(super) fn fmt_side(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let (len, senders) = (state.items.len(), state.senders);
        drop(state);
        f.debug_struct(name)
            .field("len", &len)
            .field("senders", &senders)
            .finish_non_exhaustive()
    }
}
