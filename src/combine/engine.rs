//! The engine under all combinators: it decides when each child is polled.
//!
//! The engine owns no child and knows no output: its driver passes a step, which polls child
//! `index` and keeps the output. The engine needs no runtime.
//!
//! Each child has its own waker, so a wake of one child polls one child: `n` children that are
//! woken once each cost `2n` polls. Children are polled in the order of their wakes; those that
//! have not begun yet, in argument order.
//!
//! ```text
//!                next_to_begin, below `limit`          step: Ready
//!   not begun ─────────────────────────────▶ polled ───────────────▶ ended
//!                                             │  ▲                   its wakes
//!                                       step: │  │ next_woken,       do nothing
//!                                    Pending  ▼  │ in a later round
//!                                           pending ─── wake ───▶ woken
//!
//!   one poll of the engine:
//!
//!     Queue::take ─▶ the woken children ─▶ beginners ─ some left ─▶ park ─▶ Pending
//!                      │                     │                       │
//!                      │ step: Break         │ none left             │ false: some
//!                      ▼                     ▼                       ▼ were woken
//!                    Ready(Break)          Ready(Continue)         wake the parent,
//!                                                                  Pending
//!
//!   the budget of the poll is used up ([budget](crate::util::budget)):
//!     the rest comes first in the next poll ─▶ wake the parent ─▶ Pending
//! ```
//!
//! # Guarantees
//!
//! - One poll of the engine polls no child twice: a child that wakes itself is polled again in a
//!   later poll of the parent, so other tasks run in between.
//! - The parent is woken at most once between two polls.
//! - A child that is always ready starves no other: the children behind it in the round, and those
//!   that have not begun, come before it in the next poll.
//! - A child that has ended is not polled again, whatever its wakers do.
//!
//! # Panics of a step
//!
//! A step that unwinds leaves the engine ended. The driver either drops the children and propagates
//! the panic, or [resumes](Engine::resume_after_panic) the engine without the child that panicked.
//! A parent's waker that panics changes nothing.

use super::node::Block;
use super::queue::Chain;
use crate::util::budget;
use std::ops::{ControlFlow, Range};
use std::task::{Context, Poll};

/// The result of a step: `Pending`, or `Ready` when the child has ended. `Break` stops the poll
/// with a value.
pub(super) type Step<B> = Poll<ControlFlow<B>>;

/// The state of the children of one combinator, without the children.
pub(super) struct Engine {
    /// The children's wakers, allocated by the first poll.
    block: Option<Block>,
    /// The rest of the round: children that were taken from the queue and not polled yet.
    round: Chain,
    len: usize,
    /// The index of the next child to begin.
    begun: usize,
    /// The number of children that have begun and not ended.
    running: usize,
    /// The number of children that may run at once.
    limit: usize,
    /// Whether the budget ended the last poll early. The next poll then finishes the round first.
    is_behind: bool,
    /// Whether the engine has ended. Also set while steps run, so that the panic of a step leaves
    /// it set.
    ended: bool,
    /// The child whose step ran last.
    at: usize,
}

impl Engine {
    pub(super) fn new(len: usize) -> Self {
        Self {
            block: None,
            round: Chain::EMPTY,
            len,
            begun: 0,
            running: 0,
            limit: usize::MAX,
            is_behind: false,
            ended: false,
            at: 0,
        }
    }

    /// Limits how many children run at once.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Returns the number of children that have not ended.
    pub(super) fn left(&self) -> usize {
        self.len - self.begun + self.running
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Lets no further child begin. Returns the indices of the children that have not begun.
    pub(super) fn stop_beginning(&mut self) -> Range<usize> {
        let never_begun = self.begun..self.len;
        self.len = self.begun;
        never_begun
    }

    /// Returns `true` if the child has begun and not ended.
    pub(super) fn is_running(&self, index: usize) -> bool {
        let nodes = self.block.as_ref().map(Block::nodes);
        index < self.begun && nodes.is_some_and(|nodes| !nodes[index].is_muted())
    }

    /// Returns `true` if the child was woken since its last poll.
    pub(super) fn is_woken(&self, index: usize) -> bool {
        let nodes = self.block.as_ref().map(Block::nodes);
        nodes.is_some_and(|nodes| nodes[index].is_queued())
    }

    /// Ends a child that has begun and not ended, without a step.
    pub(super) fn end(&mut self, index: usize) {
        if let Some(block) = &self.block {
            block.nodes()[index].mute();
        }
        self.running -= 1;
    }

    /// Resumes the engine after a poll that panicked. Returns the child whose step panicked, which
    /// has ended; `None` if the parent's waker panicked.
    pub(super) fn resume_after_panic(&mut self) -> Option<usize> {
        if !std::mem::take(&mut self.ended) {
            return None;
        }
        self.end(self.at);
        Some(self.at)
    }

    /// Returns `true` if no child will be polled again.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Polls the children that were woken, and begins others up to the limit.
    ///
    /// Returns
    /// `Ready(Continue)` when all have ended, and `Ready(Break)` when a step breaks; the engine may
    /// then be polled again for the others. The driver must not poll an engine that [has
    /// ended](Self::has_ended).
    pub(super) fn poll<B>(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(usize, &mut Context<'_>) -> Step<B>,
    ) -> Step<B> {
        self.ended = true;
        if self.left() == 0 {
            return Poll::Ready(ControlFlow::Continue(()));
        }
        let stop = self.run(&mut step);
        self.ended = false;
        if let ControlFlow::Break(value) = stop {
            return Poll::Ready(ControlFlow::Break(value));
        }
        if self.left() == 0 {
            self.close();
            return Poll::Ready(ControlFlow::Continue(()));
        }
        if self.is_behind || !self.block().queue().park(cx.waker()) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn block(&mut self) -> &Block {
        self.block.get_or_insert_with(|| Block::new(self.len))
    }

    /// Runs one round, then begins children up to the limit; or finishes what the last poll left.
    fn run<B>(
        &mut self,
        step: &mut impl FnMut(usize, &mut Context<'_>) -> Step<B>,
    ) -> ControlFlow<B> {
        if !self.is_behind
            && self.round == Chain::EMPTY
            && let Some(block) = &self.block
        {
            self.round = block.queue().take(block.nodes());
        }
        // If the budget was spent before this poll, no child spent it, and stopping would help
        // none.
        let had_budget = !budget::is_spent();
        while let Some(index) = self.next() {
            self.poll_child(index, step)?;
            if had_budget && budget::is_spent() {
                self.is_behind = self.round != Chain::EMPTY || self.may_begin();
                return ControlFlow::Continue(());
            }
        }
        self.is_behind = false;
        ControlFlow::Continue(())
    }

    /// Returns the next child to poll: of the round, then of those that may begin.
    #[inline]
    fn next(&mut self) -> Option<usize> {
        self.next_woken().or_else(|| self.next_to_begin())
    }

    /// Begins the next child, if the limit allows it.
    #[inline]
    fn next_to_begin(&mut self) -> Option<usize> {
        if !self.may_begin() {
            return None;
        }
        self.begun += 1;
        self.running += 1;
        Some(self.begun - 1)
    }

    /// Returns `true` if a child has not begun and the limit allows it to begin.
    #[inline]
    fn may_begin(&self) -> bool {
        self.begun < self.len && self.running < self.limit
    }

    /// Takes the next child of the round.
    #[inline]
    fn next_woken(&mut self) -> Option<usize> {
        let block = self.block.as_ref()?;
        loop {
            let index = self.round.pop(block.nodes())?;
            // A child that `end` has ended may still be in the round.
            if !block.nodes()[index].is_muted() {
                return Some(index);
            }
        }
    }

    fn poll_child<B>(
        &mut self,
        index: usize,
        step: &mut impl FnMut(usize, &mut Context<'_>) -> Step<B>,
    ) -> ControlFlow<B> {
        self.at = index;
        let block = self.block();
        match block.enter(index, |cx| step(index, cx)) {
            Poll::Pending => ControlFlow::Continue(()),
            Poll::Ready(verdict) => {
                block.nodes()[index].mute();
                self.running -= 1;
                verdict
            }
        }
    }

    /// Ends the engine: later wakes do nothing, and the parent's waker is dropped.
    pub(super) fn close(&mut self) {
        self.ended = true;
        if let Some(block) = self.block.take() {
            block.queue().close();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}
