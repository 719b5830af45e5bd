//! How to test code that uses time and tasks: without waiting, and with reproducible results.
//!
//! `cargo test --example deterministic_test` runs the tests at the end of this file.
//! `cargo run --example deterministic_test` shows what the tests see.
//!
//! asyncio has no virtual clock and no seeded task order; tests patch `asyncio.sleep` instead.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::{Duration, Instant};
use wheelhouse::testing::{self, Trace};
use wheelhouse::{gather, sleep, time, yield_now};

// ---- The code under test. ----

/// Calls `attempt` until it returns a value. The pauses double, from 1 s to 5 minutes.
async fn with_retries<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let mut pause = Duration::from_secs(1);
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        sleep(pause).await;
        pause = (2 * pause).min(Duration::from_secs(300));
    }
}

/// A shop with a number of seats.
struct Shop {
    seats: Cell<u32>,
    sold: RefCell<Vec<&'static str>>,
}

impl Shop {
    fn new(seats: u32) -> Self {
        Self {
            seats: Cell::new(seats),
            sold: RefCell::default(),
        }
    }

    /// Sells a seat, with a mistake: between the check and the sale, other tasks may run.
    async fn sell_wrongly(&self, buyer: &'static str) {
        if self.seats.get() > 0 {
            yield_now().await; // the payment
            self.sold.borrow_mut().push(buyer);
            self.seats.set(self.seats.get().saturating_sub(1));
        }
    }

    /// Sells a seat. It is taken before another task may run.
    async fn sell(&self, buyer: &'static str) {
        if self.seats.get() > 0 {
            self.seats.set(self.seats.get() - 1);
            yield_now().await;
            self.sold.borrow_mut().push(buyer);
        }
    }
}

// ---- The scenarios that the tests and the tour use. ----

/// A service is down for an hour, and a client tries until it is back. Returns the trace.
async fn an_hour_of_retries() -> Trace {
    let trace = Trace::new();
    let back = time::now() + Duration::from_secs(3600);
    with_retries(async || {
        let up = time::now() >= back;
        trace.note(if up { "answer" } else { "no answer" });
        up.then_some(())
    })
    .await;
    trace
}

/// Two buyers want one seat. In the usual order of the tasks, the second one comes after the first
/// has bought it.
async fn one_seat_two_buyers(wrongly: bool) {
    let shop = Rc::new(Shop::new(1));
    let buy = |buyer: &'static str, turns: usize| {
        let shop = Rc::clone(&shop);
        wheelhouse::spawn(async move {
            for _ in 0..turns {
                yield_now().await;
            }
            if wrongly {
                shop.sell_wrongly(buyer).await
            } else {
                shop.sell(buyer).await
            }
        })
    };
    let (ann, bob) = gather((buy("Ann", 0), buy("Bob", 3))).await;
    ann.and(bob).expect("nobody is cancelled");
    let sold = shop.sold.borrow();
    assert!(
        sold.len() == 1,
        "one seat was sold to {}",
        sold.join(" and ")
    );
}

// ---- The tour. ----

fn main() {
    println!("1. A service is down for an hour; the client tries again after 1 s, 2 s, 4 s …");
    let start = Instant::now();
    let trace = testing::run(an_hour_of_retries());
    let took = start.elapsed();
    print!("{trace}");
    println!("   The clock was virtual: this took {took:?}.\n");

    println!(
        "2. Two buyers want one seat, and the shop has a mistake that shows only in some task orders."
    );
    testing::run(one_seat_two_buyers(true));
    println!("   In the usual order it passes.");
    // In a test, the panic would fail the test. Here its message is printed.
    panic::set_hook(Box::new(|_| ()));
    let explored = panic::catch_unwind(AssertUnwindSafe(|| {
        testing::explore(0..1000, || one_seat_two_buyers(true));
    }));
    let text = explored
        .expect_err("the mistake is found")
        .downcast::<String>();
    let text = text.expect("the panic has a message");
    println!("   With seeds 0 to 999:\n\n{text}\n");
    let schedule = text
        .split('"')
        .nth(1)
        .expect("the message contains a schedule");
    let again = || testing::replay(schedule, || one_seat_two_buyers(true));
    let replayed = panic::catch_unwind(AssertUnwindSafe(again));
    println!("   Replayed, it fails again: {}.", replayed.is_err());
    testing::explore(0..1000, || one_seat_two_buyers(false));
    println!("   Without the mistake, all thousand seeds pass.");
}

// ---- The tests. ----

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_double_up_to_five_minutes() {
        let notes = testing::run(an_hour_of_retries()).take_timed();
        let times: Vec<_> = notes.iter().map(|(at, _)| at.as_secs()).collect();
        assert_eq!(times[..10], [0, 1, 3, 7, 15, 31, 63, 127, 255, 511]);
        assert!(times[10..].windows(2).all(|pair| pair[1] - pair[0] == 300));
        assert_eq!(notes.last().map(|(_, name)| name.as_str()), Some("answer"));
    }

    #[test]
    fn a_seat_is_sold_once_in_every_order() {
        testing::explore(0..1000, || one_seat_two_buyers(false));
    }

    #[test]
    #[should_panic(expected = "one seat was sold to")]
    fn the_mistake_is_found() {
        testing::explore(0..1000, || one_seat_two_buyers(true));
    }

    #[test]
    fn a_client_that_is_cancelled_while_it_waits_leaves_nothing_behind() {
        let steps = testing::cancel_at_every_step(|| async {
            let back = time::now() + Duration::from_secs(10);
            with_retries(async || (time::now() >= back).then_some(())).await;
        });
        assert_eq!(steps, 4, "one for each pause");
    }
}
