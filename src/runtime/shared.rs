//! The part of a runtime that all threads share: its inbox, its unparker, and whether it has ended.
//!
//! ```text
//!   open ── end(): tasks are handed over, under a lock ──▶ ended
//!    │ send: push, unpark                                  │ send: push, then the
//!    ▼                                                     ▼ sender empties the inbox
//!   the loop drains the inbox in each turn
//! ```
//!
//! The messages that the home thread sends while it does not drive this runtime are in an inbox of
//! their own, which only that thread empties: such a message may contain a handle whose output must
//! not leave the thread, and after the end any sender settles what is in the common inbox.
//!
//! [`ending`](super::ending) shows that no message is left behind. What is settled after the end
//! may access the cells of tasks, which have been handed over by then (see [`OwnedRef`]).

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use crossbeam_queue::SegQueue;

use super::blocking::BlockingTasks;
use super::ending::Ending;
use crate::cell::{OwnedRef, TaskMessage};
use crate::reactor::{Detacher, EventFd, Reactor, Unparker};
use crate::util::drop_quietly;
use crate::util::sync;

/// A message to a runtime from another thread, or from the home thread while it does not drive.
pub(crate) enum Message {
    Task(TaskMessage<Shared>),
    /// A function to call in the runtime. It is dropped uncalled when the runtime has ended.
    Call(Box<dyn FnOnce() + Send>),
}

impl Message {
    /// Settles a message to a runtime that has ended.
    fn settle_after_the_end(self) {
        match self {
            Self::Task(TaskMessage::HandleGone(handle)) => handle.settle_after_the_end(),
            Self::Task(message) => drop(message),
            Self::Call(call) => drop_quietly(call),
        }
    }
}

/// The shared part of a runtime.
pub(crate) struct Shared {
    /// The number of the runtime in the process.
    number: u32,
    /// The thread that created the runtime and drives it.
    home: ThreadId,
    /// The messages of other threads.
    inbox: SegQueue<Message>,
    /// The messages of the home thread. Invariant: only the home thread pops.
    from_home: SegQueue<Message>,
    unparker: sync::Arc<Unparker<EventFd>>,
    detacher: Detacher,
    ending: Ending,
    /// The number of `Remote`s, remote handles and functions on other threads that may still send
    /// work.
    in_flight: AtomicUsize,
    /// The functions that run on the thread pool.
    jobs: Arc<BlockingTasks>,
}

/// The runtimes of the process that have not ended, by number. A [`HomeKey`](super::HomeKey) has
/// the number only.
static RUNTIMES: Mutex<BTreeMap<u32, Arc<Shared>>> = Mutex::new(BTreeMap::new());

/// The number of the next runtime.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Locks the registry. No panic can leave it half-changed, so a poisoned lock is still consistent.
fn runtimes() -> MutexGuard<'static, BTreeMap<u32, Arc<Shared>>> {
    RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Creates and registers the shared part of a new runtime, and returns its home end.
    pub(super) fn open(reactor: &Reactor) -> HomeInbox {
        let shared = Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            home: thread::current().id(),
            inbox: SegQueue::new(),
            from_home: SegQueue::new(),
            unparker: reactor.unparker().clone(),
            detacher: reactor.detacher(),
            ending: Ending::new(),
            in_flight: AtomicUsize::new(0),
            jobs: Arc::default(),
        });
        runtimes().insert(shared.number, Arc::clone(&shared));
        HomeInbox {
            shared,
            _home: PhantomData,
        }
    }

    /// Returns the runtime with this number, unless it has ended.
    pub(crate) fn find(number: u32) -> Option<Arc<Self>> {
        runtimes().get(&number).cloned()
    }

    /// Returns the number of the runtime in the process.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn unparker(&self) -> &Unparker<EventFd> {
        &self.unparker
    }

    /// Returns `true` if no message waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.inbox.is_empty() && self.from_home.is_empty()
    }

    /// Returns `true` on the thread that created the runtime, even if it does not drive it now.
    pub(crate) fn is_home_thread(&self) -> bool {
        thread::current().id() == self.home
    }

    /// Sends a message to the runtime. After its end, settles the message here.
    pub(crate) fn send(&self, message: Message) {
        if self.is_home_thread() {
            self.from_home.push(message)
        } else {
            self.inbox.push(message)
        }
        if self.ending.is_over_after_push() {
            self.settle_leftovers()
        } else {
            self.unparker.unpark()
        }
    }

    /// Takes a descriptor that is about to be closed out of the poller, on any thread. The source
    /// stays in the reactor.
    pub(super) fn detach(&self, fd: BorrowedFd<'_>) {
        self.detacher.detach(fd);
    }

    /// Returns `true` if the runtime has ended. Waits for an end in progress.
    pub(crate) fn wait_for_the_end(&self) -> bool {
        self.ending.is_over()
    }

    /// Ends the runtime: hands `tasks`, which all have ended, over to their handles and wakers.
    pub(crate) fn end(&self, tasks: Vec<OwnedRef<Self>>) {
        self.ending.end(|| drop(tasks));
        self.unparker.close();
        runtimes().remove(&self.number);
    }

    /// Settles the messages that are there now, after the end. The sender of a later message
    /// settles that.
    pub(crate) fn settle_leftovers(&self) {
        if self.is_home_thread() {
            settle(&self.from_home);
        }
        settle(&self.inbox);
    }

    /// Returns `true` while another thread may still send work.
    pub(crate) fn is_something_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) > 0
    }

    /// Returns the functions of this runtime that run on the thread pool.
    pub(crate) fn jobs(&self) -> Arc<BlockingTasks> {
        Arc::clone(&self.jobs)
    }
}

/// The end of the inboxes from which the home part of the runtime takes messages.
///
/// Invariant: it is on the home thread. Only [`Shared::open`] creates one, and it is not `Send`.
#[derive(Debug)]
pub(crate) struct HomeInbox {
    shared: Arc<Shared>,
    /// Makes it neither `Send` nor `Sync`.
    _home: PhantomData<*const ()>,
}

impl HomeInbox {
    #[inline]
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn len_from_home(&self) -> usize {
        self.shared.from_home.len()
    }

    /// Returns the number of messages of other threads: at least those that were sent before the
    /// call and were not taken.
    pub(super) fn len_from_others(&self) -> usize {
        self.shared.inbox.len()
    }

    pub(super) fn pop_from_others(&self) -> Option<Message> {
        self.shared.inbox.pop()
    }

    pub(super) fn pop_from_home(&self) -> Option<Message> {
        self.shared.from_home.pop()
    }
}

/// Settles as many messages as there are now, even if other threads keep sending. The queue is
/// first in, first out, so afterwards those messages are settled, or another thread has popped
/// them.
fn settle(messages: &SegQueue<Message>) {
    for _ in 0..messages.len() {
        match messages.pop() {
            Some(message) => message.settle_after_the_end(),
            None => return,
        }
    }
}

/// Counts something that may send work from another thread. While one lives, a virtual clock does
/// not jump.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Shared>);

impl InFlight {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }

    /// Returns the runtime to which the work would be sent.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for InFlight {
    /// Unparks the loop, which may have waited for the last one.
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::SeqCst);
            self.0.unparker.unpark();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
