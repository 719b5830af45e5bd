//! Sleeps that are dropped, with few and with a million others outstanding, and sleeps that end.

mod common;

use common::settings::{group, long_group};
use common::{Peer, cpu, for_each_peer, settings, work};
use criterion::{Bencher, Criterion};
use std::rc::Rc;
use std::time::Duration;

/// The number of outstanding sleeps in the crowded cases.
const CROWD: usize = 1_000_000;
/// The number of sleeps that end.
const FIRING: usize = 100_000;

fn measure_drops<P: Peer>(b: &mut Bencher<'_>, peer: &Rc<P>) {
    b.iter_custom(|rounds| {
        work::time(peer, async move |root| {
            work::sleep_drop(&*root, rounds).await
        })
    });
}

fn sleep_drop<P: Peer>(c: &mut Criterion) {
    let mut group = group(c, "sleep_drop", 1);
    let peer = Rc::new(P::new());
    group.bench_function(P::NAME, |b| measure_drops(b, &peer));
    group.finish();
}

fn sleep_drop_crowded<P: Peer>(c: &mut Criterion) {
    if P::NAME == "floor" {
        return; // A heap that is swept now and then has no figure of its own here.
    }
    let mut group = group(c, "sleep_drop_crowded", 1);
    group.bench_function(P::NAME, |b| {
        let peer = Rc::new(P::new());
        let crowd = peer.block_on(work::sleepers::<P>(CROWD));
        measure_drops(b, &peer);
        peer.block_on(async { drop(crowd) });
    });
    group.finish();
}

fn sleep_setup<P: Peer>(c: &mut Criterion) {
    let mut group = long_group(c, "sleep_setup_million", CROWD as u64);
    let peer = Rc::new(P::new());
    group.bench_function(P::NAME, |b| {
        b.iter_custom(|rounds| {
            work::drive(&peer, async move |_| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let began = cpu::of_thread();
                    let crowd = work::sleepers::<P>(CROWD).await;
                    took += cpu::of_thread() - began;
                    drop(crowd);
                }
                took
            })
        });
    });
    group.finish();
}

/// Measures CPU time, since the wall time would mostly be that of the sleeps.
fn sleep_fire<P: Peer>(c: &mut Criterion) {
    let mut group = long_group(c, "sleep_fire_100000_cpu", FIRING as u64);
    let peer = Rc::new(P::new());
    group.bench_function(P::NAME, |b| {
        b.iter_custom(|rounds| {
            work::drive(&peer, async move |root| {
                let began = cpu::of_process();
                for _ in 0..rounds {
                    work::sleeps_that_fire(&*root, FIRING, Duration::from_millis(50)).await;
                }
                cpu::of_process() - began
            })
        });
    });
    group.finish();
}

fn main() {
    let c = &mut settings::criterion();
    for_each_peer!(sleep_drop(c));
    for_each_peer!(sleep_drop_crowded(c));
    for_each_peer!(sleep_setup(c));
    for_each_peer!(sleep_fire(c));
    c.final_summary();
}
