//! The node of a future in the tree of scopes: of a catch point, shield, timeout, gather, group, or
//! branch.
//!
//! ```text
//!   closed ─┬─ open: at once ────────────────────┬─▶ open ── close, drop ──▶ closed
//!           └─ inside_unopened: when the code    │    ▲  │
//!              inside opens a node ──────────────┘    └──┘ visit, at each poll
//! ```
//!
//! A handle holds keys of the node and its runtime, so its owner is `Send`. Polled in another
//! runtime, it closes its node in the first one. Outside of a task it stays closed, and its owner
//! only polls its future.

use std::cell::Cell;
use std::task::Waker;

use crate::error::Cancelled;
use crate::runtime::context::hand;
use crate::runtime::core::Core;
use crate::runtime::home_key::HomeKey;
use crate::runtime::try_with;
use crate::scope::{Duty, Kind, Position, Tree, Unopened};
use crate::util::slab::Key;
use crate::util::{caught, go_on, wake_quietly};

/// A node of the tree that closes with its owner.
#[derive(Debug, Default)]
pub(super) struct ScopeHandle {
    /// The node and its runtime, while it is open.
    node: Option<(Key, HomeKey)>,
}

impl ScopeHandle {
    /// Begins a poll of a future that needs a node. Returns `true` if this call opened it.
    pub(super) fn open(&mut self, kind: Kind, waker: &Waker) -> bool {
        if self.node.is_some() {
            self.visit(waker);
        }
        let mut is_new = false;
        self.at(|handle, core| {
            if handle.node.is_some() {
                return;
            }
            let parent = core.node_here();
            // The children of a group that is polled outside of a task are tasks too, and receive
            // cancellations through it.
            if parent.is_some() || kind == Kind::Join {
                let key = core.scopes().tree(|tree| tree.open(parent, kind));
                handle.node = Some((key, HomeKey::of(core)));
                is_new = true;
                if kind == Kind::Mask && handle.has_arrived() {
                    // The shield holds that one only if it is polled again (C26), as after a
                    // delivery.
                    return waker.wake_by_ref();
                }
                core.refresh_waker(key, waker);
            }
        });
        is_new
    }

    /// Begins a poll: moves an open node to the position of the running code, and registers the
    /// waker.
    #[inline]
    pub(super) fn visit(&mut self, waker: &Waker) {
        if self.node.is_some() {
            self.visit_open(waker);
        }
    }

    /// [`visit`](ScopeHandle::visit) of an open node. A separate call, for bench `timeout_ready`.
    fn visit_open(&mut self, waker: &Waker) {
        self.at(|handle, core| {
            let Some(key) = handle.key_or_close(core) else {
                return;
            };
            let parent = core.node_here();
            core.scopes().tree(|tree| tree.adopt(key, parent));
            core.refresh_waker(key, waker);
        });
    }

    /// Registers the waker, and leaves the node where it is in the tree.
    pub(super) fn refresh(&mut self, waker: &Waker) {
        self.at(|handle, core| {
            if let Some(key) = handle.key_or_close(core) {
                core.refresh_waker(key, waker);
            }
        });
    }

    /// Returns the node, and closes one that is in another runtime than the one that polls.
    fn key_or_close(&mut self, core: &Core) -> Option<Key> {
        let key = self.key(core);
        if key.is_none() {
            self.close();
        }
        key
    }

    /// Makes the node a root until the next poll: the futures inside are not polled meanwhile.
    pub(super) fn set_aside(&self) {
        self.tree(|tree, key| tree.adopt(key, None));
    }

    /// Runs `f` as code inside of the node.
    #[inline]
    pub(super) fn inside<R>(&self, f: impl FnOnce() -> R) -> R {
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

    /// Runs `f` as code inside of a scope, which is opened only if `f` opens a node.
    pub(super) fn inside_unopened<R>(
        &mut self,
        unopened: Unopened,
        waker: &Waker,
        f: impl FnOnce() -> R,
    ) -> R {
        if self.node.is_some() {
            return self.inside(f);
        }
        hand(
            (self, f),
            |core, (handle, f)| {
                let Some(outer) = core.defer(unopened) else {
                    return f();
                };
                // Also if `f` panics: the node that it opened must be closed.
                let _kept = AdoptOnDrop {
                    core,
                    outer,
                    handle,
                    waker,
                };
                f()
            },
            |(_, f)| f(),
        )
    }

    /// Takes the cancellation that has arrived.
    pub(super) fn arrived(&self) -> Option<Cancelled> {
        if self.has_arrived() {
            self.tree(|tree, key| tree.take_pending(key)).flatten()
        } else {
            None
        }
    }

    /// Returns the cancellation that has arrived, and leaves it there.
    pub(super) fn pending(&self) -> Option<Cancelled> {
        if self.has_arrived() {
            self.tree(|tree, key| tree.pending(key).cloned()).flatten()
        } else {
            None
        }
    }

    /// Returns `true` if a cancellation has arrived and was not taken.
    pub(super) fn has_arrived(&self) -> bool {
        self.ask(|core, key| core.has_arrived(key)) == Some(true)
    }

    /// Returns the cancellation that was delivered to this catch point since the last
    /// [`visit`](ScopeHandle::visit), even if an earlier one is the pending one.
    pub(super) fn latest_if_hit(&self) -> Option<Cancelled> {
        self.tree(|tree, key| {
            let was_hit = tree.waker(key).is_none();
            tree.latest(key).filter(|_| was_hit).cloned()
        })
        .flatten()
    }

    /// Cancels the scope. Returns `false` if no catch point or shield inside received the
    /// cancellation: the owner then drops its future.
    pub(super) fn cancel(&self, cancelled: &Cancelled) -> bool {
        let Some(delivery) = self.tree(|tree, key| tree.cancel(key, cancelled.clone())) else {
            return false;
        };
        delivery.wakes.into_iter().for_each(wake_quietly);
        delivery.duty == Duty::Wait
    }

    /// Propagates what was delivered inside to nodes that have not been polled since (C26). The
    /// poll of this scope has just ended pending. If the scope is woken again, they have some more
    /// polls.
    pub(super) fn pass_by(&self, is_woken: bool) {
        self.ask(|core, key| core.pass_by(key, is_woken));
    }

    /// Ends a poll that was not meant for the owner: a cancellation that is pending counts as if
    /// this poll had not been.
    pub(super) fn unhear(&self) {
        let waker = self.tree(|tree, key| tree.unhear(key));
        drop(waker);
    }

    /// Returns `true` if this scope was cancelled with `cancelled`.
    pub(super) fn owns(&self, cancelled: &Cancelled) -> bool {
        self.tree(|tree, key| tree.owns(key, cancelled)) == Some(true)
    }

    /// Returns the cancellation from further out that was delivered inside.
    pub(super) fn outer(&self) -> Option<Cancelled> {
        self.tree(|tree, key| tree.outer(key).cloned()).flatten()
    }

    /// Returns `true` if `new` belongs to a scope further out than that of `old`.
    pub(super) fn outranks(&self, new: &Cancelled, old: &Cancelled) -> bool {
        self.tree(|tree, key| tree.outranks(new, old, key)) == Some(true)
    }

    /// Returns the node, if it is open in the runtime that this thread drives.
    pub(super) fn node(&self) -> Option<Key> {
        self.ask(|_, key| key)
    }

    /// Returns a handle to the node around this one.
    pub(super) fn around(&self) -> Option<Self> {
        self.ask(|core, key| {
            let around = core.scopes().tree(|tree| tree.parent(key))?;
            let node = Some((around, HomeKey::of(core)));
            Some(Self { node })
        })
        .flatten()
    }

    /// Closes the node, if it is open.
    #[inline]
    pub(super) fn close(&mut self) {
        // Nothing is written if there is no node: this runs twice at the end of each scope that was
        // never opened.
        if self.node.is_some() {
            self.close_open();
        }
    }

    /// [`close`](ScopeHandle::close) of an open node. A separate call, for bench `timeout_ready`.
    fn close_open(&mut self) {
        if let Some((key, home)) = self.node.take() {
            home.at_home_or_send(move |core| core.close_node(key));
        }
    }

    /// Returns the node, if it is in this runtime.
    fn key(&self, core: &Core) -> Option<Key> {
        self.node
            .and_then(|(key, home)| home.is(core).then_some(key))
    }

    /// Runs `f`, if this thread drives a runtime.
    fn at(&mut self, f: impl FnOnce(&mut Self, &Core)) {
        try_with(|core| f(self, core)).ok();
    }

    /// Runs one operation on the tree and the node, if it is open in the runtime that this thread
    /// drives.
    fn tree<R>(&self, f: impl FnOnce(&mut Tree<Cancelled, Waker>, Key) -> R) -> Option<R> {
        self.ask(|core, key| core.scopes().tree(|tree| f(tree, key)))
    }

    /// Runs `f` on the node, if it is open in the runtime that this thread drives.
    #[inline]
    fn ask<R>(&self, f: impl FnOnce(&Core, Key) -> R) -> Option<R> {
        self.node?;
        try_with(|core| self.key(core).map(|key| f(core, key)))
            .ok()
            .flatten()
    }
}

impl Drop for ScopeHandle {
    #[inline]
    fn drop(&mut self) {
        self.close();
    }
}

impl Core {
    /// Registers `waker` for a node.
    fn refresh_waker(&self, key: Key, waker: &Waker) {
        let is_set = self
            .scopes()
            .tree(|tree| tree.waker(key).is_some_and(|set| set.will_wake(waker)));
        if !is_set {
            let waker = waker.clone();
            let old = self.scopes().tree(|tree| tree.set_waker(key, waker));
            drop(old);
        }
    }
}

/// Restores the outer position when the inner code returns or panics.
struct RestorePosition<'a>(&'a Core, Position);

impl Drop for RestorePosition<'_> {
    fn drop(&mut self) {
        self.0.scopes().set_position(self.1);
    }
}

/// While it lives, each branch that opens a node is opened first, in its gather.
pub(crate) struct DeferredOpen<'a> {
    /// The runtime.
    core: &'a Core,
    /// The position before.
    outer: Position,
    /// The position while no branch is open.
    deferred: Cell<Position>,
}

impl<'a> DeferredOpen<'a> {
    /// Runs `f`, which polls the branches of a gather or group with the node `join`. A branch is
    /// opened only if its future opens a node; a gather is opened with its first branch.
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

    /// Enters an unopened scope; `None` outside of a task.
    fn make(core: &'a Core, unopened: Unopened) -> Option<Self> {
        let outer = core.defer(unopened)?;
        let deferred = core.scopes().position();
        Some(Self {
            core,
            outer,
            deferred: Cell::new(deferred),
        })
    }

    /// Returns the branch that was opened since the last call. The next branch opens another node.
    pub(super) fn opened(&self, waker: &Waker) -> Option<ScopeHandle> {
        let Position::Node(key) = self.core.scopes().position() else {
            return None;
        };
        self.core.scopes().set_position(self.deferred.get());
        let node = Some((key, HomeKey::of(self.core)));
        let opened = ScopeHandle { node };
        self.core.refresh_waker(key, waker);
        Some(opened)
    }

    /// Opens further branches inside of `join`.
    pub(super) fn set_join(&self, join: &ScopeHandle) {
        let deferred = Position::Unopened(join.node(), Unopened::Branch(join.node()));
        self.deferred.set(deferred);
        self.core.scopes().set_position(deferred);
    }
}

impl Drop for DeferredOpen<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Position::Node(unadopted) = self.core.scopes().replace_position(self.outer) {
            self.close_unadopted(unadopted);
        }
    }
}

impl DeferredOpen<'_> {
    /// Closes a node that was opened by code that panicked, before its owner could adopt it.
    #[cold]
    fn close_unadopted(&self, key: Key) {
        let branch = ScopeHandle {
            node: Some((key, HomeKey::of(self.core))),
        };
        let join = match self.deferred.get() {
            Position::Unopened(_, Unopened::Branch(None)) => branch.around(),
            _ => None,
        };
        drop((branch, join));
    }
}

/// Restores the outer position, and moves the node that was opened inside, if any, to the handle of
/// its owner.
struct AdoptOnDrop<'a> {
    /// The runtime.
    core: &'a Core,
    /// The position before.
    outer: Position,
    /// The handle of the owner.
    handle: &'a mut ScopeHandle,
    /// The waker of the owner.
    waker: &'a Waker,
}

impl Drop for AdoptOnDrop<'_> {
    // Commonly there is no node. `adopt` takes no reference to `self`, which so stays in registers
    // (bench `timeout_ready`).
    #[inline]
    fn drop(&mut self) {
        let here = self.core.scopes().position();
        self.core.scopes().restore(self.outer);
        if let Position::Node(opened) = here {
            adopt(self.core, opened, self.handle, self.waker);
        }
    }
}

/// Moves a node that was opened to `handle`.
#[inline(never)]
fn adopt(core: &Core, key: Key, handle: &mut ScopeHandle, waker: &Waker) {
    let node = Some((key, HomeKey::of(core)));
    let opened = ScopeHandle { node };
    match caught(|| core.refresh_waker(key, waker)) {
        Ok(()) => *handle = opened,
        // The `clone` of a third-party waker panicked, and this call may be part of an unwinding.
        Err(payload) => go_on(payload),
    }
}
