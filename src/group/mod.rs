//! Task groups: tasks that may borrow, and that have all ended when the group ends.
//!
//! ```
//! use wheelhouse::{run, task_group};
//!
//! run(async {
//!     let name = String::from("disk");
//!     let done = task_group(async |g| {
//!         g.spawn(async { println!("{name}: one") }); // children may borrow
//!         g.spawn(async { println!("{name}: two") });
//!     });
//!     done.await.unwrap();
//! });
//! ```
//!
//! [`task_group`] describes errors, cancellation and the order in which children run.

//           a member fails or panics, cancel(), or a cancellation from outside
//   running ────────────────────────▶ ending: the others are cancelled once,
//      │ all members have ended                and clean up │
//      ▼                                                    │
//   Ok(value)                                               │
//          the panic, or the cancellation from outside, ◀───┘
//          or Err(Failed), or Err(Cancelled), or Ok(value)
//
//   dropped at any time: body and children are dropped, without clean-up
//
// The members of a group are its body and its children. The group is a `Join` node in the tree of
// scopes; its body is a branch, each child a task with its own root. A child differs from other
// tasks in one thing: the future of the group polls it, not the loop of the runtime, since a child
// may borrow what the group may borrow. The loop has the group polled when the turn of a child
// comes (`runtime/carry.rs`), so a child runs where it stands in the run queue.
//
//   driver     the future of the group       child_set  the children, their turns
//   child      the future of a child         members    children that have not ended
//   builder    a child with a name           limit      children that may begin
//   abandon    a group that is dropped early waker      wakers of group and body

mod abandon;
mod builder;
#[allow(unsafe_code, reason = "a future that borrows becomes a task")]
mod child;
mod child_set;
mod driver;
mod limit;
mod members;
mod output;
mod waker;

pub use builder::ChildBuilder;
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
use crate::util::drop_quietly;
use abandon::AbortOnDrop;
use child_set::ChildSet;
use driver::Driver;

/// Runs `body` with a group to spawn children in, and returns when the body and all children have
/// ended (asyncio: `TaskGroup`).
///
/// ```
/// use wheelhouse::{run, task_group, yield_now};
/// use std::cell::Cell;
///
/// async fn fetch(page: u32, total: &Cell<u32>) -> Result<u32, String> {
///     yield_now().await;
///     total.set(total.get() + page); // children may borrow
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
///
/// Children are tasks, with ids, names, handles and catch points. They may borrow everything that
/// outlives the group, and may spawn siblings. Body and children return `()` or a `Result`.
///
/// If the body or a child fails or panics, the group cancels all others ([`Reason::SiblingFailed`])
/// and waits for them. The same happens after [`cancel`](TaskGroup::cancel), and when the task that
/// awaits the group is cancelled. A child that is cancelled through its own handle does not count
/// as failed.
///
/// # When a child runs
/// A child has its own place in the run queue, as every task has, however deeply its group is
/// nested. When its turn comes, the runtime polls the task that awaits the group, and this poll
/// goes through the group to the child. The body runs when it was woken, at the turn of the task
/// that awaits the group.
///
/// Three things follow:
/// - Children run only while the group is awaited, directly or inside a combinator.
/// - A turn of a child at nesting depth `d` costs `d` polls, and the stack that they need.
/// - If a combinator of another crate polls the group together with other futures, the turn of a
///   child may poll these futures, too.
///
/// # When not to use a group
/// A group is for children that succeed or fail together: one child that fails or panics ends them
/// all, and a panic propagates to the parent. The connections of a server should not end each
/// other. There, let each child await a task: a panic ends only that task, and its handle returns
/// the panic. If the group or its parent is cancelled, so is the task, and the group waits for it.
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
/// A task spawned with [`spawn`](crate::spawn) must not borrow: share its data in an `Rc`.
///
/// # Cancel safety
/// If the group is cancelled from outside, the body and the children are cancelled and clean up.
/// When all have ended, the cancellation propagates, even if some of them failed meanwhile; the
/// value and the errors are lost. (asyncio raises the errors instead.)
///
/// If the group is dropped, by `select!` for example, the body and the children are dropped without
/// clean-up. If it is leaked, or dropped after the end of the runtime, its children are leaked:
/// they are neither polled nor dropped again, and their handles never become ready.
///
/// # Errors
/// [`GroupError::Failed`] with the first error and the others, if the body or a child failed.
/// [`GroupError::Cancelled`] if [`cancel`](TaskGroup::cancel) was called and the body had not
/// ended.
///
/// # Panics
/// If the body or a child panicked: the panic propagates when all others have ended. If it is
/// polled outside a runtime, or in another runtime than before.
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
    let abort = AbortOnDrop(&group);
    let body = body(&group);
    forget(abort);
    Driver::new(&group, body).await
}

/// Spawns and cancels the children of a [`task_group`], which passes it to its body.
///
/// Children may use it, too, to spawn siblings:
///
/// ```
/// use wheelhouse::{TaskGroup, run, task_group};
/// use std::cell::Cell;
///
/// async fn count_down<'scope>(g: &'scope TaskGroup<'scope, '_, String>, n: u32, runs: &'scope Cell<u32>) {
///     runs.set(runs.get() + 1);
///     if n > 0 {
///         g.spawn(async move { Box::pin(count_down(g, n - 1, runs)).await });
///     }
/// }
///
/// run(async {
///     let runs = Cell::new(0);
///     let runs_ref = &runs;
///     task_group(async |g| {
///         g.spawn(async move { count_down(g, 3, runs_ref).await });
///         Ok::<_, String>(())
///     })
///     .await
///     .unwrap();
///     assert_eq!(runs.get(), 4);
/// });
/// ```
///
/// `'scope` is the lifetime of the group, `'env` that of what its children may borrow, and `E` the
/// error type of the body and the children.
#[doc(alias = "JoinSet")]
#[doc(alias = "Nursery")]
#[doc(alias = "TaskTracker")]
pub struct TaskGroup<'scope, 'env: 'scope, E: 'env> {
    children: Rc<ChildSet>,
    /// The errors of the members, in the order in which they failed.
    errors: RefCell<Vec<E>>,
    /// The first panic of a member.
    panic: RefCell<Option<Panic>>,
    /// The cancellation that ends the group, once there is one.
    cancelled: RefCell<Option<Cancelled>>,
    /// Makes the type invariant in `'scope`, as `std::thread::Scope` is. Otherwise a child could
    /// borrow for a shorter lifetime.
    scope: PhantomData<&'scope mut &'scope ()>,
    /// Makes the type invariant in `'env`.
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope, 'env, E> TaskGroup<'scope, 'env, E> {
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

    /// Spawns a child and returns its handle (asyncio: `TaskGroup.create_task`).
    ///
    /// The child does not run at once: it enters the run queue, and runs when its turn comes. The
    /// group does not end before the child has ended. In a group that is being cancelled the child
    /// is cancelled before its first poll.
    ///
    /// The handle may be ignored, or awaited anywhere, also after the end of the group. As with
    /// every [`JoinHandle`], a handle that was awaited owns its task. A child that returns an error
    /// passes it to the group; its handle returns [`JoinError::Failed`].
    ///
    /// # Cancel safety
    /// Dropping a handle that was never awaited leaves the child running; dropping one that was
    /// awaited cancels the child.
    ///
    /// # Panics
    /// If it is called outside a runtime.
    ///
    /// # Examples
    /// ```
    /// # use wheelhouse::{run, task_group};
    /// # run(async {
    /// let name = String::from("wheel");
    /// let length = task_group(async |g| {
    ///     let child = g.spawn(async { Ok::<_, String>(name.len()) });
    ///     Ok(child.await.expect("the child does not fail"))
    /// })
    /// .await;
    /// assert_eq!(length.unwrap(), 5);
    /// # });
    /// ```
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

    /// Returns a builder for a child, to set its name.
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

    /// Limits how many children run at once: the next one begins when one has ended.
    ///
    /// Children begin in spawn order. The limit holds for children that are spawned after the call.
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

    /// Cancels the body and the children, with [`Reason::GroupCancelled`].
    ///
    /// If the body has ended, or ends without a further await, the group returns its value;
    /// otherwise [`GroupError::Cancelled`]. Further calls do nothing.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{run, task_group, yield_now};
    ///
    /// run(async {
    ///     let first = task_group(async |g| {
    ///         g.spawn(std::future::pending::<()>());
    ///         yield_now().await;
    ///         g.cancel(); // the other children are no longer needed
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

    /// Returns the number of children that have not ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Returns `true` if all children have ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns `true` if the group is being cancelled: [`cancel`](TaskGroup::cancel) was called,
    /// the body or a child failed or panicked, or the task that awaits the group was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.borrow().is_some()
    }

    fn cancelled(&self) -> Option<Cancelled> {
        self.cancelled.borrow().clone()
    }

    /// Records the cancellation that propagates at the end, if there is one. A child that is
    /// spawned later is cancelled with it before its first poll.
    fn set_cancelled(&self, passing: Option<&Cancelled>) {
        if let Some(cancelled) = passing {
            self.cancelled.replace(Some(cancelled.clone()));
        }
    }

    /// Creates the group's own cancellation, unless the group is cancelled already. The driver
    /// delivers it.
    fn cancel_for(&self, reason: Reason) {
        let by: Option<Id> = try_current().map(|task| task.id());
        let is_new = self.cancelled.borrow().is_none();
        if is_new {
            self.cancelled.replace(Some(Cancelled::new(reason, by)));
            self.children.announce_end();
        }
    }

    /// Records the error of a member, and cancels the group.
    fn failed(&self, error: E) {
        self.errors.borrow_mut().push(error);
        self.cancel_for(Reason::SiblingFailed);
    }

    /// Records the panic of a member, if it is the first one, and cancels the group.
    fn panicked(&self, panic: Panic) {
        let is_first = self.panic.borrow().is_none();
        if is_first {
            *self.panic.borrow_mut() = Some(panic);
        } else {
            drop_quietly(panic);
        }
        self.cancel_for(Reason::SiblingFailed);
    }

    /// Ends the child that is being polled with `error`, when its poll returns.
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
