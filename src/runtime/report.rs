//! The report of a deadlock: the tasks, what each holds and waits for, and a cycle of waits if
//! there is one.
//!
//! ```text
//!   wait graph: waits, holds ─┐
//!   tasks: awaiters, groups ──┴─▶ Snapshot ─┬─▶ an entry for each task
//!                                           └─▶ edges ──▶ the first cycle
//! ```

use std::collections::BTreeSet;

use super::core::Core;
use super::describe::{describe, name_of};
use super::lifecycle::Phase;
use super::scoped::JoinList;
use super::{Task, try_with};
use crate::util::Id;
use crate::util::wait_graph::{HoldRecord, ResourceLabel, WaitGraph, WaitRecord};

/// Calls `work` with the wait graph of the runtime that this thread drives, and its current task.
pub(super) fn find_wait_graph(work: &mut dyn FnMut(&WaitGraph, Option<Id>)) {
    let call = |core: &Core| {
        if let Some(graph) = core.wait_graph.as_ref() {
            work(graph, core.current_id());
        }
    };
    try_with(call).ok();
}

/// Returns the text of the panic of a deadlock.
pub(super) fn deadlock_report(core: &Core) -> String {
    let stuck = match core.lifecycle.phase() {
        Phase::Open => "the main task is not done",
        _ => "main is done and the runtime shuts down, but not every task stops",
    };
    let timers = if core.timers.is_empty() {
        "no timer is set"
    } else {
        "no timer is set except past the end of the clock"
    };
    let snapshot = Snapshot::of(core);
    let entries: Vec<_> = snapshot
        .tasks
        .iter()
        .map(|task| snapshot.entry(task))
        .collect();
    let (entries, cycle) = (entries.concat(), snapshot.cycle());
    format!(
        "deadlock: {stuck}, no task is ready, {timers} and nothing is in flight. Waiting:{entries}{cycle}"
    )
}

/// Returns the first cycle of tasks that wait for each other, in words.
pub(super) fn cycle_of_waits(core: &Core) -> Option<String> {
    let cycle = Snapshot::of(core).cycle();
    (!cycle.is_empty()).then_some(cycle)
}

/// The tasks and waits of a runtime in a deadlock.
struct Snapshot {
    /// In the order in which they were spawned.
    tasks: Vec<Task>,
    waits: Vec<WaitRecord>,
    /// The holders of resources that tasks wait for.
    holds: Vec<HoldRecord>,
    /// The tasks that drain, with the tasks for which each waits.
    draining: Vec<(u64, Vec<u64>)>,
}

/// The wait of a task for other tasks.
struct Edge {
    /// The words for it: "awaits", "waits for the lock, held by".
    what: String,
    /// The numbers of the tasks.
    whom: Vec<u64>,
}

/// A task on a path of the search for a cycle.
struct Stop {
    number: u64,
    /// The edges that were not followed yet.
    steps: Vec<(String, u64)>,
    /// The words of the edge that was followed.
    taken: String,
}

impl Snapshot {
    fn of(core: &Core) -> Self {
        Self {
            tasks: core.running(),
            waits: core
                .wait_graph
                .as_ref()
                .map(WaitGraph::all_waits)
                .unwrap_or_default(),
            holds: core
                .wait_graph
                .as_ref()
                .map(WaitGraph::holds_in_demand)
                .unwrap_or_default(),
            draining: core.scopes().all_draining(JoinList::numbers),
        }
    }

    /// Returns the lines about one task.
    fn entry(&self, task: &Task) -> String {
        let number = task.by_ref().number();
        let mut lines = vec![format!("\n  {}", describe(task))];
        for (thing, _) in self.holds.iter().filter(|(_, who)| is(*who, number)) {
            lines.push(format!("\n    holds {thing}"));
        }
        for wait in self.waits.iter().filter(|wait| is(wait.task, number)) {
            lines.push(self.line_of(wait));
        }
        for edge in self.edges_to_tasks(number) {
            lines.push(format!("\n    {} {}", edge.what, self.names(&edge.whom)));
        }
        lines.concat()
    }

    /// Returns the line about one wait.
    fn line_of(&self, wait: &WaitRecord) -> String {
        let thing = &wait.resource;
        if wait.is_granted {
            return format!(
                "\n    was granted {thing}, and does not take it: its wait is not polled"
            );
        }
        match self.keepers(thing) {
            Some(keepers) => format!("\n    waits for {thing}, held by {keepers}"),
            None => format!("\n    waits for {thing}"),
        }
    }

    /// Returns the names of the holders of a resource; `None` if no task can hold it.
    fn keepers(&self, thing: &ResourceLabel) -> Option<String> {
        if !thing.kind.is_held() {
            return None;
        }
        let holds = self
            .holds
            .iter()
            .filter(|(held, _)| held.number == thing.number);
        let served = self.waits.iter();
        let served = served.filter(|wait| wait.is_granted && wait.resource.number == thing.number);
        let whose = holds
            .map(|(_, who)| *who)
            .chain(served.map(|wait| wait.task));
        let names: BTreeSet<_> = whose.map(|who| self.name(who.map(Id::number))).collect();
        if names.is_empty() {
            Some("no known task".to_owned())
        } else {
            Some(names.into_iter().collect::<Vec<_>>().join(", "))
        }
    }

    /// Returns the numbers of the tasks that hold a resource.
    fn holders(&self, thing: &ResourceLabel) -> Vec<u64> {
        let holds = self
            .holds
            .iter()
            .filter(|(held, _)| held.number == thing.number);
        holds.filter_map(|(_, who)| who.map(Id::number)).collect()
    }

    /// Returns the waits of a task for the ends of others.
    fn edges_to_tasks(&self, number: u64) -> Vec<Edge> {
        let numbers = |is_one: &dyn Fn(&Task) -> bool| {
            let tasks = self.tasks.iter().filter(|task| is_one(task));
            tasks.map(|task| task.by_ref().number()).collect::<Vec<_>>()
        };
        let edge = |what: &str, whom| Edge {
            what: what.to_owned(),
            whom,
        };
        let pending_joins =
            numbers(&|task| task.state().has_handle() && task.awaited_by() == Some(number));
        let children = numbers(&|task| {
            let owner = task.parent().and_then(|parent| parent.owner());
            owner.is_some_and(|owner| owner.number() == number)
        });
        let draining = self.draining.iter().filter(|(task, _)| *task == number);
        let before_end = draining.flat_map(|(_, whom)| whom.clone()).collect();
        let edges = [
            edge("awaits", pending_joins),
            edge("has a group with", children),
            edge("was cancelled, and before it ends waits for", before_end),
        ];
        edges
            .into_iter()
            .filter(|edge| !edge.whom.is_empty())
            .collect()
    }

    /// Returns all waits of a task for others.
    fn edges(&self, number: u64) -> Vec<Edge> {
        let waits = self.waits.iter().filter(|wait| is(wait.task, number));
        let things = waits.map(|wait| Edge {
            what: format!("waits for {}, held by", wait.resource.short()),
            whom: self.holders(&wait.resource),
        });
        things.chain(self.edges_to_tasks(number)).collect()
    }

    /// Returns the lines about the first cycle of waits; empty if there is none.
    fn cycle(&self) -> String {
        let mut done = BTreeSet::new();
        for task in &self.tasks {
            if let Some(cycle) = self.cycle_from(task.by_ref().number(), &mut done) {
                return cycle;
            }
        }
        String::new()
    }

    /// Returns the lines about a cycle that can be reached from a task. `done` has the tasks from
    /// which none can.
    fn cycle_from(&self, start: u64, done: &mut BTreeSet<u64>) -> Option<String> {
        let mut path = vec![self.stop(start)];
        while let Some(last) = path.last_mut() {
            let Some((what, next)) = last.steps.pop() else {
                done.insert(last.number);
                path.pop();
                continue;
            };
            last.taken = what;
            if let Some(at) = path.iter().position(|stop| stop.number == next) {
                return Some(self.describe_cycle(&path[at..]));
            }
            if !done.contains(&next) {
                path.push(self.stop(next));
            }
        }
        None
    }

    fn stop(&self, number: u64) -> Stop {
        Stop {
            number,
            steps: self.steps(number),
            taken: String::new(),
        }
    }

    /// Returns the tasks for which a task waits, one by one, the first one last.
    fn steps(&self, number: u64) -> Vec<(String, u64)> {
        let edges = self.edges(number).into_iter();
        let steps = edges.flat_map(|edge| {
            let whom = edge.whom.into_iter();
            whom.map(move |next| (edge.what.clone(), next))
        });
        let mut steps: Vec<_> = steps.collect();
        steps.reverse();
        steps
    }

    /// Returns the lines about a cycle.
    fn describe_cycle(&self, cycle: &[Stop]) -> String {
        let mut text = "\nIn a cycle:".to_owned();
        for (at, stop) in cycle.iter().enumerate() {
            let which = if at == 0 { "" } else { ", which" };
            text += &format!("\n  {}{which} {}", self.name(Some(stop.number)), stop.taken);
        }
        let first = cycle.first().map(|stop| stop.number);
        text + &format!("\n  {}", self.name(first))
    }

    /// Returns the names of tasks.
    fn names(&self, numbers: &[u64]) -> String {
        let names = numbers.iter().map(|number| self.name(Some(*number)));
        names.collect::<Vec<_>>().join(", ")
    }

    /// Returns the name of a task.
    fn name(&self, number: Option<u64>) -> String {
        let Some(number) = number else {
            return "something outside of any task".to_owned();
        };
        let mut tasks = self.tasks.iter();
        match tasks.find(|task| task.by_ref().number() == number) {
            Some(task) => name_of(task),
            None => format!("task {number}, which has ended"),
        }
    }
}

/// Returns `true` if `task` has this number.
fn is(task: Option<Id>, number: u64) -> bool {
    task.is_some_and(|task| task.number() == number)
}
