//! A throw-away PostgreSQL server.

mod cluster;
mod programs;

pub use cluster::{Cluster, ClusterError};
