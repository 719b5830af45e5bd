//! The report of a deadlock: which tasks there are, what each holds and waits for, and who goes round in a circle.
//!
//! ```text
//!   book: waits, holds ─┐
//!   tasks: awaited by,  ├─▶ Picture ──▶ one entry a task
//!   in whose group ─────┘      └──────▶ edges: waits for what, of whom ──▶ the first circle that is found
//! ```

use std::collections::BTreeSet;

use super::core::Core;
use super::describe::{describe, name_of};
use super::lifecycle::Phase;
use super::scoped::JoinList;
use super::{Task, try_with};
use crate::util::Id;
use crate::util::wait_graph::{HoldRecord, ResourceLabel, WaitGraph, WaitRecord};

/// Shows the book of the runtime that this thread drives, and which of its tasks runs.
pub(super) fn find_wait_graph(work: &mut dyn FnMut(&WaitGraph, Option<Id>)) {
    let show = |core: &Core| {
        if let Some(book) = core.wait_graph.as_ref() {
            work(book, core.current_id());
        }
    };
    try_with(show).ok();
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
        "no timer is set but such as lie past the end of the clock"
    };
    let picture = Picture::of(core);
    let entries: Vec<_> = picture
        .tasks
        .iter()
        .map(|task| picture.entry(task))
        .collect();
    let (entries, circle) = (entries.concat(), picture.circle());
    format!(
        "deadlock: {stuck}, no task is ready, {timers} and nothing is in flight. Waiting:{entries}{circle}"
    )
}

/// Everything that is known when nobody can go on.
struct Picture {
    /// The tasks, in the order of their spawning.
    tasks: Vec<Task>,
    /// Who waits for what.
    waits: Vec<WaitRecord>,
    /// Who holds what somebody waits for.
    holds: Vec<HoldRecord>,
    /// Who has been cancelled, and waits for whom before it ends.
    draining: Vec<(u64, Vec<u64>)>,
}

/// Why a task does not go on, and whose turn it is, by numbers.
struct Edge {
    /// What it does: "awaits", "waits for the lock, held by".
    what: String,
    /// Who would have to go on.
    whom: Vec<u64>,
}

/// A task on the way from one to the next.
struct Stop {
    /// Which.
    number: u64,
    /// The steps from here that are left to try.
    steps: Vec<(String, u64)>,
    /// The words of the step that was taken.
    taken: String,
}

impl Picture {
    /// The runtime as it is.
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

    /// The lines about one task.
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

    /// The line about one wait.
    fn line_of(&self, wait: &WaitRecord) -> String {
        let thing = &wait.resource;
        if wait.is_granted {
            return format!(
                "\n    was handed {thing}, and does not take it: nobody polls that wait"
            );
        }
        match self.keepers(thing) {
            Some(keepers) => format!("\n    waits for {thing}, held by {keepers}"),
            None => format!("\n    waits for {thing}"),
        }
    }

    /// Who has a thing, in words; nothing, for what nobody can have.
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
            Some("nobody that is known".to_owned())
        } else {
            Some(names.into_iter().collect::<Vec<_>>().join(", "))
        }
    }

    /// The numbers of the tasks that have a thing.
    fn holders(&self, thing: &ResourceLabel) -> Vec<u64> {
        let holds = self
            .holds
            .iter()
            .filter(|(held, _)| held.number == thing.number);
        holds.filter_map(|(_, who)| who.map(Id::number)).collect()
    }

    /// Whom a task waits for to end.
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
            numbers(&|task| task.state().has_handle() && is(task.awaiter(), number));
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

    /// Whom a task waits for, in every way.
    fn edges(&self, number: u64) -> Vec<Edge> {
        let waits = self.waits.iter().filter(|wait| is(wait.task, number));
        let things = waits.map(|wait| Edge {
            what: format!("waits for {}, held by", wait.resource.short()),
            whom: self.holders(&wait.resource),
        });
        things.chain(self.edges_to_tasks(number)).collect()
    }

    /// The first circle of tasks that wait for each other; nothing, if there is none.
    fn circle(&self) -> String {
        let mut done = BTreeSet::new();
        for task in &self.tasks {
            if let Some(circle) = self.circle_from(task.by_ref().number(), &mut done) {
                return circle;
            }
        }
        String::new()
    }

    /// A circle that can be reached from this task; `done` are those from which none can.
    fn circle_from(&self, start: u64, done: &mut BTreeSet<u64>) -> Option<String> {
        let mut way = vec![self.stop(start)];
        while let Some(last) = way.last_mut() {
            let Some((what, next)) = last.steps.pop() else {
                done.insert(last.number);
                way.pop();
                continue;
            };
            last.taken = what;
            if let Some(at) = way.iter().position(|stop| stop.number == next) {
                return Some(self.tell(&way[at..]));
            }
            if !done.contains(&next) {
                way.push(self.stop(next));
            }
        }
        None
    }

    /// A task that the way has come to.
    fn stop(&self, number: u64) -> Stop {
        Stop {
            number,
            steps: self.steps(number),
            taken: String::new(),
        }
    }

    /// Whom a task waits for, one by one, the first one last.
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

    /// A circle in words.
    fn tell(&self, circle: &[Stop]) -> String {
        let mut text = "\nIn a circle:".to_owned();
        for (at, stop) in circle.iter().enumerate() {
            let which = if at == 0 { "" } else { ", which" };
            text += &format!("\n  {}{which} {}", self.name(Some(stop.number)), stop.taken);
        }
        let first = circle.first().map(|stop| stop.number);
        text + &format!("\n  {}", self.name(first))
    }

    /// What tasks are called.
    fn names(&self, numbers: &[u64]) -> String {
        let names = numbers.iter().map(|number| self.name(Some(*number)));
        names.collect::<Vec<_>>().join(", ")
    }

    /// What a task is called.
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

/// Whether that is the task of this number.
fn is(task: Option<Id>, number: u64) -> bool {
    task.is_some_and(|task| task.number() == number)
}
