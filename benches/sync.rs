//! Locks, semaphores and events, without and with waiters.

mod common;

use common::settings::measure;
use common::sync::{self, SyncPeer};
use common::{Smol, Tokio, Wheelhouse, settings};
use criterion::Criterion;

/// The number of tasks that compete or wait.
const CROWD: usize = 100;

fn all<P: SyncPeer>(c: &mut Criterion) {
    measure::<P>(c, "lock_free", 1, async |_, rounds| {
        sync::lock_free::<P>(rounds).await
    });
    measure::<P>(c, "lock_handed", 1, async |_, rounds| {
        sync::lock_handed::<P>(rounds).await
    });
    measure::<P>(c, "lock_tasks", CROWD, async |peer, rounds| {
        sync::lock_tasks(peer, CROWD, rounds).await
    });
    measure::<P>(c, "semaphore_free", 1, async |_, rounds| {
        sync::semaphore_free::<P>(rounds).await
    });
    measure::<P>(c, "semaphore_tasks", CROWD, async |peer, rounds| {
        sync::semaphore_tasks(peer, CROWD, rounds).await
    });
    measure::<P>(c, "event_100", CROWD, async |_, rounds| {
        sync::event::<P>(CROWD, rounds).await
    });
}

fn main() {
    let c = &mut settings::criterion();
    all::<Wheelhouse>(c);
    all::<Tokio>(c);
    all::<Smol>(c);
    c.final_summary();
}
