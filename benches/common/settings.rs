//! How criterion measures here: short, without plots, so that the whole set stays within minutes.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
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
