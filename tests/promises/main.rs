//! Every promise C1 to C29 of the cancellation, as one or more tests that carry its number in their
//! name.

#[path = "../common/mod.rs"]
mod common;

mod branches;
mod circles;
mod cut;
mod endings;
mod foreign;
mod foreign_more;
mod foreign_scopes;
mod more;
mod nested;
mod passing;
mod scopes;
mod tasks;
mod waits;
