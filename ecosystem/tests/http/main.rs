//! HTTP with parts that nobody here wrote: curl, wrk, h2load, nc, openssl, Python's server and
//! nginx on the other side.
//!
//! The programs are started by the same thread that serves them.

mod api;
mod client;
mod connections;
mod curl;
mod grpc;
#[path = "../../../tests/common/installed.rs"]
mod installed;
mod leaving;
mod load;
mod panics;
mod programs;
mod servers;
mod tls;
