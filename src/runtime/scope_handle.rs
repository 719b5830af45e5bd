//! The place of a future in the tree of scopes: catch points, shields, timeouts, gathers, groups and their branches.
//!
//! ```text
//!   new ──┬─ open: at once ───────────────────────┬──▶ open: visited at each poll ── close, drop ──▶ new
//!         └─ inside_unopened: when something inside │
//!            opens a node ────────────────────────┘
//! ```
//!
//! It holds a key and the number of the runtime, so what contains it is `Send`. Polled in another runtime, it leaves the
//! first one; outside of a task it is nothing, and the future passes through.

use std::cell::Cell;
use std::task::Waker;

use super::context::hand;
use super::core::Core;
use super::shared::{Message, Shared};
use super::try_with;
use crate::error::Cancelled;
use crate::scope::{Duty, Kind, Position, Unopened};
use crate::util::slab::Key;
use crate::util::{caught, go_on, wake_quietly};

/// A node of the tree that closes with its owner.
#[derive(Debug, Default)]
pub(crate) struct ScopeHandle {
    /// The node and its runtime, while it is open.
    node: Option<(Key, u32)>,
}

impl ScopeHandle {
    /// Begins a poll of what needs a node in any case; `true` when it was opened just now.
    pub(crate) fn open(&mut self, kind: Kind, waker: &Waker) -> bool {
        if self.node.is_some() {
            self.visit(waker);
        }
        let mut is_new = false;
        self.at(|place, core| {
            if place.node.is_some() {
                return;
            }
            let parent = core.node_here();
            // Who polls a group outside of a task: its children are tasks all the same, and to be told through it.
            if parent.is_some() || kind == Kind::Join {
                let key = core.scopes().open(parent, kind);
                place.node = Some((key, core.shared().number()));
                is_new = true;
                if kind == Kind::Mask && place.has_arrived() {
                    // It holds that only if it is polled again (C26): told, as by a delivery.
                    return waker.wake_by_ref();
                }
                core.refresh_waker(key, waker);
            }
        });
        is_new
    }

    /// Begins a poll: moves the node, if there is one, to where the code runs, and makes the waker the one to wake.
    #[inline]
    pub(crate) fn visit(&mut self, waker: &Waker) {
        if self.node.is_some() {
            self.visit_open(waker);
        }
    }

    /// [`visit`](ScopeHandle::visit) where there is a node.
    fn visit_open(&mut self, waker: &Waker) {
        self.at(|place, core| {
            place.leave_other_runtime(core);
            let Some(key) = place.key(core) else { return };
            let parent = core.node_here();
            core.scopes().adopt(key, parent);
            core.refresh_waker(key, waker);
        });
    }

    /// Makes the waker the one to wake; the node, if there is one, stays where it is in the tree.
    pub(crate) fn refresh(&mut self, waker: &Waker) {
        self.at(|place, core| {
            place.leave_other_runtime(core);
            if let Some(key) = place.key(core) {
                core.refresh_waker(key, waker);
            }
        });
    }

    /// Gives up a node in another runtime than the one that polls.
    fn leave_other_runtime(&mut self, core: &Core) {
        if self.node.is_some() && self.key(core).is_none() {
            self.close();
        }
    }

    /// Takes the node to where nothing is around it, until the next poll: nobody polls what is inside meanwhile.
    pub(crate) fn set_aside(&mut self) {
        self.at(|place, core| {
            if let Some(key) = place.key(core) {
                core.scopes().adopt(key, None);
            }
        });
    }

    /// Runs `f` as code inside.
    #[inline]
    pub(crate) fn inside<R>(&self, f: impl FnOnce() -> R) -> R {
        if self.node.is_none() {
            return f();
        }
        hand(
            f,
            |core, f| {
                let key = self.key(core);
                let _back = key.map(|key| {
                    RestorePosition(core, core.scopes().replace_position(Position::Node(key)))
                });
                f()
            },
            |f| f(),
        )
    }

    /// Runs `f` as code inside of a scope that is opened only if something in `f` opens a node.
    pub(crate) fn inside_unopened<R>(
        &mut self,
        lazy: Unopened,
        waker: &Waker,
        f: impl FnOnce() -> R,
    ) -> R {
        if self.node.is_some() {
            return self.inside(f);
        }
        hand(
            (self, f),
            |core, (place, f)| {
                let Some((outer, _)) = core.defer(lazy) else {
                    return f();
                };
                // Also when `f` panics: what it opened must be closed.
                let _kept = AdoptOnDrop {
                    core,
                    outer,
                    place,
                    waker,
                };
                f()
            },
            |(_, f)| f(),
        )
    }

    /// Runs `f`, which polls the branches of a gather, whose node is `join` if it has one: each branch is opened only if
    /// something in it opens a node, and the gather with the first.
    pub(crate) fn with_branches<R>(
        join: Option<Key>,
        f: impl FnOnce(Option<&DeferredOpen<'_>>) -> R,
    ) -> R {
        hand(
            f,
            |core, f| f(DeferredOpen::make(core, Unopened::Branch(join)).as_ref()),
            |f| f(None),
        )
    }

    /// The cancellation that has arrived, once.
    pub(crate) fn arrived(&self) -> Option<Cancelled> {
        self.ask(|core, key| core.scopes().take_pending(key))
            .flatten()
    }

    /// The cancellation that has arrived, which stays there.
    pub(crate) fn pending(&self) -> Option<Cancelled> {
        self.ask(|core, key| core.scopes().pending(key)).flatten()
    }

    /// True when a cancellation has arrived and was not taken.
    pub(crate) fn has_arrived(&self) -> bool {
        self.ask(|core, key| core.scopes().is_pending(key))
            .unwrap_or(false)
    }

    /// True when a cancellation has been delivered here since the last [`visit`](ScopeHandle::visit).
    pub(crate) fn was_hit(&self) -> bool {
        self.ask(|core, key| !core.scopes().has_waker(key, |_| true))
            .unwrap_or(false)
    }

    /// Cancels the scope. `false` when nobody inside deals with it, so that its future is to be dropped.
    pub(crate) fn cancel(&self, cancelled: &Cancelled) -> bool {
        self.ask(|core, key| {
            let delivery = core.scopes().cancel(key, cancelled.clone());
            delivery.wakes.into_iter().for_each(wake_quietly);
            delivery.duty == Duty::Wait
        })
        .unwrap_or(false)
    }

    /// Sends outwards what was delivered inside, and not heard by the poll of this scope that has
    /// just ended: pending, and nobody has woken it again (C26).
    pub(crate) fn pass_by(&self) {
        self.ask(|core, key| core.pass_by(key));
    }

    /// True when a cancellation is this scope's own.
    pub(crate) fn owns(&self, cancelled: &Cancelled) -> bool {
        self.ask(|core, key| core.scopes().owns(key, cancelled))
            .unwrap_or(false)
    }

    /// The cancellation from further out that has been delivered inside.
    pub(crate) fn outer(&self) -> Option<Cancelled> {
        self.ask(|core, key| core.scopes().outer(key)).flatten()
    }

    /// Whether `new` belongs to a scope further out than the one that `old` belongs to.
    pub(crate) fn outranks(&self, new: &Cancelled, old: &Cancelled) -> bool {
        self.ask(|core, key| core.scopes().outranks(new, old, key))
            .unwrap_or(false)
    }

    /// The cancellation that was delivered here last, though another one may have stood.
    pub(crate) fn latest(&self) -> Option<Cancelled> {
        self.ask(|core, key| core.scopes().latest(key)).flatten()
    }

    /// The node, if it is open in the runtime that is driven here.
    pub(crate) fn node(&self) -> Option<Key> {
        self.ask(|_, key| key)
    }

    /// The node around this one.
    pub(crate) fn around(&self) -> Option<Self> {
        self.ask(|core, key| {
            let around = core.scopes().parent(key)?;
            let node = Some((around, core.shared().number()));
            Some(Self { node })
        })
        .flatten()
    }

    /// Takes the node out of the tree.
    #[inline]
    pub(crate) fn close(&mut self) {
        // What is not there is not written either: this runs at every end of what was never opened, twice.
        if self.node.is_some() {
            self.close_open();
        }
    }

    /// [`close`](ScopeHandle::close) where there is a node.
    fn close_open(&mut self) {
        if let Some((key, runtime)) = self.node.take() {
            close(key, runtime);
        }
    }

    /// The node, if it is one of this runtime.
    fn key(&self, core: &Core) -> Option<Key> {
        self.node
            .and_then(|(key, runtime)| (runtime == core.shared().number()).then_some(key))
    }

    /// Runs `f` inside of a runtime, or not at all.
    fn at(&mut self, f: impl FnOnce(&mut Self, &Core)) {
        try_with(|core| f(self, core)).ok();
    }

    /// Asks about the node, if it is open in the runtime that is driven here.
    #[inline]
    fn ask<R>(&self, f: impl FnOnce(&Core, Key) -> R) -> Option<R> {
        self.node?;
        try_with(|core| self.key(core).map(|key| f(core, key)))
            .ok()
            .flatten()
    }
}

/// Takes a node out of the tree of its runtime.
fn close(key: Key, runtime: u32) {
    let here = try_with(|core| {
        let here = core.shared().number() == runtime;
        if here {
            core.close_node(key);
        }
        here
    });
    if here != Ok(true)
        && let Some(shared) = Shared::find(runtime)
    {
        shared.send(Message::PlaceGone(key));
    }
}

impl Drop for ScopeHandle {
    #[inline]
    fn drop(&mut self) {
        self.close();
    }
}

impl Core {
    /// Makes `waker` the one to wake for a node.
    fn refresh_waker(&self, key: Key, waker: &Waker) {
        if !self.scopes().has_waker(key, |set| set.will_wake(waker)) {
            let waker = waker.clone();
            let old = self.scopes().set_waker(key, waker);
            drop(old);
        }
    }
}

/// Puts the outer place back when the inner code returns or panics.
struct RestorePosition<'a>(&'a Core, Position);

impl Drop for RestorePosition<'_> {
    fn drop(&mut self) {
        self.0.scopes().set_position(self.1);
    }
}

/// While it lives, a scope is opened when something inside opens a node.
pub(crate) struct DeferredOpen<'a> {
    /// The runtime.
    core: &'a Core,
    /// Where the code ran before.
    outer: Position,
    /// What stands there instead, until it is made good.
    promised: Cell<Position>,
}

impl<'a> DeferredOpen<'a> {
    /// Promises a scope; `None` outside of a task.
    fn make(core: &'a Core, lazy: Unopened) -> Option<Self> {
        let (outer, promised) = core.defer(lazy)?;
        Some(Self {
            core,
            outer,
            promised: Cell::new(promised),
        })
    }

    /// The place that has been opened since this was asked last; the next one that asks gets another.
    pub(crate) fn opened(&self, waker: &Waker) -> Option<ScopeHandle> {
        let Position::Node(key) = self.core.scopes().position() else {
            return None;
        };
        self.core.scopes().set_position(self.promised.get());
        let node = Some((key, self.core.shared().number()));
        let opened = ScopeHandle { node };
        self.core.refresh_waker(key, waker);
        Some(opened)
    }

    /// Further branches are opened inside of `join`.
    pub(crate) fn know(&self, join: &ScopeHandle) {
        let promised = Position::Unopened(join.node(), Unopened::Branch(join.node()));
        self.promised.set(promised);
        self.core.scopes().set_position(promised);
    }
}

impl Drop for DeferredOpen<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Position::Node(unclaimed) = self.core.scopes().replace_position(self.outer) {
            self.close_unclaimed(unclaimed);
        }
    }
}

impl DeferredOpen<'_> {
    /// Closes what was opened by code that panicked, before anybody could claim it.
    #[cold]
    fn close_unclaimed(&self, key: Key) {
        let runtime = self.core.shared().number();
        let branch = ScopeHandle {
            node: Some((key, runtime)),
        };
        let join = match self.promised.get() {
            Position::Unopened(_, Unopened::Branch(None)) => branch.around(),
            _ => None,
        };
        drop((branch, join));
    }
}

/// Ends the promise of one scope: puts the outer place back, and gives the node that was opened to who promised it.
struct AdoptOnDrop<'a> {
    /// The runtime.
    core: &'a Core,
    /// Where the code ran before.
    outer: Position,
    /// Who promised.
    place: &'a mut ScopeHandle,
    /// Whom to wake for the node.
    waker: &'a Waker,
}

impl Drop for AdoptOnDrop<'_> {
    // Mostly there is nothing to pick up. `claim` is given no reference to us, so that we live in registers.
    #[inline]
    fn drop(&mut self) {
        let here = self.core.scopes().position();
        self.core.scopes().restore(self.outer);
        if let Position::Node(opened) = here {
            claim(self.core, opened, self.place, self.waker);
        }
    }
}

/// Gives a node that was opened to `place`.
#[inline(never)]
fn claim(core: &Core, key: Key, place: &mut ScopeHandle, waker: &Waker) {
    let node = Some((key, core.shared().number()));
    let opened = ScopeHandle { node };
    match caught(|| core.refresh_waker(key, waker)) {
        Ok(()) => *place = opened,
        // Somebody else's `clone`, and this may be part of an unwinding.
        Err(payload) => go_on(payload),
    }
}
