//! Records of waits for what has no queue of waiters: a channel for one value, a connection of the
//! simulated network, a timer.
//!
//! ```text
//!   no number ── waits: records a wait of the current task ──▶ numbered
//!                                                             │   │
//!                     over: removes the current task's wait ◀─┘   │
//!                     drop: removes all waits                   ◀─┘
//! ```
//!
//! A task has one record at a note. A future that is polled by hand and leaked leaves its record
//! behind until the note is dropped.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{ResourceKind, ResourceLabel, is_enabled, next_resource, with_wait_graph};
use crate::util::Id;

/// A resource: its kind, where it was created, and its name.
pub(crate) type About = (
    ResourceKind,
    Option<&'static Location<'static>>,
    Option<String>,
);

/// Records the tasks that wait for a resource. Contains the resource's number, or 0 before the
/// first wait is recorded.
#[derive(Default)]
pub(crate) struct Note(AtomicU64);

impl Note {
    /// Records that the current task waits.
    #[inline]
    pub(crate) fn waits(&self, about: impl FnOnce() -> About) {
        if is_enabled() {
            self.insert(about());
        }
    }

    /// Records that the current task does not wait any more.
    #[inline]
    pub(crate) fn over(&self) {
        if self.number() != 0 {
            self.remove();
        }
    }

    /// Returns a guard that calls [`over`](Self::over) when it is dropped.
    pub(crate) fn until_dropped(&self) -> Over<'_> {
        Over(self)
    }

    #[inline]
    fn number(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    // Neither this nor `remove` is inlined: only tests record waits (bench `oneshot`).
    #[cold]
    #[inline(never)]
    fn insert(&self, (kind, location, name): About) {
        if self.number() == 0 {
            self.0.store(next_resource(), Ordering::Relaxed);
        }
        let resource = ResourceLabel {
            number: self.number(),
            kind,
            location,
            name: name.map(String::into_boxed_str),
        };
        with_wait_graph(&mut |graph, task| {
            graph.insert_wait(resource.clone(), index_of(task), task);
        });
    }

    #[cold]
    #[inline(never)]
    fn remove(&self) {
        with_wait_graph(&mut |graph, task| graph.remove_wait(self.number(), index_of(task)));
    }
}

/// Returns the index of a task's record. Two tasks with the same index are 2^32 tasks apart.
fn index_of(task: Option<Id>) -> u32 {
    task.map_or(0, |task| task.number() as u32)
}

impl Drop for Note {
    #[inline]
    fn drop(&mut self) {
        if self.number() != 0 {
            super::resource::remove_waits_of(self.number());
        }
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Note").finish()
    }
}

/// Removes the current task's record when it is dropped.
pub(crate) struct Over<'a>(&'a Note);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over();
    }
}

/// Records that a task waits for a resource of its own, such as its turn in a limited group.
#[inline]
pub(crate) fn task_waits(task: Id, kind: ResourceKind) {
    if is_enabled() {
        let number = number_of_task(task.number());
        with_wait_graph(&mut |graph, _| graph.insert_wait(label(number, kind), 0, Some(task)));
    }
}

/// Records that the task with this number does not wait for its own resource any more.
#[inline]
pub(crate) fn task_goes_on(number: u64) {
    if is_enabled() {
        with_wait_graph(&mut |graph, _| graph.remove_wait(number_of_task(number), 0));
    }
}

/// Records that the current task waits for a timer that never fires, identified by its key.
#[cold]
pub(crate) fn never_fires(key: u64) {
    let timer = label(number_of_timer(key), ResourceKind::Never);
    with_wait_graph(&mut |graph, task| graph.insert_wait(timer.clone(), 0, task));
}

/// Records that no task waits for this timer any more.
#[cold]
pub(crate) fn never_fires_no_more(key: u64) {
    with_wait_graph(&mut |graph, _| graph.remove_wait(number_of_timer(key), 0));
}

/// Returns the label of a resource without a name and a location.
fn label(number: u64, kind: ResourceKind) -> ResourceLabel {
    ResourceLabel {
        number,
        kind,
        location: None,
        name: None,
    }
}

/// Returns the number of a task's own resource, which [`next_resource`] never reaches.
fn number_of_task(number: u64) -> u64 {
    number | 1 << 63
}

/// Returns the number of a timer, which no task's resource has and [`next_resource`] never reaches.
fn number_of_timer(key: u64) -> u64 {
    key & !(1 << 63) | 1 << 62
}
