//! How late sleeps end, and the CPU time of waiting.

mod common;

use common::cpu::{self, micros, percentile};
use common::program::{self, Figure, Order, figure};
use common::work::{Countdown, durations};
use common::{PEERS, Peer, for_the_peer};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Sleeps and returns how much longer it took.
async fn lateness<P: Peer>(length: Duration) -> Duration {
    let began = Instant::now();
    P::sleep(length).await;
    let took = began.elapsed();
    took.checked_sub(length).expect("no sleep ends early")
}

/// The median and the 99th percentile of `late`.
fn percentiles(workload: &str, mut late: Vec<Duration>) -> Vec<Figure> {
    late.sort_unstable();
    vec![
        figure(workload, "p50_us", micros(percentile(&late, 50))),
        figure(workload, "p99_us", micros(percentile(&late, 99))),
    ]
}

/// Many tasks that sleep until times within the same half second. It begins when all tasks were
/// spawned and polled once, so the lateness does not include the spawns, but the CPU time does.
async fn crowd<P: Peer>(peer: &P, count: usize) -> Vec<Figure> {
    let late = Rc::new(RefCell::new(Vec::with_capacity(count)));
    let done = Rc::new(Countdown::new(count));
    let used = cpu::of_process();
    let start = Instant::now() + Duration::from_millis(400);
    for length in durations(Duration::from_millis(500)).take(count) {
        let (late, done) = (Rc::clone(&late), Rc::clone(&done));
        peer.detach(async move {
            let end = start + length;
            let left = end.checked_duration_since(Instant::now());
            P::sleep(left.expect("spawning is done before the first is due")).await;
            late.borrow_mut().push(end.elapsed());
            done.arrive();
        });
    }
    done.wait().await;
    let used = cpu::of_process() - used;
    let mut figures = percentiles("sleep_crowd_100000", late.take());
    figures.push(figure("sleep_crowd_100000", "cpu_ms", micros(used) / 1e3));
    figures
}

/// One sleep at a time, in an idle runtime.
async fn lone<P: Peer>(workload: &str, length: Duration, count: usize) -> Vec<Figure> {
    let mut late = Vec::with_capacity(count);
    for _ in 0..count {
        late.push(lateness::<P>(length).await);
    }
    percentiles(workload, late)
}

/// Ten thousand tasks that sleep for longer than the three seconds of the measurement.
async fn idle<P: Peer>(peer: &P, watched: Duration) -> Vec<Figure> {
    for _ in 0..10_000 {
        peer.detach(async { P::sleep(Duration::from_secs(3600)).await });
    }
    P::sleep(Duration::from_millis(300)).await;
    let began = cpu::of_process();
    P::sleep(watched).await;
    let used = cpu::of_process() - began;
    vec![figure(
        "idle_10000_sleepers_3s",
        "cpu_ms",
        micros(used) / 1e3,
    )]
}

fn measure_one<P: Peer>(order: &Order) -> Vec<Figure> {
    let peer = P::new();
    let share = if order.smoke { 100 } else { 1 };
    let lone = |name, length, count: usize| peer.block_on(lone::<P>(name, length, count / share));
    let millis = Duration::from_millis;
    match order.case.as_str() {
        "crowd" => peer.block_on(crowd(&peer, 100_000 / share)),
        "lone_100us" => lone("sleep_lone_100us", millis(1) / 10, 2000),
        "lone_1ms" => lone("sleep_lone_1ms", millis(1), 1000),
        "lone_5ms" => lone("sleep_lone_5ms", millis(5), 300),
        "idle" => peer.block_on(idle(&peer, millis(3000) / share as u32)),
        other => panic!("no case is called {other:?}"),
    }
}

fn measure(order: &Order) -> Vec<Figure> {
    for_the_peer!(order.peer.as_str(), measure_one(order))
}

fn main() {
    let cases = ["crowd", "lone_100us", "lone_1ms", "lone_5ms", "idle"];
    program::main("lateness", PEERS, &cases, measure);
}
