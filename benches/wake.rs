//! A wake from another thread: pass it a waker, sleep, and be woken.

mod common;

use common::{Peer, for_each_peer, settings, work};
use criterion::Criterion;
use std::rc::Rc;

fn round_trip<P: Peer>(c: &mut Criterion) {
    if P::NAME == "floor" {
        return; // Its wakers must stay on their thread.
    }
    let mut group = settings::group(c, "wake_from_thread", 1);
    let peer = Rc::new(P::new());
    group.bench_function(P::NAME, |b| {
        b.iter_custom(|rounds| {
            work::drive(&peer, async move |_| work::foreign_wakes(rounds).await)
        });
    });
    group.finish();
}

fn main() {
    let c = &mut settings::criterion();
    for_each_peer!(round_trip(c));
    c.final_summary();
}
