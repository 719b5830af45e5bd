//! A system that refuses things: no threads to be had, terminals that nobody reads, calls that a sandbox forbids. Each of them is an
//! error that says what it is, or another way is found; nothing spins, and nothing hangs.
//!
//! Limits belong to the process, so each test runs in one of its own.
//!
//! Wall time: threads, pipes and processes are real.

mod again;
mod blocked;
mod inheritance;
#[path = "../common/installed.rs"]
mod installed;
mod no_pidfd;
mod nonblocking;
mod orphans;
mod threads;
