//! The state outside of the tree of one task: the clock, the ready tasks, and the relations between
//! tasks.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::rc::Rc;

use super::node::Seq;
use super::{Cancel, End, FOREIGN, Flow, Here, Told};
use crate::program::{Block, Entry, Program, Trace};

/// Runs a program, and all its tasks, to the end.
pub(crate) fn run(program: &Program) -> Trace {
    let mut world = World::new(program);
    world.spawn(0, &program.main);
    while world.step() {}
    assert!(
        world.tasks.iter().all(|task| !task.is_running()),
        "a program must not hang: {program:?}"
    );
    world.trace
}

/// What is known of a task.
#[derive(Debug, Default)]
struct Task {
    /// It has been spawned.
    born: bool,
    /// Its handle exists.
    taken: bool,
    /// The task in whose group it is a child.
    parent: Option<usize>,
    /// It, as a scope.
    scope: usize,
    /// A cancellation that its next turn throws.
    pending: Option<Cancel>,
    /// How it ended.
    end: Option<End>,
    /// When.
    ended_at: u64,
    /// When the group that it is a child of ended.
    group_ended_at: Option<u64>,
    /// Tasks that wait for its end.
    waiters: Vec<usize>,
    /// Tasks that it waits for because it has dropped their handles (C21).
    drains: Vec<usize>,
}

impl Task {
    fn is_running(&self) -> bool {
        self.born && self.end.is_none()
    }
}

/// A task, timeout, gather or group.
#[derive(Debug)]
struct Scope {
    /// The next one outwards.
    around: Option<usize>,
    /// How many are around it.
    level: usize,
}

/// The whole state.
pub(super) struct World<'p> {
    now: u64,
    trace: Trace,
    tasks: Vec<Task>,
    /// All scopes that there ever were.
    scopes: Vec<Scope>,
    /// The trees of the tasks that were spawned; children live in their group's.
    trees: Vec<Option<Seq<'p>>>,
    ready: VecDeque<usize>,
    timers: BTreeSet<(u64, usize)>,
    awaited: Vec<bool>,
    /// Groups that code in them has cancelled.
    stopped: HashSet<usize>,
    cancels: usize,
}

impl<'p> World<'p> {
    fn new(program: &Program) -> Self {
        Self {
            now: 0,
            trace: Vec::new(),
            tasks: (0..program.tasks).map(|_| Task::default()).collect(),
            scopes: Vec::new(),
            trees: (0..program.tasks).map(|_| None).collect(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            awaited: program.awaited(),
            stopped: HashSet::new(),
            cancels: 0,
        }
    }

    /// Gives one task its turn, or advances the clock. Returns `false` when nothing can happen any
    /// more.
    fn step(&mut self) -> bool {
        if let Some(task) = self.ready.pop_front() {
            self.turn(task);
            return true;
        }
        let Some((at, task)) = self.timers.pop_first() else {
            return false;
        };
        self.now = self.now.max(at);
        self.wake(task);
        true
    }

    fn turn(&mut self, task: usize) {
        let Some(mut tree) = self.trees[task].take() else {
            return;
        };
        let here = Here {
            task,
            group: None,
            scope: self.tasks[task].scope,
            ending: false,
            exposed: 1,
        };
        match self.turn_of(here, &mut tree) {
            Some(end) => self.finish(task, end),
            None => self.trees[task] = Some(tree),
        }
    }

    /// A turn of a task or child. C1: what was cancelled before its first turn never runs. C2, C4:
    /// otherwise the cancellation is thrown before the code goes on.
    pub(super) fn turn_of(&mut self, here: Here, tree: &mut Seq<'p>) -> Option<End> {
        let pending = self.tasks[here.task].pending.take();
        match (pending, tree.has_begun()) {
            (Some(cancel), false) => return Some(End::Cut(cancel)),
            (Some(cancel), true) => {
                cancel.tell(here.task);
                let cancel = cancel.again(tree.dead());
                tree.throw(&cancel);
            }
            (None, false) => self.say(format!("start {}", here.task), ""),
            (None, true) => {}
        }
        let mut armed = None;
        let Some(end) = tree.poll(self, here, &mut armed) else {
            if !self.is_ready(here.task) {
                tree.pass_by();
            }
            return None;
        };
        Some(match end {
            End::Cut(cancel) => End::Cut(cancel.joined(armed)),
            flow @ End::Flow(_) => flow,
        })
    }

    /// A task is born in a tree of its own.
    pub(super) fn spawn(&mut self, task: usize, body: &'p Block) {
        self.bear(task, None, None);
        self.trees[task] = Some(Seq::new(body));
        self.wake(task);
    }

    /// A task is born, in a group of `parent` perhaps.
    pub(super) fn bear(&mut self, task: usize, parent: Option<usize>, around: Option<usize>) {
        let scope = self.open(around);
        let state = &mut self.tasks[task];
        (state.born, state.parent, state.scope) = (true, parent, scope);
    }

    /// A scope begins.
    pub(super) fn open(&mut self, around: Option<usize>) -> usize {
        let level = around.map_or(0, |around| self.scopes[around].level + 1);
        self.scopes.push(Scope { around, level });
        self.scopes.len() - 1
    }

    /// How deep a scope lies.
    pub(super) fn level(&self, scope: usize) -> usize {
        self.scopes[scope].level
    }

    /// The scope of a task.
    pub(super) fn scope_of(&self, task: usize) -> usize {
        self.tasks[task].scope
    }

    /// Returns `true` if `outer` is `inner`, or around it.
    fn is_around(&self, outer: usize, inner: usize) -> bool {
        let mut around = std::iter::successors(Some(inner), |at| self.scopes[*at].around);
        around.any(|at| at == outer)
    }

    /// Returns `true` if a task has ended at this moment.
    pub(super) fn has_just_ended(&self, task: usize) -> bool {
        let task = &self.tasks[task];
        task.end.is_some() && task.ended_at == self.now
    }

    /// Returns `true` if a task that a statement awaits has ended at this moment.
    pub(super) fn has_awaited_just_ended(&self) -> bool {
        (0..self.tasks.len()).any(|task| self.awaited[task] && self.has_just_ended(task))
    }

    /// Returns `true` if the group of a child has ended at this moment.
    pub(super) fn has_group_just_ended(&self, task: usize) -> bool {
        self.tasks[task].group_ended_at == Some(self.now)
    }

    /// Tells whether a cancellation waits for the next turn of a task, or of one around it up to the next shield.
    pub(super) fn is_cancelled(&self, here: Here) -> bool {
        let around = std::iter::successors(Some(here.task), |task| self.tasks[*task].parent);
        let mut exposed = around.take(here.exposed);
        exposed.any(|task| self.tasks[task].pending.is_some())
    }

    /// The group of this child has ended.
    pub(super) fn end_group_of(&mut self, task: usize) {
        self.tasks[task].group_ended_at = Some(self.now);
    }

    /// A task has ended.
    pub(super) fn finish(&mut self, task: usize, end: End) {
        let (how, why) = told(&end);
        if !self.awaited[task] {
            self.say(format!("task {task}: {how}"), &why);
        }
        let state = &mut self.tasks[task];
        state.end = Some(end);
        state.ended_at = self.now;
        for waiter in std::mem::take(&mut state.waiters) {
            self.wake(waiter);
        }
    }

    /// Cancels a task: C3, `false` when it has ended; C10, the first of several wins.
    pub(super) fn cancel(&mut self, task: usize, why: &str) -> Option<bool> {
        let scope = self.tasks.get(task)?.scope;
        let cancel = self.new_cancel(why, scope);
        self.send(task, cancel)
    }

    fn send(&mut self, task: usize, cancel: Cancel) -> Option<bool> {
        let state = &mut self.tasks[task];
        if !state.is_running() {
            return state.born.then_some(false);
        }
        state.pending.get_or_insert(cancel);
        self.wake(task);
        Some(true)
    }

    /// A cancellation of a scope.
    pub(super) fn new_cancel(&mut self, why: &str, scope: usize) -> Cancel {
        self.cancels += 1;
        Cancel {
            id: self.cancels,
            scope,
            level: self.level(scope),
            why: why.to_owned(),
            told: Told::default(),
        }
    }

    /// Takes a task's handle, if there is one to be had.
    pub(super) fn take_handle(&mut self, task: usize) -> bool {
        match self.tasks.get_mut(task) {
            Some(state) if state.born => !std::mem::replace(&mut state.taken, true),
            _ => false,
        }
    }

    /// How an awaited task ended; wakes the asker later, if it has not. A cancellation comes from
    /// elsewhere (C22), unless the scope that it was meant for is around the asker, too: that of a
    /// group, by the handle of a sibling.
    pub(super) fn outcome(&mut self, task: usize, asker: Here) -> Option<End> {
        let Some(end) = self.tasks[task].end.clone() else {
            self.tasks[task].waiters.push(asker.task);
            return None;
        };
        let End::Cut(mut cancel) = end else {
            return Some(end);
        };
        cancel.level = if self.is_around(cancel.scope, asker.scope) {
            self.level(cancel.scope)
        } else {
            FOREIGN
        };
        Some(End::Cut(cancel))
    }

    /// The awaiter of a task is cancelled (C21): so is the task, unless it has heard of that same
    /// cancellation by another way. `true` when it is to be waited for: not where the two would
    /// wait for each other.
    pub(super) fn abandon(&mut self, task: usize, asker: usize, cause: &Cancel) -> bool {
        if !self.tasks[task].is_running() {
            return false;
        }
        if !cause.told.borrow().contains(&task) {
            let told = Rc::clone(&cause.told);
            let gone = self.new_cancel("the awaiter has gone", self.scope_of(task));
            self.send(task, Cancel { told, ..gone });
        }
        if self.leads_to(task, asker) {
            return false;
        }
        self.tasks[asker].drains.push(task);
        true
    }

    /// An abandoned task has ended.
    pub(super) fn forget_drain(&mut self, task: usize, asker: usize) {
        self.tasks[asker].drains.retain(|drain| *drain != task);
    }

    /// Returns `true` if a task waits, directly or not, for `asker` or a task around it.
    fn leads_to(&self, task: usize, asker: usize) -> bool {
        let around = std::iter::successors(Some(asker), |task| self.tasks[*task].parent);
        let around: Vec<_> = around.collect();
        let mut seen = HashSet::new();
        let mut open = vec![task];
        while let Some(task) = open.pop() {
            if around.contains(&task) {
                return true;
            }
            if seen.insert(task) {
                open.extend(&self.tasks[task].drains);
                let children = self.tasks.iter().enumerate();
                let children =
                    children.filter(|(_, child)| child.parent == Some(task) && child.is_running());
                open.extend(children.map(|(number, _)| number));
            }
        }
        false
    }

    /// Gives a task a turn. A child has its turn within that of the task around it.
    pub(super) fn wake(&mut self, task: usize) {
        match self.tasks[task].parent {
            Some(parent) => self.wake(parent),
            None if self.ready.contains(&task) => {}
            None => self.ready.push_back(task),
        }
    }

    /// Tells whether a task, or the one around it, has another turn to come at this instant.
    fn is_ready(&self, task: usize) -> bool {
        match self.tasks[task].parent {
            Some(parent) => self.is_ready(parent),
            None => self.ready.contains(&task),
        }
    }

    /// Wakes a task at a moment.
    pub(super) fn wake_at(&mut self, at: u64, task: usize) {
        self.timers.insert((at, task));
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn stop_group(&mut self, group: usize, task: usize) {
        self.stopped.insert(group);
        self.wake(task);
    }

    pub(super) fn is_stopped(&mut self, group: usize) -> bool {
        self.stopped.remove(&group)
    }

    pub(super) fn say(&mut self, what: String, why: &str) {
        let (at, why) = (self.now, why.to_owned());
        self.trace.push(Entry { at, what, why });
    }
}

/// How a task's end reads in the trace.
pub(super) fn told(end: &End) -> (&'static str, String) {
    match end {
        End::Flow(Flow::Fail) => ("failed", String::new()),
        End::Flow(_) => ("value", String::new()),
        End::Cut(cancel) => ("cancelled", cancel.why.clone()),
    }
}
