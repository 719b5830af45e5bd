//! What the examples and tests of this package share.

pub mod postgres;
pub mod quic;
pub mod server;
pub mod tls;
