//! Programs: a small language for cancellation, with rules that make the traces of programs well
//! defined.
//!
//! A task may be awaited only by tasks of lower number, so no program hangs. Durations are in
//! microseconds and all different, so two timers never fire at the same time, and sleeps separate
//! the effects of one timer.

use std::fmt;

/// What a task, a branch or a body does, one after the other.
pub(crate) type Block = Vec<Stmt>;

/// What a handler does when its clean-up is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Goes on as if nothing had been asked.
    Swallow,
    /// Passes the cancellation on.
    Resume,
}

/// What becomes of a held block in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It is dropped.
    Drop,
    /// It is awaited.
    Finish,
}

/// One statement. The first number is its name in the trace, where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stmt {
    /// Adds its name to the trace.
    Log(usize),
    /// Sleeps for so many microseconds.
    Sleep(usize, u64),
    /// Yields once.
    Yield,
    /// A catch point: the body, and what follows where that was cancelled.
    Catch(usize, Block, Block, Then),
    /// `finally`: the body, and the clean-up.
    Finally(usize, Block, Block),
    /// A shield.
    Shield(usize, Block),
    /// A timeout of so many microseconds.
    Timeout(usize, u64, Block),
    /// Branches, all outputs.
    Gather(usize, Vec<Block>),
    /// Branches, until one fails; so many at once, or 0 for all.
    TryGather(usize, usize, Vec<Block>),
    /// A group: its children with their task numbers, and its body.
    Group(usize, Vec<(usize, Block)>, Block),
    /// Holds a begun block: polls it once before each of the blocks that follow, which run while it is not polled, and in
    /// the end drops or awaits it.
    Hold(usize, Block, Vec<Block>, Keep),
    /// Cancels the group around.
    CancelGroup,
    /// Spawns a task.
    Spawn(usize, Block),
    /// Awaits a task's handle, whatever the task gives.
    Await(usize),
    /// Awaits a task's handle, and resumes the cancellation that comes out of it.
    AwaitResume(usize),
    /// Cancels a task.
    Cancel(usize),
    /// Ends the task, branch, child or group's body.
    Return,
    /// The same, with a failure.
    Fail,
}

/// A program: what task 0 does.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// The body of task 0.
    pub(crate) main: Block,
    /// How many tasks there are.
    pub(crate) tasks: usize,
}

impl Program {
    /// Names the statements and numbers the tasks, in the order of the text.
    pub(crate) fn new(mut main: Block) -> Self {
        let mut numbers = Numbers::default();
        numbers.block(&mut main);
        let tasks = numbers.tasks + 1;
        Self { main, tasks }
    }

    /// Returns which tasks some statement awaits. An observer sees the end of the others.
    pub(crate) fn awaited(&self) -> Vec<bool> {
        let mut awaited = vec![false; self.tasks];
        each(&self.main, &mut |stmt| {
            if let Stmt::Await(task) | Stmt::AwaitResume(task) = stmt
                && let Some(awaited) = awaited.get_mut(*task)
            {
                *awaited = true;
            }
        });
        awaited
    }
}

/// Counts names and tasks.
#[derive(Default)]
struct Numbers {
    names: usize,
    tasks: usize,
}

impl Numbers {
    fn block(&mut self, block: &mut Block) {
        for stmt in block {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &mut Stmt) {
        if let Some(name) = stmt.name_mut() {
            self.names += 1;
            *name = self.names;
        }
        match stmt {
            Stmt::Spawn(task, _) => {
                self.tasks += 1;
                *task = self.tasks;
            }
            Stmt::Group(_, children, _) => {
                for (task, _) in children {
                    self.tasks += 1;
                    *task = self.tasks;
                }
            }
            _ => {}
        }
        stmt.blocks_mut(&mut |block| self.block(block));
    }
}

impl Stmt {
    /// Its name in the trace.
    fn name_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Log(name)
            | Self::Sleep(name, _)
            | Self::Catch(name, ..)
            | Self::Finally(name, ..)
            | Self::Shield(name, _)
            | Self::Timeout(name, ..)
            | Self::Gather(name, _)
            | Self::TryGather(name, ..)
            | Self::Group(name, ..)
            | Self::Hold(name, ..) => Some(name),
            _ => None,
        }
    }

    /// Visits the blocks inside, in the order of the text.
    pub(crate) fn blocks_mut(&mut self, visit: &mut dyn FnMut(&mut Block)) {
        match self {
            Self::Catch(_, body, after, _) | Self::Finally(_, body, after) => {
                visit(body);
                visit(after);
            }
            Self::Shield(_, body) | Self::Timeout(_, _, body) | Self::Spawn(_, body) => visit(body),
            Self::Gather(_, branches) | Self::TryGather(_, _, branches) => {
                branches.iter_mut().for_each(visit);
            }
            Self::Group(_, children, body) => {
                children.iter_mut().for_each(|(_, child)| visit(child));
                visit(body);
            }
            Self::Hold(_, held, others, _) => {
                visit(held);
                others.iter_mut().for_each(visit);
            }
            _ => {}
        }
    }

    /// The blocks inside, in the order of the text.
    pub(crate) fn blocks(&self) -> Vec<&Block> {
        match self {
            Self::Catch(_, body, after, _) | Self::Finally(_, body, after) => vec![body, after],
            Self::Shield(_, body) | Self::Timeout(_, _, body) | Self::Spawn(_, body) => vec![body],
            Self::Gather(_, branches) | Self::TryGather(_, _, branches) => {
                branches.iter().collect()
            }
            Self::Group(_, children, body) => {
                let children = children.iter().map(|(_, child)| child);
                children.chain([body]).collect()
            }
            Self::Hold(_, held, others, _) => std::iter::once(held).chain(others).collect(),
            _ => Vec::new(),
        }
    }
}

/// Visits every statement, in the order of the text.
pub(crate) fn each(block: &Block, visit: &mut dyn FnMut(&Stmt)) {
    for stmt in block {
        visit(stmt);
        stmt.blocks()
            .into_iter()
            .for_each(|inner| each(inner, visit));
    }
}

/// What happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Microseconds since the beginning.
    pub(crate) at: u64,
    /// What.
    pub(crate) what: String,
    /// Why: the reason of a cancellation. asyncio has none.
    pub(crate) why: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12} {}", self.at, self.what)?;
        if self.why.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.why)
        }
    }
}

/// What a program did. The order of what happens at one instant is not part of it.
pub(crate) type Trace = Vec<Entry>;

/// Brings a trace into the form in which traces are compared.
pub(crate) fn sorted(mut trace: Trace) -> Trace {
    trace.sort();
    trace
}

/// Leaves out the reasons.
pub(crate) fn without_reasons(mut trace: Trace) -> Trace {
    trace.iter_mut().for_each(|entry| entry.why.clear());
    trace
}

/// A trace as text, one line an entry.
pub(crate) fn shown(trace: &Trace) -> String {
    trace.iter().map(|entry| format!("{entry}\n")).collect()
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} tasks", self.tasks)?;
        write_block(f, &self.main, 1)
    }
}

fn write_block(f: &mut fmt::Formatter<'_>, block: &Block, depth: usize) -> fmt::Result {
    for stmt in block {
        writeln!(f, "{}{}", "  ".repeat(depth), head(stmt))?;
        for block in stmt.blocks() {
            writeln!(f, "{}-", "  ".repeat(depth))?;
            write_block(f, block, depth + 1)?;
        }
    }
    Ok(())
}

/// A statement without what is inside.
fn head(stmt: &Stmt) -> String {
    match stmt {
        Stmt::Catch(name, _, _, then) => format!("Catch({name}) {then:?}"),
        Stmt::Finally(name, ..) => format!("Finally({name})"),
        Stmt::Shield(name, _) => format!("Shield({name})"),
        Stmt::Timeout(name, micros, _) => format!("Timeout({name}, {micros})"),
        Stmt::Gather(name, _) => format!("Gather({name})"),
        Stmt::TryGather(name, limit, _) => format!("TryGather({name}) limit {limit}"),
        Stmt::Group(name, children, _) => {
            let tasks: Vec<_> = children.iter().map(|(task, _)| task).collect();
            format!("Group({name}) of tasks {tasks:?} and the body")
        }
        Stmt::Hold(name, _, _, keep) => format!("Hold({name}), in the end {keep:?}"),
        Stmt::Spawn(task, _) => format!("Spawn({task})"),
        plain => format!("{plain:?}"),
    }
}
