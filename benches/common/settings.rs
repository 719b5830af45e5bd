//! The settings of criterion: short runs without plots, so that all benches take minutes.

use super::{Peer, work};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use std::rc::Rc;
use std::time::Duration;

/// Returns criterion with these settings, which the command line may change.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1000))
        .sample_size(30)
        .nresamples(2000)
        .configure_from_args()
}

/// Creates a group for one workload, whose iteration has `operations` operations.
pub(crate) fn group<'c>(
    c: &'c mut Criterion,
    workload: &str,
    operations: u64,
) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(workload);
    group.throughput(Throughput::Elements(operations));
    group
}

/// Measures the CPU time of one workload on one peer; an iteration has `operations` operations.
pub(crate) fn measure<P: Peer>(
    c: &mut Criterion,
    workload: &str,
    operations: usize,
    work: impl AsyncFn(&P, u64) + Copy + 'static,
) {
    let mut group = group(c, workload, operations as u64);
    let peer = Rc::new(P::new());
    group.bench_function(P::NAME, |b| {
        b.iter_custom(|rounds| work::time(&peer, async move |root| work(&*root, rounds).await));
    });
    group.finish();
}

/// The same for a workload with a long iteration.
pub(crate) fn long_group<'c>(
    c: &'c mut Criterion,
    workload: &str,
    operations: u64,
) -> BenchmarkGroup<'c, WallTime> {
    let mut group = group(c, workload, operations);
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(100));
    group
}
