//! Queues between tasks: [`Queue`], [`PriorityQueue`] and [`LifoQueue`], which are names of one
//! [`OrderedQueue`].
//!
//! They are not for several threads, and they keep no items for those who come after a `close`.
//!
//! ```text
//!   interface   what users see
//!       │
//!    futures    GetFuture, PutFuture, JoinFuture, Items
//!       │
//!     core      lets go of every borrow before foreign code runs
//!       ├───────────┐
//!     state       order     who waits, numbers       the items: first, last or smallest
//! ```
//!
//! # Items stay in the queue until they are taken
//!
//! A `get` that waits is served with a *promise*: one item is kept for it, whichever is next when
//! it is polled. So a `get` that is dropped then has nothing to give back but the promise, and no
//! order is disturbed. Likewise a `put` that waits is served with a *reservation* of room, and has
//! its item until it is polled.
//!
//! ```text
//!   get:   asks ──── an item that is not promised ──────────────────────────────▶ has it
//!            │ none                                                                  ▲
//!            ▼            added, or another's promise forfeit          polled        │
//!          waits ─────────────────────────────────────────▶ promised ────────────────┘
//!            │ dropped                                           │ dropped
//!            ▼                                                   ▼
//!           gone                                         forfeit: promised to the next
//!
//!   put:   the same with room instead of items: taken, reserved, forfeit
//! ```
//!
//! In numbers, which [`state`] keeps: items `>=` promises as long as the queue is open, and who
//! waits for an item does so because all items are promised. After [`close`](OrderedQueue::close) a
//! `get` waits on while the last items are promised; when the last was taken, everybody hears that
//! the queue is closed.

mod core;
mod futures;
mod interface;
mod order;
mod state;

pub use futures::{GetFuture, Items, JoinFuture, PutFuture};
pub use interface::{LifoQueue, OrderedQueue, PriorityQueue, Queue};
pub use order::{Fifo, Lifo, Order, Smallest};
