//! Cancellation, timeouts, catch points and groups.

mod common;

use common::scopes::{self, ScopePeer};
use common::settings::{long_group, measure};
use common::{Smol, Tokio, Wheelhouse, settings, work};
use criterion::Criterion;
use std::rc::Rc;

/// The number of children of a group.
const CHILDREN: usize = 1000;

fn all<P: ScopePeer>(c: &mut Criterion) {
    measure::<P>(c, "timeout_ready", 1, async |peer, rounds| {
        scopes::timeout_ready(peer, rounds).await
    });
    measure::<P>(c, "timeout_waiting", 1, async |peer, rounds| {
        scopes::timeout_waiting(peer, rounds).await
    });
    measure::<P>(c, "cancel_suspended", 1, async |peer, rounds| {
        scopes::cancels(peer, rounds).await
    });
    let mut group = long_group(c, "group_1000", CHILDREN as u64);
    let peer = Rc::new(P::new());
    group.bench_function(P::NAME, |b| {
        b.iter_custom(|rounds| {
            work::time(&peer, async move |root| {
                scopes::groups(&*root, CHILDREN, rounds).await
            })
        });
    });
    group.finish();
}

fn main() {
    let c = &mut settings::criterion();
    all::<Wheelhouse>(c);
    all::<Tokio>(c);
    all::<Smol>(c);
    measure::<Wheelhouse>(c, "catch_sleep", 1, async |_, rounds| {
        scopes::catch_sleep(rounds).await
    });
    c.final_summary();
}
