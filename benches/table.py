#!/usr/bin/env python3
"""Prints what the benches measured as one Markdown table.

Reads criterion's estimates (medians) and the JSON lines of the measuring programs from the target
directory. `--check` ends with status 1 if a goal is missed by what was measured.
"""

import argparse
import json
import os
import pathlib
import sys

PEERS = ["wheelhouse", "tokio", "smol", "floor", "bare"]
OURS = "wheelhouse"

# Rows: title, source ("criterion" or "program/metric"), workload, unit, digits, goal.
# A goal is ("of", peer, ratio): at most that share of the peer's figure; ("most", value): at most that
# value; ("below", value): less than that value; None: no goal of its own.
NS = ("criterion", "ns", 1)
INSTRUCTIONS = ("instructions/instructions", "instr.", 0)


def pair(title, workload, time_goal, instructions_goal):
    """Two rows: the time and the instructions of one workload."""
    return [
        (title, *NS, workload, time_goal),
        (title, *INSTRUCTIONS, workload, instructions_goal),
    ]


ROWS = [
    *pair("spawn and await, 1,000 at a time", "spawn_join_1000", ("of", "tokio", 0.28), ("most", 450)),
    *pair("spawn and await, one at a time", "spawn_join_1", ("of", "tokio", 0.25), ("most", 550)),
    *pair("burst of detached spawns", "spawn_detached_burst", ("of", "tokio", 0.22), None),
    *pair("yield, 1,000 tasks", "yield_1000", ("of", "tokio", 0.45), ("most", 120)),
    *pair("yield, 1 task", "yield_1", ("of", "tokio", 0.45), ("most", 120)),
    *pair("ping-pong of two tasks", "ping_pong", ("of", "tokio", 0.5), ("most", 320)),
    *pair("gather of 10,000 futures that yield once", "gather_yield_10000", ("of", "tokio", 0.8), None),
    *pair("gather of 1,000 handles", "gather_handles_1000", None, None),
    *pair("gather of 10,000 handles", "gather_handles_10000", ("of", "tokio", 0.1), None),
    ("gather of 100,000 handles", *NS, "gather_handles_100000", None),
    *pair("sleep: create, poll, drop", "sleep_drop", ("of", "tokio", 0.2), ("most", 300)),
    ("the same over a million outstanding", *NS, "sleep_drop_crowded", ("of", "tokio", 1.0)),
    ("setting the million up, each", *NS, "sleep_setup_million", ("of", "tokio", 0.3)),
    ("100,000 sleeps that fire, CPU each", *NS, "sleep_fire_100000_cpu", None),
    *pair("timeout around a ready future", "timeout_ready", ("of", "tokio", 1.0), None),
    *pair("timeout around one that waits once", "timeout_waiting", ("of", "tokio", 1.0), None),
    *pair("spawn, suspend, cancel, await", "cancel_suspended", None, None),
    *pair("catch_cancel around a sleep, dropped", "catch_sleep", None, None),
    *pair("group of 1,000 children that yield once", "group_1000", ("of", "tokio", 1.0), None),
    *pair("lock, free", "lock_free", ("of", "tokio", 0.5), None),
    *pair("lock, handed over", "lock_handed", ("of", "tokio", 0.5), None),
    *pair("lock, 100 tasks that yield in it", "lock_tasks", ("of", "tokio", 1.0), None),
    *pair("semaphore, free", "semaphore_free", ("of", "tokio", 0.5), None),
    *pair("semaphore, 100 tasks, 10 permits", "semaphore_tasks", ("of", "tokio", 1.0), None),
    *pair("event, 100 waiters", "event_100", ("of", "tokio", 1.0), None),
    *pair("queue: put and get, no wait", "queue_free", ("of", "tokio", 0.5), None),
    *pair("queue for 16, 1 producer, an item", "queue_1_of_16", ("of", "tokio", 0.5), None),
    *pair("queue for 1, 1 producer, an item", "queue_1_of_1", ("of", "tokio", 1.0), None),
    *pair("queue for 16, 100 producers, an item", "queue_100_of_16", ("of", "tokio", 1.0), None),
    *pair("oneshot: make, wait, send, receive", "oneshot", ("of", "tokio", 0.5), None),
    ("wake from another thread and back", *NS, "wake_from_thread", None),
    ("TCP echo, 1 connection, a request", *NS, "echo_1", None),
    ("TCP echo, 100 connections", *NS, "echo_100", None),
    ("TCP echo, 1,000 connections", *NS, "echo_1000", None),
    ("server CPU a request, 1 connection", "echo_cpu/cpu_us", "µs", 1, "echo_1", ("of", "tokio", 1.0)),
    ("server CPU a request, 100", "echo_cpu/cpu_us", "µs", 1, "echo_100", ("of", "tokio", 1.0)),
    ("server CPU a request, 1,000", "echo_cpu/cpu_us", "µs", 1, "echo_1000", ("of", "tokio", 1.0)),
    ("100,000 sleep up to 500 ms: late, p50", "lateness/p50_us", "µs", 0, "sleep_crowd_100000", ("below", 60)),
    ("late, p99", "lateness/p99_us", "µs", 0, "sleep_crowd_100000", ("below", 1000)),
    ("CPU", "lateness/cpu_ms", "ms", 0, "sleep_crowd_100000", ("of", "tokio", 1.3)),
    ("lone sleep of 100 µs: late, p50", "lateness/p50_us", "µs", 0, "sleep_lone_100us", ("of", "smol", 1.0)),
    ("late, p99", "lateness/p99_us", "µs", 0, "sleep_lone_100us", ("of", "smol", 1.0)),
    ("lone sleep of 1 ms: late, p50", "lateness/p50_us", "µs", 0, "sleep_lone_1ms", ("of", "smol", 1.0)),
    ("late, p99", "lateness/p99_us", "µs", 0, "sleep_lone_1ms", ("of", "smol", 1.0)),
    ("lone sleep of 5 ms: late, p50", "lateness/p50_us", "µs", 0, "sleep_lone_5ms", ("of", "smol", 1.0)),
    ("late, p99", "lateness/p99_us", "µs", 0, "sleep_lone_5ms", ("of", "smol", 1.0)),
    ("10,000 sleepers: CPU in 3 s", "lateness/cpu_ms", "ms", 2, "idle_10000_sleepers_3s", ("of", "tokio", 1.0)),
    ("parked task: heap beyond its future", "footprint/heap_bytes", "bytes", 0, "parked_task", ("below", 100)),
    ("allocations", "footprint/allocations", "", 2, "parked_task", ("most", 1.05)),
    ("resident", "footprint/resident_bytes", "bytes", 0, "parked_task", ("below", 112)),
    ("sleeping task: heap beyond its data", "footprint/heap_bytes", "bytes", 0, "sleeping_task", ("below", 180)),
    ("allocations", "footprint/allocations", "", 2, "sleeping_task", ("most", 1.05)),
]


def criterion(target):
    """Medians in nanoseconds an operation, by (source, workload, peer)."""
    found = {}
    for path in sorted(target.glob("criterion/*/*/new/estimates.json")):
        workload, peer = path.parts[-4:-2]
        median = json.loads(path.read_text())["median"]["point_estimate"]
        about = json.loads(path.with_name("benchmark.json").read_text())
        operations = (about.get("throughput") or {}).get("Elements", 1)
        found["criterion", workload, peer] = median / operations
    return found


def programs(target):
    """The figures of the measuring programs; a later line replaces an earlier one."""
    found = {}
    for path in sorted(target.glob("figures/*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            source = f"{row['program']}/{row['metric']}"
            found[source, row["workload"], row["peer"]] = row["value"]
    return found


def number(value, digits):
    """A figure as the table shows it."""
    return "–" if value is None else f"{value:,.{digits}f}"


def judge(goal, figures):
    """The goal in words and whether it is met (None: it can't be said)."""
    if goal is None:
        return "", None
    ours = figures.get(OURS)
    if goal[0] == "of":
        _, peer, share = goal
        other = figures.get(peer)
        met = None if ours is None or other is None else ours <= share * other
        return f"≤ {share:g} of {peer}", met
    sign = "≤" if goal[0] == "most" else "<"
    met = None
    if ours is not None:
        met = ours <= goal[1] if goal[0] == "most" else ours < goal[1]
    return f"{sign} {goal[1]:,}", met


def ratio(figures, peer):
    """Our figure as a share of the peer's."""
    ours, other = figures.get(OURS), figures.get(peer)
    return "–" if ours is None or not other else f"{ours / other:.2f}"


def line(row, found, peers):
    """One row of the table, and whether its goal is met."""
    title, source, unit, digits, workload, goal = row
    figures = {peer: found.get((source, workload, peer)) for peer in PEERS}
    if all(value is None for value in figures.values()):
        return None, None
    words, met = judge(goal, figures)
    mark = {None: "", True: " ✓", False: " ✗"}[met]
    cells = [title, unit]
    cells += [number(figures[peer], digits) for peer in peers]
    cells += [ratio(figures, "tokio"), ratio(figures, "smol"), words + mark]
    return "| " + " | ".join(cells) + " |", met


def main():
    """Reads, prints, judges."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("CARGO_TARGET_DIR", "target")
    parser.add_argument("--target", type=pathlib.Path, default=pathlib.Path(default))
    parser.add_argument("--check", action="store_true", help="status 1 if a goal is missed")
    options = parser.parse_args()
    found = criterion(options.target) | programs(options.target)
    peers = [peer for peer in PEERS if any(key[2] == peer for key in found)]
    heads = ["workload", "unit", *peers, "of tokio", "of smol", "goal"]
    print("| " + " | ".join(heads) + " |")
    print("|---|---|" + "---:|" * (len(peers) + 2) + "---|")
    missed = 0
    for row in ROWS:
        text, met = line(row, found, peers)
        missed += met is False
        if text:
            print(text)
    if options.check and missed:
        sys.exit(f"{missed} goals missed")


if __name__ == "__main__":
    main()
