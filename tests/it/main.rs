//! Everything that runs within one process and counts nothing that belongs to the whole process.
//!
//! | module | tests |
//! |---|---|
//! | `tasks` | tasks, time, context variables, exploration of orders, the deadlock report |
//! | `panics`, `misuse` | panics, and the message of each wrong use |
//! | `promises` | the promises C1 to C29 of cancellation, by number |
//! | `cancel_steps` | futures that are cancelled at each of their suspensions |
//! | `groups`, `sync` | task groups; locks, queues and channels |
//! | `files`, `sim_net` | files; the simulated network |
//! | `home_thread` | values that must not leave their thread |
#![allow(unsafe_code, reason = "wakers that are made by hand")]

mod cancel_steps;
#[path = "../common/mod.rs"]
mod common;
mod files;
mod groups;
mod home_thread;
#[path = "../common/installed.rs"]
mod installed;
mod misuse;
mod panics;
mod promises;
mod sim_net;
#[path = "../steps/mod.rs"]
mod steps;
mod sync;
mod tasks;

#[global_allocator]
static ALLOCATOR: steps::counting::Counting = steps::counting::Counting;
