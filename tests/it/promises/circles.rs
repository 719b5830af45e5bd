//! C28: no circle of awaits hangs in silence, with shields or without.
//!
//! What went wrong: a task awaited another one in a shield. That one dropped the first one's handle
//! when a timeout was up, and waited for it to end (C21), which it could not before the other
//! ended.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use crate::common::combinator::Combinator;
use crate::common::text_of;
use wheelhouse::{
    JoinHandle, Runtime, catch_cancel, finally, gather, shield, sleep, spawn, task_group, testing,
    timeout,
};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Longer than a circle takes that is broken; only a failing test waits for it.
const LIMIT: Duration = Duration::from_secs(60);

/// A place for the handle of a task that another one is to await.
type Slot = Rc<RefCell<Option<JoinHandle<()>>>>;

/// How a task awaits another one in a shield.
#[derive(Clone, Copy, Debug)]
enum Way {
    Directly,
    InAGather,
    InAGroup,
    InACleanUp,
    ByAnother,
    Combinator(Combinator),
}

impl Way {
    const ALL: [Self; 8] = [
        Self::Directly,
        Self::InAGather,
        Self::InAGroup,
        Self::InACleanUp,
        Self::ByAnother,
        Self::Combinator(Combinator::Join),
        Self::Combinator(Combinator::Select),
        Self::Combinator(Combinator::Unordered),
    ];

    async fn awaits(self, other: JoinHandle<()>) {
        match self {
            Self::Directly => drop(shield(other).await),
            Self::InAGather => drop(shield(gather((other, async {}))).await),
            Self::InAGroup => {
                let group = task_group(async |g| {
                    g.spawn(async { drop(other.await) });
                });
                shield(group).await.unwrap();
            }
            Self::InACleanUp => finally(async {}, async { drop(other.await) }).await,
            Self::ByAnother => {
                let between = spawn(async { drop(other.await) });
                drop(shield(between).await);
            }
            Self::Combinator(combinator) => drop(shield(combinator.around(other)).await),
        }
    }
}

/// What drops the handle of the first task.
async fn gives_up(first: JoinHandle<()>, late: bool) {
    if late {
        drop(catch_cancel(timeout(ms(10), first)).await)
    } else {
        timeout(ms(10), first).await.map(drop).unwrap_or_default()
    }
}

/// A: awaits B in a shield; B: awaits A, with a timeout.
async fn circle(way: Way, late: bool) {
    let slot = Slot::default();
    let place = Rc::clone(&slot);
    let a = spawn(async move {
        let b = spawn(async move {
            let a = place.take().unwrap();
            gives_up(a, late).await;
        });
        way.awaits(b).await;
        sleep(ms(1)).await;
    });
    let first = a.cancel_handle();
    slot.replace(Some(a));
    let ended = timeout(LIMIT, async {
        while !first.is_finished() {
            sleep(ms(1)).await;
        }
    });
    assert!(ended.await.is_ok(), "{way:?}");
}

#[test]
fn c28_a_circle_through_a_shield_is_broken() {
    for late in [false, true] {
        for way in Way::ALL {
            testing::run(circle(way, late));
        }
    }
}

/// Wall time: without a virtual clock, no record of awaits exists for a report.
#[test]
fn c28_a_circle_through_a_shield_is_broken_in_real_time_with_third_party_combinators_too() {
    for way in Way::ALL {
        Runtime::new().unwrap().block_on(circle(way, false));
    }
}

#[test]
fn c28_a_circle_that_is_closed_later_is_broken() {
    testing::run(async {
        let slot = Slot::default();
        let place = Rc::clone(&slot);
        let a = spawn(async move {
            let b = spawn(async move { gives_up(place.take().unwrap(), false).await });
            // Told at 10 ms, it awaits the other one only at 20.
            shield(async {
                sleep(ms(20)).await;
                drop(b.await);
            })
            .await;
        });
        let stop = a.cancel_handle();
        slot.replace(Some(a));
        sleep(ms(50)).await;
        assert!(stop.is_finished());
    });
}

#[test]
fn c28_a_circle_whose_last_link_is_made_by_a_third_task_is_broken() {
    testing::run(async {
        let slot = Slot::default();
        let place = Rc::clone(&slot);
        let a = spawn(async move {
            let b = spawn(async move { gives_up(place.take().unwrap(), false).await });
            let between = spawn(async {
                sleep(ms(20)).await;
                drop(b.await);
            });
            drop(shield(between).await);
        });
        let stop = a.cancel_handle();
        slot.replace(Some(a));
        sleep(ms(50)).await;
        assert!(stop.is_finished());
    });
}

#[test]
fn c28_a_task_that_is_delayed_and_in_no_circle_is_waited_for() {
    testing::run(async {
        let a = spawn(async {
            let other = spawn(sleep(ms(30)));
            drop(shield(other).await);
        });
        let stop = a.cancel_handle();
        timeout(ms(10), a).await.unwrap_err();
        assert!(stop.is_finished(), "C21");
    });
}

#[test]
fn c28_a_circle_without_a_cancellation_is_reported() {
    let report = std::panic::catch_unwind(AssertUnwindSafe(|| {
        testing::run(async {
            let slot = Slot::default();
            let place = Rc::clone(&slot);
            let a = spawn(async move { drop(shield(place.take().unwrap()).await) });
            let b = spawn(async move { drop(shield(a).await) });
            slot.replace(Some(b));
            std::future::pending::<()>().await;
        });
    }));
    let text = text_of(&*report.unwrap_err()).to_owned();
    assert!(text.contains("In a cycle:"), "{text}");
}
