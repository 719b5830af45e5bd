//! A simulated network, to test servers and clients with delays, partitions and crashes.
//!
//! ```
//! use futures::io::{AsyncReadExt, AsyncWriteExt};
//! use std::time::Duration;
//! use wheelhouse::net::Listen;
//! use wheelhouse::testing::{self, net::{Link, Network}};
//! use wheelhouse::{sleep, spawn, time};
//!
//! async fn echo(listener: impl Listen) {
//!     loop {
//!         let Ok((mut stream, _peer)) = listener.accept().await else {
//!             sleep(Duration::from_millis(100)).await; // for example: out of file descriptors
//!             continue;
//!         };
//!         spawn(async move {
//!             let mut buffer = [0; 4096];
//!             while let Ok(count @ 1..) = stream.read(&mut buffer).await {
//!                 if stream.write_all(&buffer[..count]).await.is_err() {
//!                     break;
//!                 }
//!             }
//!         });
//!     }
//! }
//!
//! // A hundred runs with random delays of up to a second, and with messages in pieces.
//! testing::explore(0..100, || async {
//!     let network = Network::new();
//!     network.set_link(Link::new().latency_between(Duration::ZERO..=Duration::from_secs(1)));
//!     spawn(echo(network.host("server").listen(7).unwrap())).detach();
//!
//!     let mut stream = network.host("client").connect("server:7").await.unwrap();
//!     stream.write_all(b"hello").await.unwrap();
//!     let mut answer = [0; 5];
//!     stream.read_exact(&mut answer).await.unwrap();
//!     assert_eq!(&answer, b"hello");
//! });
//! ```
//!
//! A [`Network`] has [`Host`]s, each with a name or IP address. [`Host::listen`] returns a
//! [`Listener`] and [`Host::connect`] a [`Stream`]. They have the methods and the behaviour of
//! [`net::TcpListener`](crate::net::TcpListener) and [`net::TcpStream`](crate::net::TcpStream), but
//! exist only in memory: no socket is opened, no thread started and no task spawned.
//!
//! A server that is to run on both takes an [`impl Listen`](crate::net::Listen) and uses the I/O
//! traits of `futures::io`. A client takes a stream, or an `AsyncFn() -> io::Result<S>` that opens
//! one.
//!
//! # Faults
//!
//! | fault | set by |
//! |---|---|
//! | delays, slow links, small windows | a [`Link`], for all hosts or between two |
//! | reads and writes of a part of the bytes | the seed of the run, unless [`set_fragments`](Network::set_fragments) disables it |
//! | two hosts cannot reach each other | [`partition`](Network::partition), [`partition_one_way`](Network::partition_one_way), until [`heal`](Network::heal) |
//! | a connection breaks | [`reset`](Network::reset), or at random [`Link::breaks_one_in`] |
//! | a program crashes | [`Host::crash`] |
//! | no listener, an unknown name, a port in use | the same errors as with real sockets |
//!
//! Use [`testing::choose`](crate::testing::choose) to let the seed determine when a fault occurs.
//!
//! # Guarantees
//! - The bytes of a connection arrive in order. None is lost unless the connection breaks or is
//!   closed.
//! - Two runs with the same seed, or the same schedule in [`replay`](crate::testing::replay),
//!   behave in the same way. All random decisions are choices of the run, so
//!   [`explore`](crate::testing::explore()) also removes the delays and the partial reads that a
//!   failure does not need.
//! - Nothing passes a partition: no bytes, no end of a stream, no new connection, and no notice
//!   that the peer has read something.
//! - Hosts, listeners and streams may be dropped in any order, also after the end of the runtime.
//!   Dropping them frees their memory and wakes their peers.
//! - A wait that nothing can end is a deadlock, which [`testing::run`](crate::testing::run)
//!   reports.
//!
//! # Limits
//! - It models connections, not packets: there is no packet loss, no retransmission and no
//!   congestion. Each connection has the bandwidth of its link to itself.
//! - Addresses of real networks cannot be reached, and names are not looked up in DNS.
//! - The backlog of a listener is unbounded.
//! - In a real runtime the network works too, and its delays take real time. A network belongs to
//!   one runtime: a stream panics if it is polled in another one.
//! - If several tasks wait for the same bytes, it is undefined which of them gets the bytes.

mod connection;
mod end;
mod halves;
mod host;
mod in_flight;
mod link;
mod listener;
mod map;
mod medium;
mod network;
mod notifier;
mod port;
mod readiness;
mod route;
mod stream;

pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
pub use host::Host;
pub use link::Link;
pub use listener::Listener;
pub use network::{HostName, Network};
pub use stream::Stream;
