//! Resources: what a task can wait for or hold, where it was created, and its name.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;

use super::{WaitStep, is_enabled, next_hold, next_resource, with_wait_graph};

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceKind {
    Lock,
    RwLock,
    Semaphore,
    Condition,
    Event,
    Barrier,
    /// An item of a queue.
    Item,
    /// Capacity of a queue.
    Capacity,
    /// The end of the unfinished items of a queue.
    Join,
    Watch,
    Broadcast,
    Oneshot,
    /// The drop of the receiver of a `oneshot`.
    OneshotGone,
    /// The drop of the receivers of a `watch`.
    WatchGone,
    Inbox,
    /// A connection to a listener of the simulated network.
    Accept,
    /// Bytes of a simulated connection.
    Read,
    /// Buffer space of a simulated connection.
    Write,
    /// The turn of a child in a group with a limit.
    Limit,
    /// The result of a call to a `Remote`.
    Reply,
    /// A time that the clock does not reach.
    Never,
}

impl ResourceKind {
    /// Returns an article and a noun for the report.
    fn noun(self) -> &'static str {
        match self {
            Self::Lock => "the lock",
            Self::RwLock => "the read-write lock",
            Self::Semaphore => "a permit of the semaphore",
            Self::Condition => "the condition",
            Self::Event => "the event",
            Self::Barrier => "the others at the barrier",
            Self::Item => "an item of the queue",
            Self::Capacity => "space in the queue",
            Self::Join => "the items in work of the queue",
            Self::Watch => "a value of the watch",
            Self::Broadcast => "an item of the broadcast",
            Self::Oneshot => "the value of the oneshot",
            Self::OneshotGone => "the end of the receiver of the oneshot",
            Self::WatchGone => "the end of the receivers of the watch",
            Self::Inbox => "an item of the inbox",
            Self::Accept => "a connection to the listener",
            Self::Read => "bytes from the connection",
            Self::Write => "space in the connection",
            Self::Limit => "another child to end, as the limit of its group says, before it begins",
            Self::Reply => "the result of the remote task",
            Self::Never => "the end of a sleep that lies past the end of the clock",
        }
    }

    /// Returns `true` if a task can hold it.
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Self::Lock | Self::RwLock | Self::Semaphore)
    }
}

/// The identity of a lock, a queue or another primitive in the graph.
pub(crate) struct ResourceInfo {
    kind: ResourceKind,
    /// Where it was created.
    location: &'static Location<'static>,
    name: Option<Box<str>>,
    /// 0 until it is recorded for the first time. Moves with the primitive, unlike an address.
    number: Cell<u64>,
}

impl ResourceInfo {
    /// Creates the identity of a primitive that the caller creates.
    #[track_caller]
    pub(crate) const fn here(kind: ResourceKind) -> Self {
        Self {
            kind,
            location: Location::caller(),
            name: None,
            number: Cell::new(0),
        }
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        self.name = Some(name.into());
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns its number, and assigns one first if it has none.
    pub(super) fn number(&self) -> u64 {
        if self.number.get() == 0 {
            self.number.set(next_resource());
        }
        self.number.get()
    }

    pub(super) fn label(&self) -> ResourceLabel {
        ResourceLabel {
            number: self.number(),
            kind: self.kind,
            location: Some(self.location),
            name: self.name.clone(),
        }
    }

    /// Records a step of the wait at this index of the queue. Not inlined: only tests record waits
    /// (benches `lock_handed`, `queue_free`).
    #[cold]
    #[inline(never)]
    pub(crate) fn record(&self, step: WaitStep, index: u32) {
        with_wait_graph(&mut |graph, task| graph.step(step, self, index, task));
    }

    /// Records that the current task holds the resource until the result is dropped.
    pub(crate) fn hold(&self) -> Held {
        let number = next_hold();
        with_wait_graph(&mut |graph, task| graph.insert_hold(self.label(), number, task));
        Held(number)
    }
}

impl Drop for ResourceInfo {
    fn drop(&mut self) {
        if self.number.get() != 0 {
            remove_waits_of(self.number.get());
        }
    }
}

impl fmt::Debug for ResourceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.label())
    }
}

/// The description of a resource in the graph.
#[derive(Clone, Debug)]
pub(crate) struct ResourceLabel {
    pub(crate) number: u64,
    pub(crate) kind: ResourceKind,
    /// Where it was created, if that identifies it.
    pub(super) location: Option<&'static Location<'static>>,
    pub(super) name: Option<Box<str>>,
}

impl ResourceLabel {
    /// Returns its name, or else where it was created.
    pub(crate) fn short(&self) -> String {
        let noun = self.kind.noun();
        match (&self.name, self.location) {
            (Some(name), _) => format!("{noun} \"{name}\""),
            (None, Some(location)) => format!("{noun} made at {location}"),
            (None, None) => noun.to_owned(),
        }
    }
}

impl fmt::Display for ResourceLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.location) {
            (Some(_), Some(location)) => write!(f, "{}, made at {location}", self.short()),
            _ => f.write_str(&self.short()),
        }
    }
}

/// A part of every guard and permit: the number of its hold in the graph, or 0 if the hold is not
/// recorded. The drop removes the hold from the graph.
pub(crate) struct Held(u32);

impl Held {
    /// Returns the hold that `record` records, which is called only if a graph is open.
    #[inline]
    pub(crate) fn recorded(record: impl FnOnce() -> Self) -> Self {
        if is_enabled() {
            call_cold(record)
        } else {
            Self(0)
        }
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if self.0 != 0 {
            remove_hold(self.0);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").finish()
    }
}

/// Calls `work` out of line: only tests record holds (benches `lock_free`, `semaphore_free`).
#[cold]
#[inline(never)]
fn call_cold<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Removes the waits of a resource that was dropped. Not inlined: benches `oneshot`, `queue_free`.
#[cold]
#[inline(never)]
pub(super) fn remove_waits_of(number: u64) {
    with_wait_graph(&mut |graph, _| graph.remove_waits_of(number));
}

/// Removes a hold. Not inlined: benches `lock_free`, `semaphore_free`.
#[cold]
#[inline(never)]
fn remove_hold(number: u32) {
    with_wait_graph(&mut |graph, _| graph.remove_hold(number));
}
