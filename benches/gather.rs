//! Many futures, or many join handles, awaited by one task. The peers use `join_all`.

mod common;

use common::settings::{group, long_group};
use common::{Peer, for_each_peer, settings, work};
use criterion::Criterion;
use std::rc::Rc;

fn gather_yields<P: Peer>(c: &mut Criterion, count: usize) {
    let mut group = group(c, &format!("gather_yield_{count}"), count as u64);
    let peer = Rc::new(P::new());
    group.bench_function(P::NAME, |b| {
        b.iter_custom(|rounds| {
            work::time(&peer, async move |root| {
                work::gather_yields(&*root, count, rounds).await
            })
        });
    });
    group.finish();
}

fn gather_handles<P: Peer>(c: &mut Criterion, count: usize) {
    if count > 10_000 && P::NAME == "tokio" {
        return; // Its time grows with the square of the count: one round takes seconds.
    }
    let mut group = long_group(c, &format!("gather_handles_{count}"), count as u64);
    let peer = Rc::new(P::new());
    group.bench_function(P::NAME, |b| {
        b.iter_custom(|rounds| {
            work::time(&peer, async move |root| {
                work::gather_handles(&*root, count, rounds).await
            })
        });
    });
    group.finish();
}

fn main() {
    let c = &mut settings::criterion();
    for_each_peer!(gather_yields(c, 10_000));
    for count in [1000, 10_000, 100_000] {
        for_each_peer!(gather_handles(c, count));
    }
    c.final_summary();
}
