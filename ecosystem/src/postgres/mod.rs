//! tokio-postgres on wheelhouse: connections, transactions that end as their body does, and a throw-away server.
//!
//! tokio-postgres needs no tokio runtime when its default features are off: [`Session::connect`] gives it a stream of
//! ours through `Config::connect_raw`, and a task of ours drives the connection.
//!
//! ```text
//!   transaction ──▶ Session: the client ─── queries ───▶ a task that drives the connection ──▶ the server
//!       │ cancelled, panicked                                                                    ▲
//!       └──▶ Interrupt: a connection of its own, with PostgreSQL's cancel request ───────────────┘
//! ```
//!
//! No TLS here: tokio-postgres takes any `TlsConnect`, and `NoTls` is the one that needs no other library.

mod cluster;
mod error;
mod interrupt;
mod peer;
mod programs;
mod session;
mod transaction;

pub use cluster::{Cluster, ClusterError};
pub use error::Error;
pub use interrupt::Interrupt;
pub use peer::Peer;
pub use session::Session;
pub use transaction::transaction;
