//! Processes: child processes, processes that fork, and tests that need a process of their own,
//! as they set limits of it or end it.

#[path = "../common/again.rs"]
mod again;
#[path = "../common/mod.rs"]
mod common;
mod forked;
#[path = "../common/installed.rs"]
mod installed;
mod processes;
mod shutdown;
mod shutdown_report;
mod system;
