//! Adapters to the traits of other libraries, each behind a feature of its name. Floor 4.
//!
//! | feature | module | for |
//! |---|---|---|
//! | `hyper` | `compat::hyper` | hyper 1 and what is built on it: axum, tonic |
//! | `tokio-io` | `compat::tokio` | libraries that ask for `tokio::io::{AsyncRead, AsyncWrite}`: tokio-postgres, rustls' tokio flavour |
//!
//! Both wrap any stream of `futures::io`: ours, and what other libraries make of them, as a TLS stream. Neither brings a tokio
//! runtime along: of tokio only the traits are compiled.

#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "tokio-io")]
pub mod tokio;
