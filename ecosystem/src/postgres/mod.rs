//! tokio-postgres on wheelhouse: connections, transactions that roll back when they are cancelled,
//! and a temporary server.
//!
//! tokio-postgres needs no tokio runtime without its default features: [`Session::connect`] passes
//! it one of our streams through `Config::connect_raw`, and one of our tasks drives the connection.
//!
//! ```text
//!   transaction ──▶ Session: client ── queries ──▶ task with the connection ──▶ server
//!       │ cancelled, panicked                                                    ▲
//!       └──▶ Interrupt: a separate connection with a cancel request ─────────────┘
//! ```
//!
//! # Examples
//! ```no_run
//! use std::time::Duration;
//! use wheelhouse::{run, timeout};
//! use wheelhouse_ecosystem::postgres::{Error, Session, transaction};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! run(async {
//!     let mut session = Session::connect(&"host=/run/postgresql user=me".parse()?).await?;
//!     let transfer = transaction(&mut session, async |tx| {
//!         tx.execute("UPDATE account SET euros = euros - 60 WHERE name = 'anna'", &[]).await?;
//!         tx.execute("UPDATE account SET euros = euros + 60 WHERE name = 'bert'", &[]).await?;
//!         Ok::<_, Error>(())
//!     });
//!     match timeout(Duration::from_secs(1), transfer).await {
//!         Ok(done) => done?,
//!         Err(_elapsed) => println!("too slow, and rolled back"),
//!     }
//!     session.close().await?; // it can be used as before
//!     Ok(())
//! })
//! # }
//! ```
//!
//! No TLS here: tokio-postgres takes any `TlsConnect`, and `NoTls` is the one that needs no other
//! library.

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
