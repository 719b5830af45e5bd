//! A network in memory, for testing servers and clients: with delays, cuts and breaks, by the seed and the virtual clock.
//!
//! A [`Network`] has [`Host`]s, by name or IP address. A host [listens](Host::listen) and [connects](Host::connect); what comes of
//! it is a [`Listener`] and a [`Stream`], with the methods and the meaning of [`net::TcpListener`](crate::net::TcpListener) and
//! [`net::TcpStream`](crate::net::TcpStream). No socket is opened, no thread started and no task spawned.
//!
//! A server that is to run on both takes [`impl Listen`](crate::net::Listen), and reads and writes by the traits of `futures::io`. A
//! client takes a stream, or an `AsyncFn() -> io::Result<S>` that makes one.
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
//!             sleep(Duration::from_millis(100)).await; // no file descriptor is left, say
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
//! // Delays of up to a second, messages in pieces, a hundred times over: a moment.
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
//! # What can go wrong
//!
//! | what | how |
//! |---|---|
//! | delays, slow links, small windows | [`Link`], for all or between two hosts |
//! | reads and writes in parts | whenever the run has a seed, unless [`set_fragments`](Network::set_fragments) switches it off |
//! | two hosts cannot reach each other | [`partition`](Network::partition), [`partition_one_way`](Network::partition_one_way), until [`heal`](Network::heal) |
//! | a connection breaks | [`reset`](Network::reset), or by chance: [`Link::breaks_one_in`] |
//! | a program crashes | [`Host::crash`] |
//! | nobody listens, the name is unknown, the port is taken | as with real sockets |
//!
//! When a fault comes may be left to the seed with [`testing::choose`](crate::testing::choose).
//!
//! # How bytes travel
//!
//! ```text
//!   Stream ── write ──▶ InFlight: frames in order, each with an arrival time
//!                           │            drawn by the seed; a cut holds them
//!                           │ arrival: the reader's timer
//!                           ▼
//!   Stream ◀── read ─── End: the bytes that have arrived
//! ```
//!
//! Bytes, the end of a stream, window updates and the close of a peer travel as frames, in order, in
//! one queue per direction. An end knows only what has arrived. A reader that waits holds a timer for
//! the first frame, so the network spawns no task: [`task::all`](crate::task::all) lists only the
//! tasks of the program, and a wait that nothing can end is a deadlock, which
//! [`testing::run`](crate::testing::run) reports.
//!
//! # Guarantees
//! - The bytes of a connection keep their order, and none is lost while the connection is not broken or closed.
//! - Two runs with the same seed (or the same schedule, in [`replay`](crate::testing::replay)) do the same, when nothing else
//!   differs: all that is left to chance are choices of the run. A schedule that was made simpler has as few delays and parts as the
//!   fault needs.
//! - Nothing crosses a cut: neither bytes, nor an end, nor the room that makes a writer go on, nor a connection.
//! - Dropping hosts, listeners and streams, in any order and also after the runtime's end, frees their memory and wakes their peers.
//!
//! # Non-guarantees
//! - It is a model of connections, not of packets: no loss that is made good, no congestion. Each connection has the bandwidth of its
//!   link to itself.
//! - Addresses of real networks are not reached, and names not looked up there.
//! - Any number of connections waits to be accepted.
//! - On a real runtime it works as well, and delays then take real time. A network belongs to one runtime: polled in another one than
//!   before, a stream panics.
//! - Which of several tasks that wait for the same bytes gets them is not defined.

mod connection;
mod end;
mod halves;
mod host;
mod in_flight;
mod link;
mod listener;
mod map;
mod network;
mod notifier;
mod stream;

pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
pub use host::Host;
pub use link::Link;
pub use listener::Listener;
pub use network::{HostName, Network};
pub use stream::Stream;
