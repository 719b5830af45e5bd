//! Runs a program on wheelhouse on virtual time, and returns its trace.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use wheelhouse::task::CancelHandle;
use wheelhouse::{
    Cancelled, JoinError, JoinHandle, catch_cancel, gather, sleep, spawn, testing, time, timeout,
    timeout_at, yield_now,
};

use crate::program::{Block, Entry, Program, Stmt, Then, Trace};
use crate::scopes;

/// A future of any kind.
pub(crate) type Fut<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Longer than any program takes.
const LONG: Duration = Duration::from_micros(1 << 50);

/// The failure of a task, branch or child.
#[derive(Debug)]
pub(crate) struct Failed;

/// How code went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Return,
    Fail,
}

impl Flow {
    /// As a result.
    pub(crate) fn result(self) -> Result<Self, Failed> {
        match self {
            Self::Fail => Err(Failed),
            flow => Ok(flow),
        }
    }
}

/// Runs a program, and all its tasks, to the end.
pub(crate) fn run(program: &Program) -> Trace {
    let world = World::new(program);
    let main = program.main.clone();
    testing::run(async {
        world.spawn(0, main);
        sleep(LONG).await;
        let cancels = world.cancels.borrow();
        let over = |handle: &Option<CancelHandle>| handle.as_ref().is_none_or(|h| h.is_finished());
        assert!(cancels.iter().all(over), "a task hangs");
    });
    let trace = world.trace.take();
    let early = |entry: &&Entry| u128::from(entry.at) < LONG.as_micros();
    trace.iter().filter(early).cloned().collect()
}

/// The handle of a task, or of a group's child.
pub(crate) enum Handle {
    Task(JoinHandle<Result<Flow, Failed>>),
    Child(JoinHandle<()>),
}

impl Handle {
    async fn join(self) -> (&'static str, String, Option<Cancelled>) {
        let outcome = match self {
            Self::Task(handle) => handle.await.map(|result| result.is_ok()),
            Self::Child(handle) => handle.await.map(|()| true),
        };
        match outcome {
            Ok(true) => ("value", String::new(), None),
            Err(JoinError::Cancelled(cancelled)) => {
                ("cancelled", cancelled.reason().to_string(), Some(cancelled))
            }
            Err(JoinError::Panicked(panic)) => panic.resume(),
            Ok(false) | Err(_) => ("failed", String::new(), None),
        }
    }
}

/// What all tasks share.
pub(crate) struct World {
    begin: RefCell<Option<Instant>>,
    trace: RefCell<Trace>,
    handles: RefCell<Vec<Option<Handle>>>,
    cancels: RefCell<Vec<Option<CancelHandle>>>,
    awaited: Vec<bool>,
}

impl World {
    fn new(program: &Program) -> Rc<Self> {
        Rc::new(Self {
            begin: RefCell::default(),
            trace: RefCell::default(),
            handles: RefCell::new((0..program.tasks).map(|_| None).collect()),
            cancels: RefCell::new(vec![None; program.tasks]),
            awaited: program.awaited(),
        })
    }

    /// Adds an entry.
    pub(crate) fn say(&self, what: String, why: &str) {
        let begin = *self.begin.borrow_mut().get_or_insert_with(time::now);
        let at = (time::now() - begin).as_micros();
        let at = u64::try_from(at).expect("programs end");
        let why = why.to_owned();
        self.trace.borrow_mut().push(Entry { at, what, why });
    }

    fn spawn(self: &Rc<Self>, task: usize, body: Block) {
        let world = self.clone();
        let handle = spawn(async move {
            world.say(format!("start {task}"), "");
            let here = Here {
                world: &world,
                task,
                group: None,
            };
            block(here, &body).await.result()
        });
        self.admit(task, handle.cancel_handle(), Handle::Task(handle));
    }

    /// Keeps the handle of a new task for its awaiter, or lets an observer await it.
    pub(crate) fn admit(self: &Rc<Self>, task: usize, cancel: CancelHandle, handle: Handle) {
        self.cancels.borrow_mut()[task] = Some(cancel);
        if self.awaited[task] {
            self.handles.borrow_mut()[task] = Some(handle);
            return;
        }
        let world = self.clone();
        let observer = async move {
            let (how, why, _) = handle.join().await;
            world.say(format!("task {task}: {how}"), &why);
        };
        spawn(observer).detach();
    }

    fn take_handle(&self, task: usize) -> Option<Handle> {
        self.handles.borrow_mut().get_mut(task)?.take()
    }

    fn cancel(&self, task: usize, by: usize) {
        let handle = self.cancels.borrow().get(task).cloned().flatten();
        let said = handle.map(|handle| handle.cancel_with(format!("by {by}")));
        let said = said.map_or("none".to_owned(), |said| said.to_string());
        self.say(format!("cancel {task}: {said}"), "");
    }
}

/// Cancels a group from inside of it.
pub(crate) trait Stop {
    fn stop(&self);
}

/// Where code stands.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) world: &'a Rc<World>,
    pub(crate) task: usize,
    pub(crate) group: Option<&'a dyn Stop>,
}

/// Runs a block.
pub(crate) fn block<'a>(here: Here<'a>, block: &'a Block) -> Fut<'a, Flow> {
    Box::pin(async move {
        for stmt in block {
            match one(here, stmt).await {
                Flow::Next => {}
                flow => return flow,
            }
        }
        Flow::Next
    })
}

/// Runs a statement.
async fn one<'a>(here: Here<'a>, stmt: &'a Stmt) -> Flow {
    let world = here.world;
    match stmt {
        Stmt::Log(name) => world.say(format!("log {name}"), ""),
        Stmt::Sleep(name, micros) => {
            sleep(Duration::from_micros(*micros)).await;
            world.say(format!("slept {name}"), "");
        }
        Stmt::Yield => yield_now().await,
        Stmt::Spawn(task, body) => world.spawn(*task, body.clone()),
        Stmt::Cancel(task) => world.cancel(*task, here.task),
        Stmt::CancelGroup => here.group.into_iter().for_each(Stop::stop),
        Stmt::Await(task) => await_one(world, *task, false).await,
        Stmt::AwaitResume(task) => await_one(world, *task, true).await,
        Stmt::Return => return Flow::Return,
        Stmt::Fail => return Flow::Fail,
        Stmt::Catch(name, body, handler, then) => {
            return catch(here, *name, (body, handler), *then).await;
        }
        Stmt::Timeout(name, micros, body) => {
            let (limit, body) = (Duration::from_micros(*micros), block(here, body));
            // The two ways to say it, in turns.
            let limited = match name % 2 {
                0 => timeout(limit, body),
                _ => timeout_at(time::now() + limit, body),
            };
            return match limited.await {
                Ok(flow) => noted(here, flow, format!("in time {name}")),
                Err(_elapsed) => noted(here, Flow::Next, format!("elapsed {name}")),
            };
        }
        Stmt::Gather(name, branches) => {
            let branches = branches.iter().map(|branch| block(here, branch));
            gather(branches.collect::<Vec<_>>()).await;
            return noted(here, Flow::Next, format!("gathered {name}"));
        }
        scoped => return scopes::one(here, scoped).await,
    }
    Flow::Next
}

/// Adds an entry where code continues with the next statement.
pub(crate) fn noted(here: Here<'_>, flow: Flow, what: String) -> Flow {
    if flow == Flow::Next {
        here.world.say(what, "");
    }
    flow
}

async fn await_one(world: &World, task: usize, resume: bool) {
    let Some(handle) = world.take_handle(task) else {
        return world.say(format!("await {task}: none"), "");
    };
    let (how, why, cancelled) = handle.join().await;
    world.say(format!("await {task}: {how}"), &why);
    if let (true, Some(cancelled)) = (resume, cancelled) {
        cancelled.resume().await;
    }
}

async fn catch<'a>(here: Here<'a>, name: usize, code: (&'a Block, &'a Block), then: Then) -> Flow {
    let (body, handler) = code;
    let cancelled = match catch_cancel(block(here, body)).await {
        Ok(flow) => return flow,
        Err(cancelled) => cancelled,
    };
    here.world
        .say(format!("caught {name}"), &cancelled.reason().to_string());
    match (block(here, handler).await, then) {
        (Flow::Next, Then::Resume) => cancelled.resume().await,
        (flow, _) => flow,
    }
}
