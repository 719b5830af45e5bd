//! Spawning, awaiting, yielding and waking on one thread.

mod common;

use common::settings::{group, long_group};
use common::{Peer, for_each_peer, settings, work};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use std::rc::Rc;

/// The number of detached tasks in a burst.
const BURST: usize = 1_000_000;

/// Measures a workload that takes a number of rounds.
fn measure<P: Peer>(
    mut group: BenchmarkGroup<'_, WallTime>,
    work: impl AsyncFn(Rc<P>, u64) + Copy + 'static,
) {
    let peer = Rc::new(P::new());
    group.bench_function(P::NAME, |b| {
        b.iter_custom(|rounds| work::time(&peer, async move |root| work(root, rounds).await));
    });
    group.finish();
}

fn spawn_join<P: Peer>(c: &mut Criterion, batch: usize) {
    let group = group(c, &format!("spawn_join_{batch}"), batch as u64);
    measure(group, async move |peer: Rc<P>, rounds| {
        work::spawn_join(&*peer, batch, rounds).await
    });
}

fn spawn_join_one<P: Peer>(c: &mut Criterion) {
    let group = group(c, "spawn_join_1", 1);
    measure(group, async |peer: Rc<P>, rounds| {
        work::spawn_join_one(&*peer, rounds).await
    });
}

fn spawn_detached<P: Peer>(c: &mut Criterion) {
    let group = long_group(c, "spawn_detached_burst", BURST as u64);
    measure(group, async |peer: Rc<P>, rounds| {
        work::detached_burst(&*peer, BURST, rounds).await
    });
}

fn yields<P: Peer>(c: &mut Criterion, tasks: usize) {
    let group = group(c, &format!("yield_{tasks}"), tasks as u64);
    measure(group, async move |peer: Rc<P>, rounds| {
        work::yields(&*peer, tasks, rounds).await
    });
}

fn ping_pong<P: Peer>(c: &mut Criterion) {
    let group = group(c, "ping_pong", 1);
    measure(group, async |peer: Rc<P>, rounds| {
        work::ping_pong(&*peer, rounds).await
    });
}

fn main() {
    let c = &mut settings::criterion();
    for_each_peer!(spawn_join(c, 1000));
    for_each_peer!(spawn_join_one(c));
    for_each_peer!(spawn_detached(c));
    for tasks in [1, 1000] {
        for_each_peer!(yields(c, tasks));
    }
    for_each_peer!(ping_pong(c));
    c.final_summary();
}
