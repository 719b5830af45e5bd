//! Queues between the tasks of one thread: [`Queue`], [`PriorityQueue`] and [`LifoQueue`], which
//! are aliases of one [`OrderedQueue`].
//!
//! ```text
//!   aliases     the names of the queues
//!       │
//!   interface   the public type and its methods
//!       │
//!    futures    GetFuture, PutFuture, JoinFuture, Items
//!       │
//!     core      ends every borrow before third-party code runs
//!       ├───────────┐
//!     state       order
//!     counts      stores the items: first, last
//!     and waits   or smallest first
//! ```
//!
//! # Items stay in the queue until they are taken
//!
//! A waiting `get` is granted a *promise*: one item is kept for it, whichever is next when it is
//! polled. So a `get` that is dropped then returns only the promise, and the order of the items
//! does not change. Likewise a waiting `put` is granted a *reservation* of capacity, and keeps its
//! item until it is polled.
//!
//! ```text
//!           poll: there is an item that is not promised
//!   new ────────────────────────────────────────────────▶ done
//!    │                                                     ▲
//!    │ poll: there is none                                 │ poll: redeem
//!    ▼                                                     │
//!   waiting ───────────────────────────────────────────▶ promised
//!    │              offer_item, after a put                │
//!    │ drop         or another's forfeit                   │ drop: forfeit
//!    ▼                                                     ▼
//!   gone                                    gone: promised to the next
//! ```
//!
//! A `put` has the same states, with capacity in place of items: offer_capacity, reserved.
//!
//! [`state`] counts: there are at least as many items as promises while the queue is open, and a
//! `get` waits only if all items are promised. After [`close`](OrderedQueue::close), a `get` still
//! waits while the last items are promised. When the last item was taken, all waiting `get`s return
//! that the queue is closed.

mod aliases;
mod core;
mod futures;
mod interface;
mod order;
mod state;

pub use aliases::{LifoQueue, PriorityQueue, Queue};
pub use futures::{GetFuture, Items, JoinFuture, PutFuture};
pub use interface::OrderedQueue;
pub use order::{Fifo, Lifo, Order, Smallest};
