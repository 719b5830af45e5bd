//! Lines about waits at what has no queue of waiters: a channel for one, a connection in memory.
//!
//! ```text
//!   no number ── waits: a line for the task that runs ──▶ numbered ── over: its line goes
//!                                                            └─ drop: all lines go
//! ```
//!
//! A task has one line at a note. Who polls by hand, and gives up without telling, leaves it there.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Kind, ResourceLabel, is_enabled, next_number, with_wait_graph};
use crate::util::Id;

/// What is waited for: what it is, where it was made, and how it is called.
pub(crate) type About = (Kind, Option<&'static Location<'static>>, Option<String>);

/// Says who waits at something. Its number in books; 0 until it is in one.
#[derive(Default)]
pub(crate) struct Note(AtomicU64);

impl Note {
    /// Whoever runs now waits.
    #[inline]
    pub(crate) fn waits(&self, about: impl FnOnce() -> About) {
        if is_enabled() {
            self.write(about());
        }
    }

    /// Whoever runs now waits no more.
    #[inline]
    pub(crate) fn over(&self) {
        if self.number() != 0 {
            self.strike_out();
        }
    }

    /// Calls [`over`](Self::over) when it is dropped: for a wait that is a future of its own.
    pub(crate) fn until_dropped(&self) -> Over<'_> {
        Over(self)
    }

    /// Its number; 0, if it has none.
    #[inline]
    fn number(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Writes the line.
    #[cold]
    #[inline(never)]
    fn write(&self, (kind, location, name): About) {
        if self.number() == 0 {
            self.0.store(next_number(), Ordering::Relaxed);
        }
        let thing = ResourceLabel {
            number: self.number(),
            kind,
            location,
            name: name.map(String::into_boxed_str),
        };
        with_wait_graph(&mut |book, who| book.waits(thing.clone(), place_of(who), who));
    }

    /// Strikes the line out.
    #[cold]
    #[inline(never)]
    fn strike_out(&self) {
        with_wait_graph(&mut |book, who| book.left(self.number(), place_of(who)));
    }
}

/// The place of a task's line. Two that share it are four billion tasks apart.
fn place_of(who: Option<Id>) -> u32 {
    who.map_or(0, |who| who.number() as u32)
}

impl Drop for Note {
    #[inline]
    fn drop(&mut self) {
        if self.number() != 0 {
            super::resource::forget(self.number());
        }
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Note").finish()
    }
}

/// Ends the line of whoever runs when it is dropped.
pub(crate) struct Over<'a>(&'a Note);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over();
    }
}

/// A task waits for something that is its own affair, as a place in its group.
#[inline]
pub(crate) fn task_waits(task: Id, kind: Kind) {
    if is_enabled() {
        let number = of_task(task.number());
        with_wait_graph(&mut |book, _| book.waits(own(number, kind), 0, Some(task)));
    }
}

/// The task of this number waits no more.
#[inline]
pub(crate) fn task_goes_on(number: u64) {
    if is_enabled() {
        with_wait_graph(&mut |book, _| book.left(of_task(number), 0));
    }
}

/// Whoever runs now waits for a timer that never fires, by its key.
#[cold]
pub(crate) fn never_fires(key: u64) {
    with_wait_graph(&mut |book, who| book.waits(own(of_timer(key), Kind::Never), 0, who));
}

/// Nobody waits for it any more.
#[cold]
pub(crate) fn never_fires_no_more(key: u64) {
    with_wait_graph(&mut |book, _| book.left(of_timer(key), 0));
}

/// Something that was made nowhere in particular.
fn own(number: u64, kind: Kind) -> ResourceLabel {
    ResourceLabel {
        number,
        kind,
        location: None,
        name: None,
    }
}

/// The number of a task's own affairs: beyond all that are counted up.
fn of_task(number: u64) -> u64 {
    number | 1 << 63
}

/// The number of a timer: likewise, and apart from those of tasks.
fn of_timer(key: u64) -> u64 {
    key & !(1 << 63) | 1 << 62
}
