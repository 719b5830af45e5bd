//! How criterion measures here: short, without plots, so that the whole set stays within minutes.

use super::{Peer, work};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use std::rc::Rc;
use std::time::Duration;

/// Criterion with this house's times; the command line may still change them.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1000))
        .sample_size(30)
        .nresamples(2000)
        .configure_from_args()
}

/// A group for one workload, of which one iteration is `operations` operations.
pub(crate) fn group<'c>(
    c: &'c mut Criterion,
    workload: &str,
    operations: u64,
) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(workload);
    group.throughput(Throughput::Elements(operations));
    group
}

/// One workload on one peer, by the CPU time of its thread; one iteration is `operations` operations.
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

/// The same for a workload of which a single iteration takes long.
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
