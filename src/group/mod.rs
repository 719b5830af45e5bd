//! Task groups: children that end before the group does. Floor: F4.
//!
//! ```text
//!                         a child or the body fails, or panics
//!   running ──────────────  cancel() was called  ───────────────────▶ ending: the others are cancelled once, clean up
//!      │                    a cancellation comes from outside              │
//!      │ body and children have ended                                      │ body and children have ended
//!      ▼                                                                   ▼
//!   Ok(value)      a panic goes on, or the cancellation from outside, or Err(Failed), Err(Cancelled), or Ok(value)
//!
//!   dropped by foreign code at any time: body and children are dropped, without clean-ups
//! ```
//!
//! The group is a `Join` in the tree of scopes; its body is a branch, each child a task with a root of its own. Children are
//! tasks in all respects but one: not the loop polls them but the group's future, for they may borrow what that may borrow.
//! The loop has that future polled when a child's turn comes (`runtime/carry.rs`), so a child's turn is where a plain task's
//! would be.
//!
//! ```text
//!   driver   the group's future                        yard     the children, and how the loop reaches them
//!   child    a child's future, as a task's             members  those that have not ended      limit  who may begin
//!   abandon  a group that is dropped half-way          waker    whom the group wakes, and its body's own waker
//! ```

mod abandon;
#[allow(unsafe_code, reason = "door: a future that borrows becomes a task")]
mod child;
mod child_set;
mod driver;
mod limit;
mod members;
mod output;
mod waker;

pub use output::{ChildOutput, GroupOutput};

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::forget;
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Cancelled, GroupError, JoinError, Panic, Reason};
use crate::runtime::with;
use crate::task::{Id, JoinHandle, try_current};
use crate::util::{Payload, drop_quietly};
use abandon::AbortOnDrop;
use child_set::ChildSet;
use driver::Driver;

/// Runs `body` with a group in which it may spawn children, and ends when all of them have (asyncio: `TaskGroup`).
///
/// Children may borrow what outlives the group, and may spawn siblings; they are tasks, with ids, names, handles and catch
/// points. Body and children give `()` or a `Result`. When one of them fails, or panics, all others are cancelled
/// ([`Reason::SiblingFailed`]) and waited for; the same happens after [`cancel`](TaskGroup::cancel), and when the task around
/// is cancelled. A child that was cancelled through its own handle is no failure.
///
/// # Turns
/// A child takes its turns in the order of its wakes, between those of all other tasks, however deep its group is nested in
/// children of other groups. The body is polled when it was woken, at the turn of the task that awaits the group.
///
/// A child is polled only while its group is: the task that has the group must await it, alone or by a combinator. Each
/// turn of a child polls its way from the outermost task inwards, so at depth `d` it costs `d` polls, and stack for them.
/// Where a combinator of another crate polls both a group and other futures, a child's turn may poll these, too.
///
/// # When not to use it
/// A group is for children that succeed or fail together: one that fails or panics ends them all,
/// and a panic goes on in the parent. The connections of a server do not belong together. There,
/// let each child await a task: a panic ends that task, and its handle says so. When the group or
/// its parent is cancelled, so is the task, and the group waits for it.
///
/// ```
/// use wheelhouse::{JoinError, run, spawn, task_group};
/// # use std::cell::RefCell;
/// # use std::rc::Rc;
///
/// async fn answer(request: i32) -> i32 {
///     100 / request // a request of 0 panics
/// }
///
/// run(async {
/// #   let seen = Rc::new(RefCell::new(Vec::new()));
///     let served = task_group(async |g| {
///         for request in [1, 0, 2] {
/// #           let seen = Rc::clone(&seen);
///             g.spawn(async move {
///                 match spawn(answer(request)).await {
///                     Ok(answer) => println!("{answer}"),
///                     Err(JoinError::Panicked(panic)) => eprintln!("request {request}: {panic}"),
///                     Err(other) => eprintln!("request {request}: {other}"),
///                 }
/// #               seen.borrow_mut().push(request);
///             });
///         }
///     });
///     served.await.expect("the panic of one request ends that request only");
/// #   seen.borrow_mut().sort();
/// #   assert_eq!(*seen.borrow(), [0, 1, 2]);
/// });
/// ```
///
/// What a task borrows has to be `'static`; share it in an `Rc`.
///
/// # Cancel safety
/// When it is cancelled, body and children are, and clean up; when all have ended, the cancellation goes on outwards, also if
/// some failed meanwhile; the value and the errors are lost. (asyncio raises the errors instead.) Foreign code that drops it
/// (`select!`) drops body and children, without clean-ups. A group that is leaked, or dropped after the end of the runtime,
/// leaks its children: they are neither polled nor dropped any more, and who awaits the handle of one waits for ever.
///
/// # Errors
/// [`GroupError::Failed`] with the first error and the others; [`GroupError::Cancelled`] when the group was cancelled from
/// inside and its body cut down.
///
/// # Panics
/// When a member panicked: the panic goes on here, once all others have ended. Outside of a runtime, or when it is polled in
/// another one than before.
///
/// # Examples
/// ```
/// use wheelhouse::{run, task_group, yield_now};
/// use std::cell::Cell;
///
/// async fn fetch(page: u32, total: &Cell<u32>) -> Result<u32, String> {
///     yield_now().await;
///     total.set(total.get() + page); // children borrow from outside the group
///     Ok(page * 10)
/// }
///
/// run(async {
///     let total = Cell::new(0);
///     let sum = task_group(async |g| {
///         let pages = [1, 2, 3].map(|page| g.spawn(fetch(page, &total)));
///         let mut sum = 0;
///         for page in pages {
///             sum += page.await.expect("no page fails");
///         }
///         Ok::<_, String>(sum)
///     })
///     .await;
///     assert_eq!((sum.unwrap(), total.get()), (60, 6));
/// });
/// ```
#[doc(alias = "JoinSet")]
#[doc(alias = "nursery")]
#[doc(alias = "open_nursery")]
#[doc(alias = "TaskTracker")]
pub async fn task_group<'env, R, B>(body: B) -> Result<R::Value, GroupError<R::Error>>
where
    R: GroupOutput,
    R::Error: 'env,
    B: for<'scope> AsyncFnOnce(&'scope TaskGroup<'scope, 'env, R::Error>) -> R,
{
    let group = TaskGroup::new();
    let unmanned = AbortOnDrop(&group);
    let body = body(&group);
    forget(unmanned);
    Driver::new(&group, body).await
}

/// A group of tasks, as its body and its children see it; [`task_group`] makes one.
///
/// `'scope` is how long the group lives, `'env` what its children may borrow from, `E` what its members fail with.
#[doc(alias = "JoinSet")]
#[doc(alias = "Nursery")]
#[doc(alias = "TaskTracker")]
pub struct TaskGroup<'scope, 'env: 'scope, E: 'env> {
    /// The children.
    children: Rc<ChildSet>,
    /// What members failed with, in the order in which it came.
    errors: RefCell<Vec<E>>,
    /// The first panic of a member.
    panic: RefCell<Option<Panic>>,
    /// The group's own cancellation, once there is one.
    cancelled: RefCell<Option<Cancelled>>,
    /// Invariant in `'scope`, as `std::thread::Scope` is: else a child could borrow for shorter.
    scope: PhantomData<&'scope mut &'scope ()>,
    /// Likewise.
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope, 'env, E> TaskGroup<'scope, 'env, E> {
    /// A group without children.
    fn new() -> Self {
        Self {
            children: Rc::default(),
            errors: RefCell::default(),
            panic: RefCell::default(),
            cancelled: RefCell::default(),
            scope: PhantomData,
            env: PhantomData,
        }
    }

    /// Spawns a child: it runs on a later turn, and the group does not end before it has.
    ///
    /// In a group that is being cancelled it is born cancelled and never polled. Its handle may be awaited by whoever has it,
    /// also after the group; awaiting owns, as with every [`JoinHandle`]. A child that ends with an error gives that to the
    /// group and [`JoinError::Failed`] to its handle. asyncio calls this `TaskGroup.create_task`.
    ///
    /// # Cancel safety
    /// Dropping the handle leaves the child alone, unless it was awaited.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[doc(alias = "create_task")]
    #[doc(alias = "start_soon")]
    #[track_caller]
    pub fn spawn<F>(&'scope self, future: F) -> JoinHandle<<F::Output as ChildOutput<E>>::Value>
    where
        F: Future<Output: ChildOutput<E>> + 'scope,
    {
        let label = (Location::caller(), None);
        with("TaskGroup::spawn", |core| {
            child::spawn_child(core, label, self, future)
        })
    }

    /// Begins the settings of a child: its name.
    ///
    /// # Examples
    /// ```
    /// # use wheelhouse::{run, task, task_group};
    /// # run(async {
    /// task_group(async |g| {
    ///     let child = g.builder().name("fetch").spawn(async {
    ///         assert_eq!(task::current().name(), Some("fetch"));
    ///     });
    ///     assert_eq!(child.name(), Some("fetch"));
    /// })
    /// .await
    /// .unwrap();
    /// # });
    /// ```
    pub fn builder(&'scope self) -> ChildBuilder<'scope, 'env, E> {
        ChildBuilder {
            group: self,
            name: None,
        }
    }

    /// Bounds how many children run at once; the others begin, in order, when one has ended.
    ///
    /// # Panics
    /// If `limit` is 0.
    ///
    /// # Examples
    /// ```
    /// # use std::{cell::Cell, time::Duration};
    /// # use wheelhouse::{sleep, task_group, testing};
    /// # testing::run(async {
    /// let running = Cell::new(0);
    /// task_group(async |g| {
    ///     g.limit(8);
    ///     for _ in 0..100 {
    ///         g.spawn(async {
    ///             running.set(running.get() + 1);
    ///             assert!(running.get() <= 8);
    ///             sleep(Duration::from_millis(10)).await;
    ///             running.set(running.get() - 1);
    ///         });
    ///     }
    /// })
    /// .await
    /// .unwrap();
    /// # });
    /// ```
    pub fn limit(&self, limit: usize) -> &Self {
        assert!(
            limit > 0,
            "task_group: `limit(0)` would never start a child; ask for at least 1"
        );
        self.children.set_limit(limit);
        self
    }

    /// Cancels body and children, with [`Reason::GroupCancelled`].
    ///
    /// A body that has ended, or ends all the same, gives its value; one that is cut down makes the group give
    /// [`GroupError::Cancelled`]. A second call does nothing.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{run, task_group, yield_now};
    ///
    /// run(async {
    ///     let first = task_group(async |g| {
    ///         g.spawn(std::future::pending::<()>());
    ///         yield_now().await;
    ///         g.cancel(); // nobody needs the others any more
    ///         Ok::<_, ()>("found")
    ///     })
    ///     .await;
    ///     assert_eq!(first.unwrap(), "found");
    /// });
    /// ```
    #[doc(alias = "abort_all")]
    #[doc(alias = "cancel_scope")]
    pub fn cancel(&self) {
        self.cancel_for(Reason::GroupCancelled);
        self.children.waker().wake_outer();
    }

    /// Counts the children that have not ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.children.living()
    }

    /// Tells whether all children have ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether the group is being cancelled: [`cancel`](TaskGroup::cancel) was called, a member failed, or the task
    /// around was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.borrow().is_some()
    }

    /// The group's own cancellation, if there is one.
    fn cancelled(&self) -> Option<Cancelled> {
        self.cancelled.borrow().clone()
    }

    /// Makes the group's own cancellation, unless there is one.
    fn cancel_for(&self, reason: Reason) {
        let by: Option<Id> = try_current().map(|task| task.id());
        let is_new = self.cancelled.borrow().is_none();
        if is_new {
            self.cancelled.replace(Some(Cancelled::new(reason, by)));
            self.children.announce_end();
        }
    }

    /// A member failed.
    fn failed(&self, error: E) {
        self.errors.borrow_mut().push(error);
        self.cancel_for(Reason::SiblingFailed);
    }

    /// A member panicked.
    fn panicked(&self, payload: Payload) {
        let first = self.panic.borrow().is_none();
        match first {
            true => *self.panic.borrow_mut() = Some(Panic::new(payload)),
            false => drop_quietly(payload),
        }
        self.cancel_for(Reason::SiblingFailed);
    }

    /// The child that is being polled is to be ended with this.
    fn end_child_with(&self, error: JoinError) {
        self.children.end_child_with(error);
    }
}

impl<E> fmt::Debug for TaskGroup<'_, '_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("children", &self.len())
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// The settings of a child to be spawned.
#[must_use = "settings do nothing until `spawn` makes a task of them"]
pub struct ChildBuilder<'scope, 'env: 'scope, E: 'env> {
    /// Its group.
    group: &'scope TaskGroup<'scope, 'env, E>,
    /// Its name.
    name: Option<Box<str>>,
}

impl<'scope, E> ChildBuilder<'scope, '_, E> {
    /// Names the child, for reports and for [`task::all`](crate::task::all).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Spawns the child; see [`TaskGroup::spawn`].
    ///
    /// # Cancel safety
    /// Dropping the handle leaves the child alone, unless it was awaited.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<<F::Output as ChildOutput<E>>::Value>
    where
        F: Future<Output: ChildOutput<E>> + 'scope,
    {
        let label = (Location::caller(), self.name);
        with("TaskGroup::spawn", |core| {
            child::spawn_child(core, label, self.group, future)
        })
    }
}

impl<E> fmt::Debug for ChildBuilder<'_, '_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildBuilder")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
