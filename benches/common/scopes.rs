//! Cancellation and groups of each peer, and their workloads. `smol` has neither timeouts nor
//! groups, so a race with a timer and `FuturesUnordered` are used, as its users do.

use super::work::YieldOnce;
use super::{Peer, Smol, Tokio, Wheelhouse};
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use std::future::{Future, pending};
use std::hint::black_box;
use std::pin::pin;
use std::time::Duration;

/// Longer than any bench.
const LONG: Duration = Duration::from_secs(60);

/// A peer with cancellation, timeouts and groups.
pub(crate) trait ScopePeer: Peer {
    /// Runs `future` with a time limit.
    fn timeout<F: Future>(limit: Duration, future: F) -> impl Future<Output = Option<F::Output>>;
    /// Spawns a task that waits forever, lets it begin, cancels it and waits until it has ended.
    fn spawn_and_cancel(&self) -> impl Future<Output = ()>;
    /// Runs a group of `count` children that yield once.
    fn group(&self, count: usize) -> impl Future<Output = usize>;
}

/// The future of a child.
async fn child(number: usize) -> usize {
    YieldOnce::default().await;
    black_box(number)
}

impl ScopePeer for Wheelhouse {
    async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
        wheelhouse::timeout(limit, future).await.ok()
    }

    async fn spawn_and_cancel(&self) {
        let task = wheelhouse::spawn(pending::<()>());
        wheelhouse::yield_now().await;
        assert!(task.cancel_and_wait().await.is_err());
    }

    async fn group(&self, count: usize) -> usize {
        let sum = std::cell::Cell::new(0);
        let done = wheelhouse::task_group(async |g| {
            for number in 0..count {
                let sum = &sum;
                g.spawn(async move {
                    let number = child(number).await;
                    sum.set(sum.get() + number);
                });
            }
        });
        done.await.expect("no child fails");
        sum.get()
    }
}

impl ScopePeer for Tokio {
    async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
        tokio::time::timeout(limit, future).await.ok()
    }

    async fn spawn_and_cancel(&self) {
        let task = tokio::task::spawn_local(pending::<()>());
        YieldOnce::default().await;
        task.abort();
        assert!(task.await.is_err());
    }

    async fn group(&self, count: usize) -> usize {
        let mut set = tokio::task::JoinSet::new();
        for number in 0..count {
            set.spawn_local(child(number));
        }
        let mut sum = 0;
        while let Some(number) = set.join_next().await {
            sum += number.expect("no child fails");
        }
        sum
    }
}

impl ScopePeer for Smol {
    async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
        match select(pin!(future), Self::sleep(limit)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }

    async fn spawn_and_cancel(&self) {
        let task = self.spawn(pending::<()>());
        YieldOnce::default().await;
        assert!(task.cancel().await.is_none());
    }

    async fn group(&self, count: usize) -> usize {
        let mut set: FuturesUnordered<_> = (0..count).map(child).collect();
        let mut sum = 0;
        while let Some(number) = set.next().await {
            sum += number;
        }
        sum
    }
}

/// Runs a timeout around a ready future; `rounds` times.
pub(crate) async fn timeout_ready<P: ScopePeer>(_: &P, rounds: u64) {
    P::unbudgeted(async {
        for round in 0..rounds {
            assert_eq!(
                P::timeout(LONG, async { black_box(round) }).await,
                Some(round)
            );
        }
    })
    .await;
}

/// Runs a timeout around a future that waits once; `rounds` times.
pub(crate) async fn timeout_waiting<P: ScopePeer>(_: &P, rounds: u64) {
    for _ in 0..rounds {
        assert!(P::timeout(LONG, YieldOnce::default()).await.is_some());
    }
}

/// Spawns and cancels a task; `rounds` times.
pub(crate) async fn cancels<P: ScopePeer>(peer: &P, rounds: u64) {
    for _ in 0..rounds {
        peer.spawn_and_cancel().await;
    }
}

/// Runs a group of `count`; `rounds` times.
pub(crate) async fn groups<P: ScopePeer>(peer: &P, count: usize, rounds: u64) {
    for _ in 0..rounds {
        assert_eq!(peer.group(count).await, count * (count - 1) / 2);
    }
}

/// Creates a sleep inside a catch point, polls it once and drops it; `rounds` times. Only this
/// crate has catch points.
pub(crate) async fn catch_sleep(rounds: u64) {
    let work = std::future::poll_fn(|cx| {
        for n in 0..rounds {
            let length = Duration::from_millis(1000 + n * 7919 % 60_000);
            let caught = pin!(wheelhouse::catch_cancel(wheelhouse::sleep(length)));
            assert!(caught.poll(cx).is_pending());
        }
        std::task::Poll::Ready(())
    });
    work.await;
}
