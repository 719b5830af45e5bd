//! The tree of scopes and catch points: where a cancellation goes.
//!
//! It is pure data. It decides who is to hear of a cancellation and hands the wakers out; it wakes nobody, polls
//! nothing, drops no future and knows no task. It asks for no clone of a waker either, so no foreign code runs
//! while it is borrowed. Floor F1: it uses [`util::slab`](crate::util::slab) and nothing else.
//!
//! # The tree
//!
//! A node stands for a future that is alive and means something to a cancellation; its parent is the next such future
//! around it. What code there is in between (`join!`, `select!`, `FuturesUnordered`) does not show.
//!
//! | kind | opened by | what a pending cancellation asks of its owner |
//! |---|---|---|
//! | [`Task`](Kind::Task) | a task; a group's child is one too | drop the future; the task has ended |
//! | [`Scope`](Kind::Scope) | a timeout | drop the future inside; the timeout has ended |
//! | [`Join`](Kind::Join) | a gather, a group | end each branch that never opened a node; wait for the others |
//! | [`Branch`](Kind::Branch) | a branch of a gather, the body of a group | drop that branch |
//! | [`Catch`](Kind::Catch) | a catch point | drop the future inside, return the cancellation |
//! | [`Mask`](Kind::Mask) | a shield | nothing: it is held until the shield is done |
//!
//! ```text
//!   task (Task) ── catch P ── gather (Join) ─┬─ branch 1 (Branch) ── sleep
//!                                             ├─ branch 2 (Branch) ── timeout (Scope) ── catch K ── sleep
//!                                             └─ branch 3 (Branch) ── shield (Mask) ── catch M ── commit
//! ```
//!
//! `cancel(task, c)` walks this from the inside out. K is an innermost catch point: pending. The mask holds c; M never
//! hears of it. Branch 1 has nobody who would catch, but its neighbours have: it ends alone, pending. The gather is told,
//! pending, so that it waits for the others and then goes on. P has somebody inside who deals with c: not yet its turn.
//! The timeout is in nobody's way: a scope takes part only when it was cancelled itself. Then, step by step:
//!
//! ```text
//!   take_pending(branch 1) = c       the gather drops it
//!   take_pending(K) = c, close(K)    K returns Err(c); the code around it cleans up, then resumes:
//!   raise(timeout, c)                not the timeout's own: it passes, and ends branch 2
//!   close(mask)                      the commit is done: c goes on, outwards, and ends branch 3
//!   raise(P, c)                      the gather has nothing left; P catches
//! ```
//!
//! Had only branch 1 been there, nobody in the gather would have caught, and c would have gone to P at once, which drops
//! the gather whole. Without P either, the answer is [`Duty::Drop`]: the task's future is dropped on its next turn.
//!
//! # One cancellation, seen from one node
//!
//! ```text
//!              cancel, raise, open                     take_pending
//!   (idle) ─────────────────────────▶ pending ─────────────────────────▶ (idle), the owner acts and closes
//!      ▲                              │  │  ▲
//!      │    open of a node inside:    │  │  │ a second one: it joins the first (see below)
//!      └──────────────────────────────┘  └──┘
//!               it moves inwards         close, not taken: it moves outwards
//!                                        pass_by, not polled: the same, and the node stays
//!
//!              pending │ a second one waits only          │ a second one is resumed
//!   ───────────────────┼──────────────────────────────────┼─────────────────────────────────────────
//!           waits only │ the first stays, unless the      │ the second goes before it, unless the
//!                      │ second is from further out       │ first is from further out
//!          was resumed │ the same                         │ the first stays, unless the second is
//!                      │                                  │ from further out
//! ```
//!
//! So two that arrive at one node are one there (C10), the outer one wins (C13), and a `resume`, which is how the code inside has
//! ended, does not give way to one that nobody has heard of yet. What a shield holds that a `resume` passes goes along to the same
//! node, and meets it there.
//!
//! A cancellation is meant for the next *suspension*. Where code cancels the scope that it runs in, the future is still
//! being polled: should it go on to open a catch point, that one is the innermost by the time it suspends, so the
//! cancellation moves inwards; should the future inside be ready at once, closing lets it out again (C24). A catch point that
//! foreign code drops lets it out the same way, so a cancellation is lost only by being caught. What [`raise`](Tree::raise)
//! brought does not move inwards: a `resume` stands behind it, and waits for good.
//!
//! # A node that is not polled
//!
//! Foreign code may hold a future that has begun and not poll it: `buffer_unordered` whose loop
//! awaits, a `select` whose other arm does. Such a catch point or shield holds nothing up (C26).
//! The waker of a node tells whether its future has been polled: a delivery takes it, from the
//! nodes that it tells and from the scopes around them, and each poll puts one back. When the poll
//! of a scope has ended pending, and nobody has woken it again, its owner calls
//! [`pass_by`](Tree::pass_by): what is pending inside at nodes without a waker goes on outwards, as
//! if they had been dropped.
//!
//! ```text
//!   told, woken ─▶ the scope is polled ─┬─ woken again ───────▶ it is polled again
//!                                       ├─ the node was polled ─▶ heard: it catches, or holds
//!                                       └─ it was not ────────▶ passed by
//! ```
//!
//! The owners that know whether they were woken again are tasks and branches. Only what belongs to
//! a scope that was polled itself passes: what a gather tells its branches waits until somebody
//! polls the gather.
//!
//! # Whose cancellation it is
//!
//! Each cancellation has an identity, [`Identity::is`]; a scope remembers the one that it was cancelled with, and
//! [`owns`](Tree::owns) recognises it. A task, gather or group, which is told of each new one, remembers eight earlier ones
//! beside the last: one of them may wait in a shield yet, and must be known as the task's to win over a timeout's. A raise stops at
//! its own scope, at a branch (whose gather or group then decides) or at the task. It passes the other scopes, so what
//! came from elsewhere is absorbed by nobody (C14, C22).
//!
//! # One event by two ways
//!
//! A task may be told of one cancellation twice: as a member of what was cancelled, and by another member that was awaiting it
//! and, cut down, passes it on (C21). Which of the two comes first is a matter of the order of polls, and what comes second
//! would cut the clean-up that the first began. So what is passed on remembers the event that it comes of,
//! [`Identity::is_of_one_event`], over however many tasks it goes; a task remembers what it was told, be it as its own or by a
//! walk from further out; and who passes something on asks first, with [`has_heard`](Tree::has_heard):
//!
//! ```text
//!   group fails: f ──▶ A ── catch, inside: awaits B      told of f; B has heard of it: A waits for B, and tells it nothing
//!            └───────▶ B ── catch                        told of f, cleans up once
//!
//!   A is then cancelled by itself: c ──▶ A               B has not heard of c: it is told (C9)
//! ```
//!
//! That is asyncio's outcome, too, where `cancel` walks down the chain of awaiters at once and a second one, before the task has
//! run, joins the first. Here it holds as well where the awaiter hears late, because it was in a shield.
//!
//! # Two scopes at once
//!
//! A timeout that expires while somebody inside cleans up after a cancellation from further out must not absorb both: it
//! finds that one in [`outer`](Tree::outer), and sends it on instead (C13). It is noted there in whichever way it passes: delivered
//! inside, moved inwards to a node that opens, or raised past the timeout from inside. Of several, the one from
//! furthest out counts, and of those from one scope the latest, because an earlier one may have been swallowed since. A gather or
//! group is told of it anyway.
//!
//! ```text
//!   cancel(task, c) ────────▶ timeout ── catch        caught inside
//!   pending c ── timeout ◀── open(catch)              moves in to it            outer(timeout) = c
//!   catch ◀── timeout ◀────── raise(timeout, c)       not its own: passes
//! ```
//!
//! # Guarantees
//!
//! - [`open`](Tree::open) and [`close`](Tree::close) allocate nothing but the slab's growth and take constant time: `open` plus one
//!   step per scope that stands directly around it with no catch point in between, `close` plus one per child that outlives it.
//!   Where a cancellation is pending, each timeout that it passes may look outwards once, to see which of two is from further out.
//! - What a node remembers is bounded: a task, gather or group nine cancellations of its own, a task eight from further out, any
//!   other node four (pending, its own, from further out, the latest).
//! - [`pass_by`](Tree::pass_by) takes constant time while every delivery has been heard.
//! - [`cancel`](Tree::cancel) takes the time of the part of the tree inside the scope, uses no recursion, and allocates only when it has
//!   more than one waker to give back.
//! - A key whose node was closed is accepted everywhere and does nothing.
//!
//! # What it does not promise
//!
//! - Futures that foreign code polls side by side (`join!`) are no branches. The tree delivers to the catch points in each of them, but
//!   the first `resume` out of one goes to the catch point around them all, and that one drops the others in the midst of their clean-up.
//! - A task that is cancelled more than nine times forgets the oldest; one of these that waits in a shield yet counts as from elsewhere,
//!   and is news when it is passed on.
//! - C21, waiting for the tasks that a dropped future was awaiting, is not known here: the owner that drops it sees to that.

mod deliver;
mod ending;
mod held_off;
mod links;
mod node;
mod outcome;
mod pass_by;
mod position;
mod scopes;
mod tree;
mod waits;

pub(crate) use ending::Around;
pub(crate) use node::{Identity, Kind};
pub(crate) use outcome::{Duty, Raise};
pub(crate) use position::{Position, Unopened};
pub(crate) use scopes::Scopes;
pub(crate) use waits::Wait;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod meeting;
#[cfg(test)]
mod model;
#[cfg(test)]
mod passing;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod tests;
