//! The storage of a task's [`State`]: a word with one writer at a time, which every thread may
//! read.
//!
//! ```text
//!   writer:  home thread ─ finish: DONE ─▶ handle ─ TaskMessage::HandleGone ─▶ home thread
//! ```
//!
//! A transition is a load and a store, since there is one writer. A wake or a cancellation that
//! comes after `DONE` on the home thread changes nothing and therefore [stores
//! nothing](Word::step): a store could undo a write of the handle.

use super::state::State;
use crate::util::sync::atomic::{AtomicU32, Ordering};

/// The stored state word.
#[derive(Debug)]
pub(super) struct Word(AtomicU32);

impl Word {
    pub(super) fn new(state: State) -> Self {
        Self(AtomicU32::new(state.bits()))
    }

    /// Returns the value. Acquire: a thread that sees `DONE` sees the output.
    #[inline]
    pub(super) fn get(&self) -> State {
        State::from_bits(self.0.load(Ordering::Acquire))
    }

    /// Sets the value. For the writer only.
    #[inline]
    pub(super) fn set(&self, state: State) {
        self.0.store(state.bits(), Ordering::Release);
    }

    /// Performs a transition and returns its duty. Stores only a changed word, so that the home
    /// thread may call it after the end, when the handle is the writer.
    #[inline]
    pub(super) fn step<D>(&self, transition: impl FnOnce(State) -> (State, D)) -> D {
        let before = self.get();
        let (after, duty) = transition(before);
        if after != before {
            self.set(after);
        }
        duty
    }

    /// Performs a transition that always changes the word. For the writer only.
    #[inline]
    pub(super) fn advance<D>(&self, transition: impl FnOnce(State) -> (State, D)) -> D {
        let (after, duty) = transition(self.get());
        self.set(after);
        duty
    }
}

#[cfg(all(test, wheelhouse_loom))]
mod loom_tests {
    use super::*;
    use crate::cell::state::{OnCancel, OnFinish, OnHandleGone, OnWake};
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;
    use loom::thread;

    /// A running task, its output, and whether its handle has sent its message home.
    struct Cell {
        word: Word,
        output: UnsafeCell<()>,
        message: AtomicBool,
    }

    /// The thread of the handle: takes the output when it is ready, and sends the handle home.
    fn take(cell: &Cell) {
        loop {
            let state = cell.word.get();
            if state.is_done() {
                cell.word.set(state.take_output());
                cell.output.with_mut(|_| ());
                return cell.message.store(true, Ordering::Release);
            }
            thread::yield_now();
        }
    }

    /// Ends the task at home while its handle waits on another thread. `late` runs after the end.
    fn check(late: impl Fn(&Word) + Send + Sync + 'static) {
        loom::model(move || {
            let cell = Arc::new(Cell {
                word: Word::new(State::spawned(true).start()),
                output: UnsafeCell::new(()),
                message: AtomicBool::new(false),
            });
            let taker = {
                let cell = cell.clone();
                thread::spawn(move || take(&cell))
            };
            cell.output.with_mut(|_| ());
            assert_eq!(cell.word.advance(State::finish), OnFinish::Deliver);
            late(&cell.word);
            while !cell.message.load(Ordering::Acquire) {
                thread::yield_now();
            }
            assert!(cell.word.get().is_spent(), "the output was taken");
            assert_eq!(cell.word.advance(State::drop_handle), OnHandleGone::GiveUp);
            taker.join().unwrap();
        });
    }

    #[test]
    fn a_wake_and_a_cancel_after_the_end_do_not_undo_the_taking_of_the_output() {
        check(|word| {
            assert_eq!(word.step(State::wake), OnWake::Nothing);
            assert_eq!(word.step(State::request_cancel), OnCancel::Refuse);
        });
    }

    /// Shows that the test can fail: a transition that stores what it loaded undoes a write of the
    /// handle.
    #[test]
    #[should_panic(expected = "the output was taken")]
    fn the_model_notices_a_store_after_the_end() {
        check(|word| assert_eq!(word.advance(State::wake), OnWake::Nothing));
    }
}
