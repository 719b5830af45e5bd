//! The tree of scopes and catch points: it decides where a cancellation goes.
//!
//! This module is data. It wakes no waker, polls no future, drops no future and knows no task: its
//! operations return the wakers, and the owner of each node drops its own future. It clones no
//! waker either, so no third-party code runs while the tree is borrowed. Layer L1: it uses
//! [`util::slab`](crate::util::slab) only.
//!
//! # The way of one `cancel()`
//!
//! ```text
//!   JoinHandle::cancel                                     task/handle
//!     └▶ Task::cancel: stores it, queues the task          cell/raw/task
//!          └▶ deliver, on the task's turn                  runtime/cancel
//!               └▶ Scopes::tree                            scope/scopes
//!                    └▶ Tree::cancel                       scope/tree, deliver
//!                         │
//!          ┌──────────────┴────────────────────┐
//!     Duty::Wait: catch points inside     Duty::Drop: no catch point
//!          │ woken; the task is polled        └▶ abort: drops the future
//!          ▼
//!     Scoped::poll: drops its future, Ending::Cut          runtime/scoped
//!          │ catch_cancel returns Err,
//!          │ the code after it cleans up
//!          ▼
//!     Cancelled::resume ▶ Core::resume ▶ Tree::raise       runtime/scoped
//!          ├▶ the next catch point outwards: Scoped::poll
//!          ├▶ the timeout that owns it: Scoped::poll, Elapsed
//!          ├▶ a branch of a gather or group: Nursery::end_cancelled
//!          └▶ the task: exit_of ▶ abort                    runtime/cancel
//! ```
//!
//! # The tree
//!
//! A node stands for a living future that takes part in cancellation. Its parent is the next such
//! future around it. Code in between (`join!`, `select!`, `FuturesUnordered`) has no node.
//!
//! | kind | opened by | what a pending cancellation asks of the owner |
//! |---|---|---|
//! | [`Task`](Kind::Task) | a task, or a child of a group | drop the future: the task has ended |
//! | [`Scope`](Kind::Scope) | a timeout | drop the future inside: the timeout has ended |
//! | [`Join`](Kind::Join) | a gather or a group | end each branch that never opened a node, wait for the others |
//! | [`Branch`](Kind::Branch) | a branch of a gather, the body of a group | drop that branch |
//! | [`Catch`](Kind::Catch) | a catch point | drop the future inside, return the cancellation |
//! | [`Mask`](Kind::Mask) | a shield | nothing: the cancellation is held until the shield is done |
//!
//! ```text
//!   task (Task) ─ catch P ─ gather (Join) ─┬─ branch 1 ─ sleep
//!                                          ├─ branch 2 ─ timeout (Scope) ─ catch K
//!                                          └─ branch 3 ─ shield (Mask) ─ catch M
//! ```
//!
//! `cancel(task, c)` visits these nodes from the inside out:
//!
//! - K is an innermost catch point: c is pending there.
//! - The shield holds c, so M does not receive it.
//! - Branch 1 has no catch point, but its siblings have. Branch 1 alone ends: c is pending there.
//! - The gather receives c too, so that it waits for the other branches and then propagates it.
//! - P has catch points inside that received c, so it does not yet receive it itself.
//! - The timeout does not stop c: a timeout takes part only if it was cancelled itself.
//!
//! Then, step by step:
//!
//! ```text
//!   take_pending(branch 1) = c     the gather drops the branch
//!   take_pending(K) = c, close(K)  K returns Err(c); its code cleans up and resumes:
//!   raise(timeout, c)              not the timeout's own: passes, ends branch 2
//!   close(mask)                    the commit is done: c propagates, ends branch 3
//!   raise(P, c)                    the gather has no branch left; P catches
//! ```
//!
//! With branch 1 only, no catch point in the gather would have received c. It would have gone to P
//! at once, which drops the whole gather. Without P, the answer would be [`Duty::Drop`]: the task's
//! future is dropped on its next turn.
//!
//! # One cancellation, seen from one node
//!
//! ```text
//!            cancel, raise, open              take_pending
//!   (idle) ──────────────────────▶ pending ────────────────▶ (idle), the owner
//!      ▲                            │  │  ▲                   acts and closes
//!      │  open of a node inside:    │  │  │ a second one joins the first (below)
//!      └────────────────────────────┘  └──┘
//!              it moves inwards      close, not taken: it moves outwards
//!                                    pass_by, not polled: the same, the node stays
//!                                    redeliver, let out to it: inwards again
//!
//!              pending │ the second only waits       │ the second is resumed
//!   ───────────────────┼─────────────────────────────┼────────────────────────────
//!           only waits │ the first stays, unless the │ the second replaces it,
//!                      │ second is from further out  │ unless the first is from
//!                      │                             │ further out
//!          was resumed │ the same                    │ the first stays, unless the
//!                      │                             │ second is from further out
//! ```
//!
//! So two cancellations that arrive at one node become one (C10), and the outer one wins (C13). A
//! `resume` is how the code inside has ended; it does not yield to a cancellation that only waits.
//! If a `resume` passes a shield, what that shield holds goes to the same node and joins the resume
//! there.
//!
//! A cancellation takes effect at the next *suspension*. If code cancels the scope that it runs in,
//! the future is still being polled. If it then opens a catch point, that one is the innermost when
//! the code suspends, so the cancellation moves inwards. If the future inside is ready at once,
//! closing lets the cancellation out again (C24). A catch point that third-party code drops lets it
//! out in the same way, so a cancellation is lost only by being caught. A cancellation that
//! [`raise`](tree::Tree::raise) brought does not move inwards: the code that resumed it cannot continue.
//!
//! What a node lets out waits at the next node outwards until the code there suspends. Other nodes
//! may be open inside by then: a shield is done, and the code polls a future again that it has held.
//! The owner of the outer node therefore calls [`redeliver`](tree::Tree::redeliver) before it looks.
//! That is a second delivery to those inside which do not have the cancellation. If there is none,
//! and none holds it, the outer node ends by it.
//!
//! # A node that is not polled
//!
//! Third-party code may hold a future that has begun and not poll it: `buffer_unordered` in a loop
//! that awaits, or a `select` whose other arm awaits. Such a catch point or shield delays nothing
//! (C26). The waker of a node records whether the future has been polled: a delivery takes the
//! waker from each node that receives the cancellation and from the scopes around it, and each poll
//! puts one back. When the poll of a scope has ended pending, and the scope is not woken again, its
//! owner calls [`pass_by`](tree::Tree::pass_by). What is pending inside at nodes without a waker then
//! goes where it would have gone without them: outwards, unless another catch point has caught it or
//! another shield holds it. Otherwise it would interrupt the clean-up or the shield of code that is
//! polled. What the node had received from a scope further in is pending there again.
//!
//! ```text
//!   delivered ─▶ the scope is polled ─┬─ woken again ──────────▶ polled again
//!                                     ├─ the node was polled ──▶ it catches or holds
//!                                     └─ it was not polled ─┬──▶ passed by
//!                                                           └─ another has caught it
//!                                                              or holds it: it stays there
//! ```
//!
//! A shield or group that has the cancellation already is woken once more when another node is
//! passed by: it keeps the cancellation if it is still polled.
//!
//! A scope that is woken again in each poll never comes to rest: a future that is always ready shares
//! its waker. Then a node is passed by after about a thousand polls.
//!
//! This concerns the first poll of the scope after a delivery, which wakes the node. Later, a node
//! that is not polled may just not have been woken: `FuturesUnordered` polls what was woken only. So
//! a shield that was polled after the delivery holds the cancellation until it is done or dropped,
//! and code that has caught the cancellation decides what becomes of it.
//!
//! The owners that know whether they were woken again are tasks and branches. Only cancellations of
//! a scope that was polled itself pass by: what a gather delivers to its branches waits until the
//! gather is polled.
//!
//! # The scope that a cancellation belongs to
//!
//! Each cancellation has an identity, [`Identity::is`]. A scope remembers the one that it was
//! cancelled with, and [`owns`](tree::Tree::owns) recognises it. A task, gather or group receives each
//! new one, and remembers eight earlier ones beside the last: an earlier one may still wait in a
//! shield, and must be known as the task's own to win over that of a timeout. A raise stops at the
//! scope that owns the cancellation, at a branch (whose gather or group then decides) or at the
//! task. It passes other scopes, so no scope absorbs a cancellation from elsewhere (C14, C22).
//!
//! # One event on two ways
//!
//! A task may receive one cancellation twice: as a member of the cancelled scope, and from another
//! member that was awaiting it, was dropped, and passes the cancellation on (C21). The order
//! depends on the order of polls, and the second one would interrupt the clean-up that the first
//! one began. Therefore a cancellation that is passed on remembers its event,
//! [`Identity::is_of_one_event`], over any number of tasks. A task remembers the events that it
//! received, as its own or by a walk from further out. Before it passes a cancellation on, the
//! runtime asks [`has_heard`](tree::Tree::has_heard):
//!
//! ```text
//!   group fails: f ──▶ A ─ catch, awaits B    receives f; B has heard of f, so A
//!            └───────▶ B ─ catch              waits for B and sends it nothing
//!                                             B receives f, cleans up once
//!
//!   A is then cancelled alone: c ──▶ A        B has not heard of c: it receives c (C9)
//! ```
//!
//! asyncio has the same outcome: `cancel` walks down the chain of awaiters at once, and a second
//! one before the task has run joins the first. Here it also holds if the awaiter receives the
//! cancellation late, because it was in a shield.
//!
//! # Two scopes at once
//!
//! A timeout that expires while code inside cleans up after a cancellation from further out must
//! not absorb both. It finds the other one in [`outer`](tree::Tree::outer) and resumes that (C13). The
//! tree records it there on each way past the timeout: delivered inside, moved inwards to a node
//! that opens, or raised from inside. Of several, the one from furthest out counts; of several from
//! one scope, the latest, because an earlier one may have been swallowed since. A gather or group
//! needs no such record: it receives the cancellation itself.
//!
//! ```text
//!   cancel(task, c) ────────▶ timeout ── catch    caught inside
//!   pending c ── timeout ◀── open(catch)          moves in to it     outer(timeout) = c
//!   catch ◀── timeout ◀────── raise(timeout, c)   not its own: passes
//! ```
//!
//! # Guarantees
//!
//! - [`open`](tree::Tree::open) and [`close`](tree::Tree::close) take constant time and allocate only when the
//!   slab grows: `open` plus one step per scope directly around it without a catch point in
//!   between, `close` plus one per child that outlives the node. If a cancellation is pending, each
//!   timeout that it passes may look outwards once, to compare two of them.
//! - The memory of a node is bounded: a task, gather or group remembers nine cancellations of its
//!   own, a task eight from further out, any other node six (pending, what that has absorbed, its
//!   own, from further out, the latest, caught inside).
//! - [`pass_by`](tree::Tree::pass_by) takes constant time while every delivery has been polled.
//! - [`cancel`](tree::Tree::cancel) takes time proportional to the part of the tree inside the scope,
//!   uses no recursion, and allocates only if it returns more than one waker.
//! - Every operation accepts the key of a closed node, and does nothing for it.
//!
//! # Limits
//!
//! - Futures that third-party code polls side by side (`join!`) are no branches. The tree delivers
//!   to the catch points in each of them, but the first `resume` out of one goes to the catch point
//!   around all of them, which drops the others during their clean-up.
//! - A task that is cancelled more than nine times forgets the oldest cancellation. If that one
//!   still waits in a shield, it counts as one from elsewhere, and is delivered again when it is
//!   passed on.
//! - The tree does not wait for the tasks that a dropped future was awaiting (C21). The owner that
//!   drops the future does.

mod deferred;
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
pub(crate) use tree::Tree;
pub(crate) use waits::Wait;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod meeting;
#[cfg(test)]
mod model;
#[cfg(test)]
mod model_passing;
#[cfg(test)]
mod passing;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod tests;
