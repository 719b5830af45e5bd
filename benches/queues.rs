//! Queues and oneshots: without waits, between two tasks, and between many.

mod common;

use common::queues::{self, QueuePeer};
use common::settings::measure;
use common::{Smol, Tokio, Wheelhouse, settings};
use criterion::Criterion;

/// The number of producers in the workloads with many.
const CROWD: usize = 100;

fn all<P: QueuePeer>(c: &mut Criterion) {
    measure::<P>(c, "queue_free", 1, async |_, rounds| {
        queues::free::<P>(rounds).await
    });
    measure::<P>(c, "queue_1_of_16", 1, async |peer, rounds| {
        queues::throughput(peer, 1, 16, rounds).await
    });
    measure::<P>(c, "queue_1_of_1", 1, async |peer, rounds| {
        queues::throughput(peer, 1, 1, rounds).await
    });
    measure::<P>(c, "queue_100_of_16", CROWD, async |peer, rounds| {
        queues::throughput(peer, CROWD, 16, rounds).await
    });
    measure::<P>(c, "oneshot", 1, async |_, rounds| {
        queues::oneshot::<P>(rounds).await
    });
}

fn main() {
    let c = &mut settings::criterion();
    all::<Wheelhouse>(c);
    all::<Tokio>(c);
    all::<Smol>(c);
    c.final_summary();
}
