//! Context variables: values that belong to a future, and that spawned tasks inherit.
//!
//! ```text
//!   VAR.with(value, future) ── poll or drop ──▶ a frame with the value, on top
//!                                               of the frames around
//!                                                 └─▶ inner future
//!                                               then the frames around again
//!   spawn ── the child gets the inheritable frames of this moment
//! ```
//!
//! A program that sets no variables pays nothing: a task has a list of frames only if one was set
//! where it was spawned.

use std::any::Any;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::runtime::{replace_vars_here, vars_here, with};
use crate::util::vars::{self, Copied, Frame, Inheritance, Vars};

/// A variable whose value depends on the task that reads it (asyncio: `contextvars.ContextVar`).
/// [`context_var!`](crate::context_var) declares one.
///
/// [`with`](ContextVar::with) sets the value for a future and everything that runs inside it, such
/// as branches of a `gather` and destructors. There is no `set`: the value ends with the future, so
/// nothing has to be reset.
///
/// - A task that is spawned inside, also a child of a group, inherits the value for its whole life,
///   unless the variable is declared `not_inherited`.
/// - A function that [`to_thread`](crate::to_thread) runs gets a clone of the value, if the type is
///   `Clone + Send`.
/// - The destructors of the future or task see the value, also after a cancellation.
///
/// # Examples
/// ```
/// use wheelhouse::{context_var, run, spawn};
///
/// context_var! {
///     /// The user who sent the request.
///     static USER: String = String::from("nobody");
/// }
///
/// async fn greet() -> String {
///     format!("hello {}", USER.get())
/// }
///
/// run(async {
///     let greeting = USER.with("ann".into(), async { spawn(greet()).await.unwrap() });
///     assert_eq!(greeting.await, "hello ann");
///     assert_eq!(greet().await, "hello nobody");
/// });
/// ```
#[doc(alias = "LocalKey")]
#[doc(alias = "task_local")]
pub struct ContextVar<T: 'static> {
    default: Option<fn() -> T>,
    /// Which tasks and threads inherit the value.
    reach: Inheritance,
    name: &'static str,
}

impl<T: 'static> ContextVar<T> {
    /// Creates a variable, for [`context_var!`](crate::context_var).
    #[doc(hidden)]
    pub const fn declared(
        name: &'static str,
        default: Option<fn() -> T>,
        inherited: bool,
        copied: Option<Copied>,
    ) -> Self {
        Self {
            default,
            reach: Inheritance { inherited, copied },
            name,
        }
    }

    /// Returns the key of the variable: its address, which no other static of non-zero size has.
    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Runs a future with the variable set to `value`.
    ///
    /// # Cancel safety
    /// Dropping the returned future drops `future`, whose destructors still see the value. The
    /// value is dropped after that, unless a spawned task has it.
    ///
    /// # Panics
    /// If it is polled outside of a runtime.
    ///
    /// # Examples
    /// See [`ContextVar`].
    #[doc(alias = "scope")]
    pub fn with<F: IntoFuture>(&'static self, value: T, future: F) -> WithFuture<T, F::IntoFuture> {
        WithFuture {
            future: Some(future.into_future()),
            var: self,
            value: Some(value),
            frame: None,
        }
    }

    /// Runs a function with the variable set to `value`.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[doc(alias = "sync_scope")]
    pub fn with_sync<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let below = with("ContextVar::with_sync", |core| core.vars.get());
        let frame = vars::set(below, self.key(), Rc::new(value), self.reach);
        let _back = RestoreVars::set(frame);
        f()
    }

    /// Returns a clone of the value.
    ///
    /// # Panics
    /// If the variable is not set here and has no default.
    #[track_caller]
    #[must_use]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        match self.try_get() {
            Some(value) => value,
            None => panic!(
                "the context variable `{name}` is not set here and has no default: run this inside \
                 `{name}.with(value, ..)`, or use `try_get`",
                name = self.name
            ),
        }
    }

    /// Returns a clone of the value; `None` if the variable is not set here and has no default.
    #[must_use]
    pub fn try_get(&'static self) -> Option<T>
    where
        T: Clone,
    {
        self.read(|value| value.cloned())
    }

    /// Calls `look` with a reference to the value, and returns its result. The argument is `None`
    /// if the variable is not set here and has no default.
    pub fn read<R>(&'static self, look: impl FnOnce(Option<&T>) -> R) -> R {
        let value = crate::runtime::try_with(|core| core.vars.find(self.key()));
        match value.ok().flatten().or_else(|| vars::find_sent(self.key())) {
            Some(value) => look(value.downcast_ref()),
            None => look(self.default.map(|default| default()).as_ref()),
        }
    }
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar")
            .field("name", &self.name)
            .field("inherited", &self.reach.inherited)
            .finish_non_exhaustive()
    }
}

/// Determines whether a value can be sent to other threads, for
/// [`context_var!`](crate::context_var).
#[doc(hidden)]
#[derive(Debug)]
pub struct Threads<T>(PhantomData<T>);

impl<T: Clone + Send + 'static> Threads<T> {
    /// Clones the value for another thread.
    pub const COPIED: Option<Copied> = Some(|value| {
        let value: &T = value.downcast_ref().expect("a variable's own value");
        Box::new(value.clone())
    });
}

/// The fallback for values that cannot be sent, for [`context_var!`](crate::context_var).
#[doc(hidden)]
pub trait StaysOnItsThread {
    /// The value is not sent.
    const COPIED: Option<Copied> = None;
}

impl<T> StaysOnItsThread for Threads<T> {}

pin_project! {
    /// The future of [`ContextVar::with`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct WithFuture<T: 'static, F> {
        // `None` after it is done: it is dropped inside, so that its destructor sees the value.
        #[pin]
        future: Option<F>,
        var: &'static ContextVar<T>,
        // `Some` until the first poll.
        value: Option<T>,
        // `Some` after that. Created again if the frames around change, as when the future moves to
        // another task.
        frame: Option<Rc<Frame>>,
    }

    impl<T: 'static, F> PinnedDrop for WithFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            this.drop_inside();
        }
    }
}

impl<T: 'static, F> WithFuture<T, F> {
    /// Returns a frame with the value on top of the frames around.
    fn frame(self: Pin<&mut Self>) -> Rc<Frame> {
        let this = self.project();
        let around = vars_here();
        let value: Rc<dyn Any> = match (this.value.take(), &*this.frame) {
            (Some(value), _) => Rc::new(value),
            (None, Some(frame)) if vars::is_same(frame.below(), &around) => {
                return Rc::clone(frame);
            }
            (None, Some(frame)) => frame.value(),
            (None, None) => unreachable!("the frame takes the value"),
        };
        let frame = vars::set(around, this.var.key(), value, this.var.reach);
        *this.frame = Some(Rc::clone(&frame));
        frame
    }

    /// Drops the future, if it is not done, with the variable set, for its destructors.
    fn drop_inside(mut self: Pin<&mut Self>) {
        if self.future.is_none() {
            return;
        }
        let frame = self.as_mut().frame();
        let _back = RestoreVars::set(frame);
        self.project().future.set(None);
    }
}

impl<T: 'static, F: Future> Future for WithFuture<T, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        with("ContextVar::with", |_| ());
        let frame = self.as_mut().frame();
        let _back = RestoreVars::set(frame);
        let mut future = self.project().future;
        let inner = future.as_mut().as_pin_mut();
        let polled = inner
            .expect("a future of `ContextVar::with` was polled after it was done")
            .poll(cx);
        if polled.is_ready() {
            future.set(None);
        }
        polled
    }
}

impl<T, F> fmt::Debug for WithFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFuture")
            .field("var", &self.var.name)
            .finish_non_exhaustive()
    }
}

/// Restores the frames around when the inner code returns or panics.
struct RestoreVars(Vars);

impl RestoreVars {
    /// Sets `frame` until the returned value is dropped.
    fn set(frame: Rc<Frame>) -> Self {
        Self(replace_vars_here(Some(frame)))
    }
}

impl Drop for RestoreVars {
    fn drop(&mut self) {
        let inner = replace_vars_here(self.0.take());
        // This may drop a value, which runs third-party code.
        drop(inner);
    }
}

/// Declares [context variables](crate::task::ContextVar): statics whose value depends on the task
/// that reads them.
///
/// A variable may have a default, which is evaluated at each read, and may be declared
/// `not_inherited`, so that spawned tasks do not get its value.
///
/// # Examples
/// ```
/// wheelhouse::context_var! {
///     /// The number of the current request.
///     pub static REQUEST: u64;
///     /// The depth of the recursion. A spawned task starts at 0.
///     static DEPTH: u32 = 0, not_inherited;
/// }
///
/// wheelhouse::run(REQUEST.with(7, DEPTH.with(3, async {
///     assert_eq!((REQUEST.get(), DEPTH.get()), (7, 3));
///     let child = wheelhouse::spawn(async { (REQUEST.get(), DEPTH.get()) });
///     assert_eq!(child.await.unwrap(), (7, 0));
/// })));
/// ```
#[doc(alias = "ContextVar")]
#[doc(alias = "task_local")]
#[macro_export]
macro_rules! context_var {
    ($($(#[$attr:meta])* $vis:vis static $NAME:ident: $T:ty $(= $default:expr)? $(, $mode:ident)?;)*) => {$(
        $(#[$attr])*
        $vis static $NAME: $crate::task::ContextVar<$T> = $crate::task::ContextVar::declared(
            stringify!($NAME),
            $crate::context_var!(@default $T $(, $default)?),
            $crate::context_var!(@inherited $($mode)?),
            {
                // Where the value is `Clone + Send`, the inherent constant hides the trait's.
                #[allow(unused_imports, reason = "unused if the inherent constant is chosen")]
                use $crate::task::StaysOnItsThread as _;
                $crate::task::Threads::<$T>::COPIED
            },
        );
    )*};
    (@default $T:ty) => { None };
    (@default $T:ty, $default:expr) => { Some(|| -> $T { $default }) };
    (@inherited) => { true };
    (@inherited not_inherited) => { false };
}
