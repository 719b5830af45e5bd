//! Code that all benches share: the trait of a runtime, its implementations, the workloads, and
//! small tools. Each bench compiles this module and uses a part of it.
#![allow(dead_code, unused_imports, unused_macros)]

pub(crate) mod bare;
pub(crate) mod client;
pub(crate) mod cpu;
mod floor;
mod peer_smol;
mod peer_tokio;
mod peer_wheelhouse;
pub(crate) mod program;
pub(crate) mod queues;
pub(crate) mod scopes;
pub(crate) mod settings;
pub(crate) mod sync;
pub(crate) mod work;

pub(crate) use floor::Floor;
pub(crate) use peer_smol::Smol;
pub(crate) use peer_tokio::Tokio;
pub(crate) use peer_wheelhouse::Wheelhouse;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A runtime, reduced to what the workloads need.
pub(crate) trait Peer: 'static {
    /// The name in the reports.
    const NAME: &'static str;
    /// A joinable task; a task that failed panics in the joiner.
    type Handle<T: 'static>: Future<Output = T> + Unpin + 'static;
    /// A sleep with a deadline that was not polled.
    type Sleep: Future<Output = ()> + 'static;
    /// A listening TCP socket.
    type Listener;
    /// A connected TCP socket.
    type Stream: 'static;

    /// Builds the runtime as a user would.
    fn new() -> Self;
    /// Drives `future` and the spawned tasks until `future` ends.
    fn block_on<F: Future>(&self, future: F) -> F::Output;
    /// Spawns a task whose result is awaited.
    fn spawn<F: Future + 'static>(&self, future: F) -> Self::Handle<F::Output>;
    /// Spawns a task that is not awaited.
    fn detach<F: Future<Output = ()> + 'static>(&self, future: F);
    /// Yields to the other ready tasks.
    fn yield_now() -> impl Future<Output = ()> + 'static;
    /// Creates a sleep of `duration` from now.
    fn sleep(duration: Duration) -> Self::Sleep;
    /// Removes the per-task budget for `future`, if the runtime has one.
    fn unbudgeted<F: Future>(future: F) -> impl Future<Output = F::Output> {
        future
    }
    /// Awaits all `futures`, each with its own waker.
    fn gather<F: Future>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> {
        futures::future::join_all(futures)
    }
    /// Listens on a free loopback port.
    fn listen() -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>>;
    /// Accepts one connection.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>>;
    /// Reads available bytes; `0` at the end of the stream.
    fn read(
        stream: &mut Self::Stream,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<usize>>;
    /// Writes all `bytes`.
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>>;
}

/// Calls `$function::<P>($argument, ..)` for every peer, in the order of the reports.
macro_rules! for_each_peer {
    ($function:ident ( $($argument:expr),* $(,)? )) => {{
        $function::<crate::common::Wheelhouse>($($argument),*);
        $function::<crate::common::Tokio>($($argument),*);
        $function::<crate::common::Smol>($($argument),*);
        $function::<crate::common::Floor>($($argument),*);
    }};
}
pub(crate) use for_each_peer;

/// Calls `$function::<P>($argument, ..)` for the peer of that name.
macro_rules! for_the_peer {
    ($name:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        match $name {
            "wheelhouse" => $function::<crate::common::Wheelhouse>($($argument),*),
            "tokio" => $function::<crate::common::Tokio>($($argument),*),
            "smol" => $function::<crate::common::Smol>($($argument),*),
            "floor" => $function::<crate::common::Floor>($($argument),*),
            other => panic!("no peer is called {other:?}"),
        }
    };
}
pub(crate) use for_the_peer;

/// The names of the peers, in the order of the reports.
pub(crate) const PEERS: &[&str] = &["wheelhouse", "tokio", "smol", "floor"];
