//! A system that refuses operations: it has no more threads, its terminals block, a sandbox forbids
//! calls. Either the error says so, or another call is used. Nothing is busy, and nothing hangs.
//!
//! Limits apply to a process, so each test runs in a child process.
//!
//! Wall time: threads, pipes and processes are those of the system.

mod blocked;
mod inheritance;
mod no_pidfd;
mod nonblocking;
mod orphans;
mod threads;
