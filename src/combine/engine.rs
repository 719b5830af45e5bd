//! The engine under all combinators: which child is polled when.
//!
//! It owns no child and knows no output: whoever drives it hands in the step that polls child `index` and keeps what
//! it gives. It needs no runtime. Floor: F4.
//!
//! Each child has a waker of its own, so a wake of one child polls one child: `n` children that are woken once each
//! cost `2n` polls. Children are polled in the order of their wakes; those that have not begun yet, in argument order.
//!
//! ```text
//!              begin, while fewer than `limit` run        its step is ready
//!   waiting ─────────────────────────────────────▶ polled ─────────────────▶ ended (its wakes do nothing)
//!                                                   │  ▲
//!                                    its step is    │  │ next round
//!                                    pending        ▼  │
//!                                                  quiet ───────▶ woken
//!                                                         wake
//!
//!   one poll of the engine:
//!
//!     round ── the woken children, taken at once ──▶ begin ── some are left ──▶ park ──▶ Pending
//!       │                                              │                         │
//!       │ a step says Break                            │ none is left            │ children were woken meanwhile:
//!       ▼                                              ▼                         ▼ wake the parent
//!     Ready(Break)                                 Ready(Continue)            Pending
//!
//!   a child has used up what one poll of the task may do ([budget](crate::util::budget)):
//!     the rest waits, and is first in the next poll ──▶ wake the parent ──▶ Pending
//! ```
//!
//! # Guarantees
//!
//! - One poll of the engine polls no child twice: a child that wakes itself comes again in a later poll of the
//!   parent, behind whatever else the parent's task and its neighbours have to do.
//! - The parent is woken at most once between two polls.
//! - A child that is always ready starves no other: those behind it in the round, and those that have
//!   not begun, come before it in the next poll.
//! - A child that has ended is not polled again, whatever its wakers do.
//!
//! # Not guaranteed
//!
//! A step that unwinds leaves the engine ended: the driver drops the children and lets the panic go on, or has it
//! [go on](Engine::go_on_after_panic) without the child that panicked. A parent's waker that panics leaves all as it was.

use super::node::Block;
use super::queue::Chain;
use crate::util::budget;
use std::ops::{ControlFlow, Range};
use std::task::{Context, Poll};

/// What a step says: the child is not done; it is; it is, and the poll shall stop with this value.
pub(super) type Step<B> = Poll<ControlFlow<B>>;

/// Who runs, who was woken, who has yet to begin.
pub(super) struct Engine {
    /// The children's wakers; made by the first poll.
    block: Option<Block>,
    /// The rest of the round: taken from the queue, not polled yet.
    round: Chain,
    /// How many children there are.
    len: usize,
    /// How many have begun: those before this index.
    begun: usize,
    /// How many have begun and not ended.
    running: usize,
    /// How many may run at once.
    limit: usize,
    /// Whether the last poll ended before everybody had a turn: then nobody new is taken into the round.
    is_behind: bool,
    /// Whether nothing may be polled any more. Also set while steps are taken, so that the panic of one leaves it set.
    ended: bool,
    /// The child whose step was taken last.
    at: usize,
}

impl Engine {
    /// An engine for `len` children, none begun.
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

    /// Bounds how many children run at once.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// How many children have not ended.
    pub(super) fn left(&self) -> usize {
        self.len - self.begun + self.running
    }

    /// How many children there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Begins no child any more; gives those that have not begun.
    pub(super) fn begin_no_more(&mut self) -> Range<usize> {
        let never_begun = self.begun..self.len;
        self.len = self.begun;
        never_begun
    }

    /// Whether a child was begun and has not ended.
    pub(super) fn is_running(&self, index: usize) -> bool {
        let nodes = self.block.as_ref().map(Block::nodes);
        index < self.begun && nodes.is_some_and(|nodes| !nodes[index].is_muted())
    }

    /// Whether a child was woken since it was polled last.
    pub(super) fn is_woken(&self, index: usize) -> bool {
        let nodes = self.block.as_ref().map(Block::nodes);
        nodes.is_some_and(|nodes| nodes[index].is_queued())
    }

    /// Ends a child from outside, which was begun and has not ended.
    pub(super) fn end(&mut self, index: usize) {
        if let Some(block) = &self.block {
            block.nodes()[index].mute();
        }
        self.running -= 1;
    }

    /// Goes on after a poll that panicked. Returns the child whose step that was, which has ended; `None` if it was the parent's
    /// waker, which is the parent's own affair.
    pub(super) fn go_on_after_panic(&mut self) -> Option<usize> {
        if !std::mem::take(&mut self.ended) {
            return None;
        }
        self.end(self.at);
        Some(self.at)
    }

    /// Whether nothing will be polled any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Polls the children that were woken, and begins others as far as the limit allows.
    ///
    /// `Ready(Continue)` when all have ended; `Ready(Break)` when a step said so, and then the engine may be polled
    /// again for the others. The driver must not poll an engine that [has ended](Self::has_ended).
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

    /// The children's wakers.
    fn block(&mut self) -> &Block {
        self.block.get_or_insert_with(|| Block::new(self.len))
    }

    /// One round, then as many beginners as the limit allows; or the rest of what the last poll left.
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
        // Where nothing was left before, no child has used it up, and none is served better later.
        let had_budget = !budget::is_spent();
        while let Some(index) = self.next() {
            self.visit(index, step)?;
            if had_budget && budget::is_spent() {
                self.is_behind = self.round != Chain::EMPTY || self.may_begin();
                return ControlFlow::Continue(());
            }
        }
        self.is_behind = false;
        ControlFlow::Continue(())
    }

    /// The child whose turn it is: the next of the round, then the next that may begin.
    #[inline]
    fn next(&mut self) -> Option<usize> {
        self.next_woken().or_else(|| self.next_to_begin())
    }

    /// Begins a child, if the limit allows one.
    #[inline]
    fn next_to_begin(&mut self) -> Option<usize> {
        if !self.may_begin() {
            return None;
        }
        self.begun += 1;
        self.running += 1;
        Some(self.begun - 1)
    }

    /// Whether there is a child that has not begun, and the limit allows it.
    #[inline]
    fn may_begin(&self) -> bool {
        self.begun < self.len && self.running < self.limit
    }

    /// The next child of the round.
    #[inline]
    fn next_woken(&mut self) -> Option<usize> {
        let block = self.block.as_ref()?;
        loop {
            let index = self.round.pop(block.nodes())?;
            // One that was ended from outside may stand in the round yet.
            if !block.nodes()[index].is_muted() {
                return Some(index);
            }
        }
    }

    /// Polls one child.
    fn visit<B>(
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

    /// Ends it: later wakes do nothing, and the parent's waker is let go.
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
