//! A list of events, for assertions about their order and time.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::rc::Rc;
use std::time::Duration;

use crate::runtime::try_with;

#[derive(Clone, Debug)]
struct TraceEvent {
    /// The time since the runtime's start; `None` outside of a runtime.
    at: Option<Duration>,
    name: String,
}

/// A list of events that a test compares with the expected ones.
///
/// Clones share the list. Each event has the time at which it was noted, by the clock of the
/// runtime; under [`testing::run`](super::run) this time is exact.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep, spawn, testing};
///
/// testing::run(async {
///     let trace = testing::Trace::new();
///     let theirs = trace.clone();
///     let task = spawn(async move {
///         let _gone = theirs.note_on_drop("gone");
///         theirs.note("begins");
///         sleep(Duration::from_secs(5)).await;
///         theirs.note("ends");
///     });
///     task.await.unwrap();
///     trace.expect(["begins", "ends", "gone"]);
/// });
/// ```
#[derive(Clone, Default)]
pub struct Trace(Rc<RefCell<Vec<TraceEvent>>>);

impl Trace {
    /// Creates an empty trace.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an event.
    pub fn note(&self, name: impl Into<String>) {
        let at = try_with(|core| core.timers.clock().elapsed()).ok();
        let name = name.into();
        self.0.borrow_mut().push(TraceEvent { at, name });
    }

    /// Returns a value that appends an event when it is dropped.
    #[must_use = "dropping it notes the event"]
    pub fn note_on_drop(&self, name: impl Into<String>) -> NoteOnDrop {
        NoteOnDrop {
            trace: self.clone(),
            name: name.into(),
        }
    }

    /// Returns the names of all events, and clears the list.
    #[must_use = "the events are removed from the trace"]
    pub fn take(&self) -> Vec<String> {
        let notes = self.0.take();
        notes.into_iter().map(|note| note.name).collect()
    }

    /// Returns the names of all events with their times, and clears the list.
    ///
    /// A time counts from the start of the runtime. It is zero for events that were noted outside
    /// of a runtime.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use wheelhouse::{sleep, testing};
    ///
    /// testing::run(async {
    ///     let trace = testing::Trace::new();
    ///     sleep(Duration::from_secs(5)).await;
    ///     trace.note("five");
    ///     assert_eq!(trace.take_timed(), [(Duration::from_secs(5), "five".to_owned())]);
    /// });
    /// ```
    #[must_use = "the events are removed from the trace"]
    pub fn take_timed(&self) -> Vec<(Duration, String)> {
        let notes = self.0.take().into_iter();
        notes
            .map(|note| (note.at.unwrap_or_default(), note.name))
            .collect()
    }

    /// Checks the names of all events, and clears the list.
    ///
    /// # Panics
    /// If the names differ. The message shows both lists side by side, with the times of the
    /// events.
    #[track_caller]
    pub fn expect<S: AsRef<str>>(&self, expected: impl IntoIterator<Item = S>) {
        let expected: Vec<S> = expected.into_iter().collect();
        let expected: Vec<&str> = expected.iter().map(AsRef::as_ref).collect();
        let notes = self.0.take();
        let is_right = notes
            .iter()
            .map(|note| note.name.as_str())
            .eq(expected.iter().copied());
        assert!(is_right, "{}", compared(&notes, &expected));
    }
}

impl fmt::Display for Trace {
    /// Writes one line for each event, with its time and name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &*self.0.borrow() {
            writeln!(f, "{:>12}  {}", moment(note), note.name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notes = self.0.borrow();
        f.debug_list()
            .entries(notes.iter().map(|note| &note.name))
            .finish()
    }
}

/// Appends an event to a [`Trace`] when it is dropped: see [`Trace::note_on_drop`].
#[derive(Debug)]
#[must_use = "dropping it notes the event"]
pub struct NoteOnDrop {
    trace: Trace,
    name: String,
}

impl Drop for NoteOnDrop {
    fn drop(&mut self) {
        self.trace.note(std::mem::take(&mut self.name));
    }
}

/// Formats the time of an event.
fn moment(note: &TraceEvent) -> String {
    note.at
        .map_or_else(|| "-".to_owned(), |at| format!("{at:?}"))
}

/// Formats both lists side by side, and marks the lines that differ.
fn compared(notes: &[TraceEvent], expected: &[&str]) -> String {
    let names = notes.iter().map(|note| note.name.chars().count());
    let width = names.chain([5]).max().unwrap_or_default();
    let mut text = format!(
        "the trace is not as expected:\n  {:>12}  {:width$}  expected",
        "at", "noted"
    );
    for line in 0..notes.len().max(expected.len()) {
        let (note, expected) = (notes.get(line), expected.get(line).copied());
        let name = note.map_or("(nothing)", |note| &note.name);
        let mark = if note.map(|note| &*note.name) == expected {
            ' '
        } else {
            '!'
        };
        let (at, expected) = (
            note.map_or_else(String::new, moment),
            expected.unwrap_or("(nothing)"),
        );
        write!(text, "\n{mark} {at:>12}  {name:width$}  {expected}").expect("a String takes all");
    }
    text
}
