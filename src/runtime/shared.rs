//! The part of a runtime that all threads share: its inbox, its bell, and whether it has ended.
//!
//! ```text
//!   open ── end(): the table is handed over, under the lock ──▶ ended
//!    │ send: push, ring                                           │ send: push, then whoever pushed empties
//!    ▼                                                            ▼ the inbox itself
//!   home collects each turn                                     nothing stays behind
//! ```
//!
//! What the home thread itself sends, while it does not drive this runtime, has an inbox of its own, which only that
//! thread empties: it may hold a handle whose output must not leave the thread, and after the end whoever sends
//! settles what lies in the common inbox.
//!
//! Why no message is left behind says [`ending`](super::ending). What is settled after the end may touch task cells, which have
//! been handed over by then (see [`OwnedRef`]).

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

/// What other threads, and the home thread while it does not drive, tell a runtime.
pub(crate) enum Message {
    /// Something about one task.
    Task(TaskMessage<Shared>),
    /// A function to call in the runtime. It is dropped uncalled when the runtime has ended.
    Call(Box<dyn FnOnce() + Send>),
}

impl Message {
    /// Deals with a message that nobody will collect.
    fn settle_after_the_end(self) {
        match self {
            Self::Task(TaskMessage::HandleGone(handle)) => handle.settle_after_the_end(),
            Self::Task(letter) => drop(letter),
            Self::Call(call) => drop_quietly(call),
        }
    }
}

/// The shared part of a runtime.
pub(crate) struct Shared {
    /// Which runtime of the process this is.
    number: u32,
    /// The thread that made the runtime and drives it.
    home: ThreadId,
    /// What other threads sent and was not collected.
    inbox: SegQueue<Message>,
    /// What the home thread sent. Invariant: only the home thread pops.
    from_home: SegQueue<Message>,
    /// Ends the loop's sleep.
    unparker: sync::Arc<Unparker<EventFd>>,
    /// Takes descriptors out of the reactor.
    detacher: Detacher,
    /// Whether it has ended.
    ending: Ending,
    /// How many `Remote`s, remote handles and functions on other threads may still send work.
    in_flight: AtomicUsize,
    /// The functions that run on other threads.
    jobs: Arc<BlockingTasks>,
}

/// The runtimes of the process that have not ended, by number: leaf futures hold the number only, and find the way
/// home here when they are dropped on a foreign thread.
static HUBS: Mutex<BTreeMap<u32, Arc<Shared>>> = Mutex::new(BTreeMap::new());

/// The number of the next runtime.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The registry, which no panic can leave half-changed.
fn hubs() -> MutexGuard<'static, BTreeMap<u32, Arc<Shared>>> {
    HUBS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Opens that of a new runtime, enters it in the registry, and returns its home end.
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
        hubs().insert(shared.number, Arc::clone(&shared));
        HomeInbox {
            shared,
            _home: PhantomData,
        }
    }

    /// The runtime of that number, unless it has ended.
    pub(crate) fn find(number: u32) -> Option<Arc<Self>> {
        hubs().get(&number).cloned()
    }

    /// Which runtime of the process this is.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The bell.
    pub(crate) fn unparker(&self) -> &Unparker<EventFd> {
        &self.unparker
    }

    /// True when nothing waits to be collected.
    pub(crate) fn is_empty(&self) -> bool {
        self.inbox.is_empty() && self.from_home.is_empty()
    }

    /// True on the thread that made the runtime, whether it drives it at this moment or not.
    pub(crate) fn is_home_thread(&self) -> bool {
        thread::current().id() == self.home
    }

    /// Sends a message home. After the runtime's end it is dealt with here.
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

    /// Whether the runtime has ended; waits for an end that is under way.
    pub(crate) fn wait_for_the_end(&self) -> bool {
        self.ending.is_over()
    }

    /// Ends the runtime: `tasks`, all of them done, are handed over to whoever still has a handle or a waker.
    pub(crate) fn end(&self, tasks: Vec<OwnedRef<Self>>) {
        self.ending.end(|| drop(tasks));
        self.unparker.close();
        hubs().remove(&self.number);
    }

    /// Deals with what was sent too late: as many messages as there are now. Whoever sends one
    /// later deals with that.
    pub(crate) fn settle_leftovers(&self) {
        if self.is_home_thread() {
            settle(&self.from_home);
        }
        settle(&self.inbox);
    }

    /// True while something elsewhere may still send work.
    pub(crate) fn is_something_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) > 0
    }

    /// The functions of this runtime that run on other threads.
    pub(crate) fn jobs(&self) -> Arc<BlockingTasks> {
        Arc::clone(&self.jobs)
    }
}

/// The end of the queues at which messages are taken out, for the home part of the runtime.
///
/// Invariant: it is on the home thread. Only [`Shared::open`] makes one, there, and it is not `Send`.
#[derive(Debug)]
pub(crate) struct HomeInbox {
    /// The queues.
    shared: Arc<Shared>,
    /// It stays on its thread: so does what the home thread sends to itself.
    _home: PhantomData<*const ()>,
}

impl HomeInbox {
    /// The part of the runtime that all threads share.
    #[inline]
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// How many messages of the home thread wait.
    pub(super) fn len_from_home(&self) -> usize {
        self.shared.from_home.len()
    }

    /// How many messages of other threads wait, about: those that were sent before are counted.
    pub(super) fn len_from_others(&self) -> usize {
        self.shared.inbox.len()
    }

    /// Takes the next message of another thread.
    pub(super) fn pop_from_others(&self) -> Option<Message> {
        self.shared.inbox.pop()
    }

    /// Takes the next message that the home thread sent.
    pub(super) fn pop_from_home(&self) -> Option<Message> {
        self.shared.from_home.pop()
    }
}

/// Deals with as many messages as there are now, also if others send more all the time. A queue is
/// first come, first served, so those that were there have gone then, whoever popped them.
fn settle(messages: &SegQueue<Message>) {
    for _ in 0..messages.len() {
        match messages.pop() {
            Some(message) => message.settle_after_the_end(),
            None => return,
        }
    }
}

/// Something elsewhere that may send work: while one lives, a virtual clock does not jump.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Shared>);

impl InFlight {
    /// One more.
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }

    /// Where the work would be sent.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for InFlight {
    /// The loop is woken: it may have waited for this one only.
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::SeqCst);
            self.0.unparker.unpark();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
