//! Code that the examples and tests of this package share: an HTTP server, TLS, and PostgreSQL.

pub mod postgres;
pub mod quic;
pub mod server;
pub mod tls;
