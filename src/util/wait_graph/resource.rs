//! What can be waited for or held: where it was made, and how it is called.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;

use super::{is_enabled, next_hold, next_number, with_wait_graph};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A lock.
    Lock,
    /// A lock for readers and writers.
    RwLock,
    /// A permit.
    Semaphore,
    /// The change that a condition tells of.
    Condition,
    /// The flag of an event.
    Event,
    /// The others at a barrier.
    Barrier,
    /// An item of a queue.
    Item,
    /// Room in a queue.
    Room,
    /// That the items of a queue are done.
    Join,
    /// A value of a `watch`.
    Watch,
    /// An item of a `broadcast`.
    Broadcast,
    /// The value of a `oneshot`.
    Oneshot,
    /// That the receiver of a `oneshot` goes.
    OneshotGone,
    /// That the receivers of a `watch` go.
    WatchGone,
    /// An item of an `inbox`.
    Inbox,
    /// A connection that comes to a listener in memory.
    Accept,
    /// Bytes of a connection in memory.
    Read,
    /// Room for bytes in one.
    Write,
    /// That a child of a group may begin.
    Limit,
    /// What a `Remote` was asked for.
    Reply,
    /// A moment that the clock does not reach.
    Never,
}

impl Kind {
    /// What somebody who waits waits for: an article and a noun.
    fn noun(self) -> &'static str {
        match self {
            Self::Lock => "the lock",
            Self::RwLock => "the read-write lock",
            Self::Semaphore => "a permit of the semaphore",
            Self::Condition => "the condition",
            Self::Event => "the event",
            Self::Barrier => "the others at the barrier",
            Self::Item => "an item of the queue",
            Self::Room => "room in the queue",
            Self::Join => "the items in work of the queue",
            Self::Watch => "a value of the watch",
            Self::Broadcast => "an item of the broadcast",
            Self::Oneshot => "the value of the oneshot",
            Self::OneshotGone => "the end of the receiver of the oneshot",
            Self::WatchGone => "the end of the receivers of the watch",
            Self::Inbox => "an item of the inbox",
            Self::Accept => "a connection to the listener",
            Self::Read => "bytes from the connection",
            Self::Write => "room in the connection",
            Self::Limit => "another child to end, as the limit of its group says, before it begins",
            Self::Reply => "the result of the remote task",
            Self::Never => "the end of a sleep that lies past the end of the clock",
        }
    }

    /// Whether somebody can hold it.
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Self::Lock | Self::RwLock | Self::Semaphore)
    }
}

/// What a lock, a queue and so on knows about itself.
pub(crate) struct ResourceInfo {
    /// What it is.
    kind: Kind,
    /// Where it was made.
    location: &'static Location<'static>,
    /// How it is called.
    name: Option<Box<str>>,
    /// Its number in books; 0 until it is in one. It moves with the thing, as an address would not.
    number: Cell<u64>,
}

impl ResourceInfo {
    /// That of something which the caller makes.
    #[track_caller]
    pub(crate) const fn here(kind: Kind) -> Self {
        Self {
            kind,
            location: Location::caller(),
            name: None,
            number: Cell::new(0),
        }
    }

    /// Calls it so.
    pub(crate) fn set_name(&mut self, name: &str) {
        self.name = Some(name.into());
    }

    /// Where it was made.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Its number in books.
    pub(super) fn number(&self) -> u64 {
        if self.number.get() == 0 {
            self.number.set(next_number());
        }
        self.number.get()
    }

    /// It as a book has it.
    pub(super) fn thing(&self) -> ResourceLabel {
        ResourceLabel {
            number: self.number(),
            kind: self.kind,
            location: Some(self.location),
            name: self.name.clone(),
        }
    }

    /// Somebody waits, at this place of the queue.
    #[cold]
    #[inline(never)]
    pub(crate) fn waits(&self, place: u32) {
        with_wait_graph(&mut |book, who| book.waits(self.thing(), place, who));
    }

    /// Whoever waits at this place does so as another task, perhaps.
    #[cold]
    #[inline(never)]
    pub(crate) fn waits_on(&self, place: u32) {
        with_wait_graph(&mut |book, who| book.waits_on(self.number(), place, who));
    }

    /// Whoever waits at this place was served.
    #[cold]
    #[inline(never)]
    pub(crate) fn served(&self, place: u32) {
        with_wait_graph(&mut |book, _| book.served(self.number(), place));
    }

    /// Nobody waits at this place any more.
    #[cold]
    #[inline(never)]
    pub(crate) fn left(&self, place: u32) {
        with_wait_graph(&mut |book, _| book.left(self.number(), place));
    }

    /// Whoever runs now has it, alone, until the next one has it.
    #[cold]
    #[inline(never)]
    pub(crate) fn taken(&self) {
        with_wait_graph(&mut |book, who| book.taken(self.thing(), who));
    }

    /// Whoever runs now holds it, with others perhaps, until what this gives is dropped.
    #[cold]
    #[inline(never)]
    pub(crate) fn held(&self) -> Held {
        let number = next_hold();
        with_wait_graph(&mut |book, who| book.holds(self.thing(), number, who));
        Held(number)
    }

    /// Whoever runs now holds it, with others perhaps, until it [lets go](Self::lets_go).
    #[cold]
    #[inline(never)]
    pub(crate) fn holds(&self) {
        with_wait_graph(&mut |book, who| book.holds(self.thing(), next_hold(), who));
    }

    /// Whoever runs now has let go of it: one of its own holds is over, or, if it has none, the oldest of anybody's.
    #[cold]
    #[inline(never)]
    pub(crate) fn lets_go(&self) {
        with_wait_graph(&mut |book, who| book.lets_go(self.number(), who));
    }
}

impl Drop for ResourceInfo {
    fn drop(&mut self) {
        if self.number.get() != 0 {
            forget(self.number.get());
        }
    }
}

impl fmt::Debug for ResourceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.thing())
    }
}

/// Something that is waited for or held.
#[derive(Clone, Debug)]
pub(crate) struct ResourceLabel {
    /// Its number.
    pub(crate) number: u64,
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it was made, if that says something.
    pub(super) location: Option<&'static Location<'static>>,
    /// How it is called.
    pub(super) name: Option<Box<str>>,
}

impl ResourceLabel {
    /// How it is called, or where it was made.
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

/// The number of a hold that is in the book; 0 for one that is not. Part of the guards of what several may hold.
pub(crate) struct Held(u32);

impl Held {
    /// Notes a hold, where a book is kept.
    #[inline]
    pub(crate) fn noted(note: impl FnOnce() -> Self) -> Self {
        match is_enabled() {
            false => Self(0),
            true => apart(note),
        }
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if self.0 != 0 {
            strike_out(self.0);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").finish()
    }
}

/// Does what is seldom done, where it is in nobody's way.
#[cold]
#[inline(never)]
fn apart<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// A thing has gone.
#[cold]
#[inline(never)]
pub(super) fn forget(number: u64) {
    with_wait_graph(&mut |book, _| book.forget(number));
}

/// A hold has ended.
#[cold]
#[inline(never)]
fn strike_out(number: u32) {
    with_wait_graph(&mut |book, _| book.let_go(number));
}
