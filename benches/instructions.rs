//! User-space instructions per operation, which vary less than times. Each workload runs under
//! `valgrind --tool=callgrind` at one length and at twice that length; the difference is divided by
//! the operations.

mod common;

use common::program::{self, smoke};
use common::queues::{self, QueuePeer};
use common::scopes::{self, ScopePeer};
use common::sync::{self, SyncPeer};
use common::{PEERS, Peer, Smol, Tokio, Wheelhouse, for_the_peer, work};
use std::env;
use std::fmt::Write;
use std::process::{Command, Stdio};
use std::rc::Rc;

/// The workloads: name, rounds of the shorter run, operations in a round.
const WORKLOADS: &[(&str, u64, u64)] = &[
    ("spawn_join_1000", 20, 1000),
    ("spawn_join_1", 20_000, 1),
    ("spawn_detached_burst", 1, 20_000),
    ("yield_1", 20_000, 1),
    ("yield_1000", 20, 1000),
    ("ping_pong", 20_000, 1),
    ("gather_yield_10000", 2, 10_000),
    ("gather_handles_1000", 10, 1000),
    ("gather_handles_10000", 1, 10_000),
    ("sleep_drop", 20_000, 1),
];

/// The workloads about scopes. Not every peer has them.
const SCOPED: &[(&str, u64, u64)] = &[
    ("timeout_ready", 20_000, 1),
    ("timeout_waiting", 20_000, 1),
    ("cancel_suspended", 10_000, 1),
    ("group_1000", 10, 1000),
    ("catch_sleep", 20_000, 1),
];

/// The workloads about locks. Every peer with scopes has them.
const SYNC: &[(&str, u64, u64)] = &[
    ("lock_free", 20_000, 1),
    ("lock_handed", 20_000, 1),
    ("lock_tasks", 50, 100),
    ("semaphore_free", 20_000, 1),
    ("semaphore_tasks", 50, 100),
    ("event_100", 200, 100),
];

/// The workloads about queues.
const QUEUES: &[(&str, u64, u64)] = &[
    ("queue_free", 20_000, 1),
    ("queue_1_of_16", 20_000, 1),
    ("queue_1_of_1", 20_000, 1),
    ("queue_100_of_16", 200, 100),
    ("oneshot", 20_000, 1),
];

/// The peers that have scopes, or a replacement that their users write.
const SCOPE_PEERS: &[&str] = &["wheelhouse", "tokio", "smol"];

/// Does `rounds` of one workload about scopes on one peer.
fn scoped_once<P: ScopePeer>(workload: &str, rounds: u64) {
    let workload = workload.to_owned();
    work::drive(&Rc::new(P::new()), async move |peer| {
        match workload.as_str() {
            "timeout_ready" => scopes::timeout_ready(&*peer, rounds).await,
            "timeout_waiting" => scopes::timeout_waiting(&*peer, rounds).await,
            "cancel_suspended" => scopes::cancels(&*peer, rounds).await,
            "group_1000" => scopes::groups(&*peer, 1000, rounds).await,
            "catch_sleep" => scopes::catch_sleep(rounds).await,
            other => panic!("no workload is called {other:?}"),
        }
    });
}

/// Does `rounds` of one workload about locks on one peer.
fn sync_once<P: SyncPeer>(workload: &str, rounds: u64) {
    let workload = workload.to_owned();
    work::drive(&Rc::new(P::new()), async move |peer| {
        match workload.as_str() {
            "lock_free" => sync::lock_free::<P>(rounds).await,
            "lock_handed" => sync::lock_handed::<P>(rounds).await,
            "lock_tasks" => sync::lock_tasks(&*peer, 100, rounds).await,
            "semaphore_free" => sync::semaphore_free::<P>(rounds).await,
            "semaphore_tasks" => sync::semaphore_tasks(&*peer, 100, rounds).await,
            "event_100" => sync::event::<P>(100, rounds).await,
            other => panic!("no workload is called {other:?}"),
        }
    });
}

/// Does `rounds` of one workload about queues on one peer.
fn queues_once<P: QueuePeer>(workload: &str, rounds: u64) {
    let workload = workload.to_owned();
    work::drive(&Rc::new(P::new()), async move |peer| {
        match workload.as_str() {
            "queue_free" => queues::free::<P>(rounds).await,
            "queue_1_of_16" => queues::throughput(&*peer, 1, 16, rounds).await,
            "queue_1_of_1" => queues::throughput(&*peer, 1, 1, rounds).await,
            "queue_100_of_16" => queues::throughput(&*peer, 100, 16, rounds).await,
            "oneshot" => queues::oneshot::<P>(rounds).await,
            other => panic!("no workload is called {other:?}"),
        }
    });
}

/// Does `rounds` of a workload that only the peers with scopes have.
fn special_once<P: ScopePeer + SyncPeer + QueuePeer>(workload: &str, rounds: u64) {
    let is_in = |list: &[(&str, u64, u64)]| list.iter().any(|(name, ..)| *name == workload);
    match (is_in(SYNC), is_in(QUEUES)) {
        (true, _) => sync_once::<P>(workload, rounds),
        (_, true) => queues_once::<P>(workload, rounds),
        _ => scoped_once::<P>(workload, rounds),
    }
}

/// Does `rounds` of any workload on the peer of that name.
fn once(workload: &str, peer: &str, rounds: u64) {
    if SCOPED
        .iter()
        .chain(SYNC)
        .chain(QUEUES)
        .any(|(name, ..)| *name == workload)
    {
        match peer {
            "wheelhouse" => special_once::<Wheelhouse>(workload, rounds),
            "tokio" => special_once::<Tokio>(workload, rounds),
            "smol" => special_once::<Smol>(workload, rounds),
            other => panic!("{other:?} has neither scopes nor locks nor queues"),
        }
    } else {
        for_the_peer!(peer, work_once(workload, rounds))
    }
}

/// Every workload with every peer that has it: name, rounds of the shorter run, operations in a
/// round, peer.
fn cases() -> impl Iterator<Item = (&'static str, u64, u64, &'static str)> {
    let with = |list: &'static [(&'static str, u64, u64)], peers: &'static [&'static str]| {
        list.iter().flat_map(move |&(name, rounds, operations)| {
            peers
                .iter()
                .map(move |&peer| (name, rounds, operations, peer))
        })
    };
    let ours_only = |name: &str, peer: &str| name != "catch_sleep" || peer == "wheelhouse";
    let scoped = with(SCOPED, SCOPE_PEERS).filter(move |case| ours_only(case.0, case.3));
    with(WORKLOADS, PEERS)
        .chain(scoped)
        .chain(with(SYNC, SCOPE_PEERS))
        .chain(with(QUEUES, SCOPE_PEERS))
}

/// Does `rounds` of one workload on one peer.
fn work_once<P: Peer>(workload: &str, rounds: u64) {
    let workload = workload.to_owned();
    work::drive(&Rc::new(P::new()), async move |peer| {
        match workload.as_str() {
            "spawn_join_1000" => work::spawn_join(&*peer, 1000, rounds).await,
            "spawn_join_1" => work::spawn_join_one(&*peer, rounds).await,
            "spawn_detached_burst" => work::detached_burst(&*peer, 20_000, rounds).await,
            "yield_1" => work::yields(&*peer, 1, rounds).await,
            "yield_1000" => work::yields(&*peer, 1000, rounds).await,
            "ping_pong" => work::ping_pong(&*peer, rounds).await,
            "gather_yield_10000" => work::gather_yields(&*peer, 10_000, rounds).await,
            "gather_handles_1000" => work::gather_handles(&*peer, 1000, rounds).await,
            "gather_handles_10000" => work::gather_handles(&*peer, 10_000, rounds).await,
            "sleep_drop" => work::sleep_drop(&*peer, rounds).await,
            other => panic!("no workload is called {other:?}"),
        }
    });
}

/// Counts the instructions of one run.
fn count(workload: &str, peer: &str, rounds: u64) -> u64 {
    let this = env::current_exe().expect("the program has a path");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command
        .arg(this)
        .args(["--one", workload, peer, &rounds.to_string()]);
    let output = command.output().expect("valgrind starts");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{workload}/{peer}: {report}");
    let line = report.lines().find(|line| line.contains("Collected :"));
    let number = line.and_then(|line| line.rsplit(' ').next());
    number
        .and_then(|word| word.parse().ok())
        .expect("callgrind counts")
}

/// Measures every workload on every peer that the command line does not leave out.
fn measure_all() {
    let filters = program::filters();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|word| name.contains(word));
    let mut lines = String::new();
    for (workload, rounds, operations, peer) in cases() {
        if !wanted(&format!("{workload}/{peer}")) {
            continue;
        }
        let (short, long) = (
            count(workload, peer, rounds),
            count(workload, peer, 2 * rounds),
        );
        let each = (long - short) as f64 / (rounds * operations) as f64;
        println!("{workload}/{peer}: {each:.0} instructions");
        writeln!(
            lines,
            "{{\"program\":\"instructions\",\"workload\":\"{workload}\",\"peer\":\"{peer}\",\
             \"metric\":\"instructions\",\"value\":{each:.1}}}"
        )
        .expect("a string takes all");
    }
    program::keep("instructions", &lines);
}

/// Whether valgrind can be run.
fn valgrind() -> bool {
    let mut command = Command::new("valgrind");
    command.arg("--version").stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn main() {
    if env::args().any(|argument| argument == "--one") {
        let words = program::filters();
        let [workload, peer, rounds] = &words[..] else {
            panic!("--one takes a workload, a peer and rounds");
        };
        let rounds = rounds.parse().expect("a number");
        once(workload, peer, rounds);
    } else if smoke() {
        cases().for_each(|(workload, .., peer)| once(workload, peer, 1));
    } else if valgrind() {
        measure_all();
    } else {
        println!(
            "instructions: valgrind is not installed (`.ci/tools` installs it), nothing measured"
        );
    }
}
