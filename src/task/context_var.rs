//! Context variables: values that a task has without passing them, and that its children inherit.
//!
//! ```text
//!   VAR.with(value, future) ── each poll, the drop ─▶ value on top of what is set around
//!                                                        └─▶ inner ─▶ what was set before is back
//!   spawn ─ the child's list is what is inherited of the spawner's, at that moment; what is set later does not reach it
//! ```
//!
//! A program that sets none pays for none: a task carries a list only if one was set where it was spawned.

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

/// A variable whose value depends on the task that reads it (asyncio: `contextvars.ContextVar`); made by
/// [`context_var!`](crate::context_var).
///
/// A value is set for a future, by [`with`](ContextVar::with): whatever runs inside of it sees the value, the branches of a
/// `gather` and whatever it calls included. A task that is spawned there, a group's child too, has the value for its whole
/// life, unless the variable is declared `not_inherited`. Destructors see it, too: it is set while
/// the future or the task is dropped, also when that was cut off. A function that [`to_thread`](crate::to_thread) runs has a clone of
/// the value, if that is `Clone + Send`. There is no `set`: a value ends where its future ends, so nothing needs to be reset.
#[doc(alias = "LocalKey")]
#[doc(alias = "task_local")]
pub struct ContextVar<T: 'static> {
    /// The value where none is set.
    default: Option<fn() -> T>,
    /// Who else has what is set.
    reach: Inheritance,
    /// For messages.
    name: &'static str,
}

impl<T: 'static> ContextVar<T> {
    /// A variable. For [`context_var!`](crate::context_var).
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

    /// What names the variable: no two statics that hold something lie at one place.
    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Runs a future with the variable set to `value`.
    ///
    /// # Cancel safety
    /// Dropping it drops the future, whose destructors see the value, and then the value, unless
    /// a spawned task has it.
    ///
    /// # Panics
    /// When polled outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{context_var, run, spawn};
    ///
    /// context_var! {
    ///     /// Who asks.
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
        let below = with("ContextVar::with_sync", |core| core.vars());
        let frame = vars::set(below, self.key(), Rc::new(value), self.reach);
        let _back = RestoreVars::set(frame);
        f()
    }

    /// Gives a copy of the value.
    ///
    /// # Panics
    /// When the variable is not set here and has no default.
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

    /// Gives a copy of the value; `None` when the variable is not set here and has no default.
    #[must_use]
    pub fn try_get(&'static self) -> Option<T>
    where
        T: Clone,
    {
        self.read(|value| value.cloned())
    }

    /// Lets `look` see the value: `None` when the variable is not set here and has no default.
    pub fn read<R>(&'static self, look: impl FnOnce(Option<&T>) -> R) -> R {
        let value = crate::runtime::try_with(|core| core.find_var(self.key()));
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

/// Tells whether a value can go to other threads. For [`context_var!`](crate::context_var).
#[doc(hidden)]
#[derive(Debug)]
pub struct Threads<T>(PhantomData<T>);

impl<T: Clone + Send + 'static> Threads<T> {
    /// How it goes there.
    pub const COPIED: Option<Copied> = Some(|value| {
        let value: &T = value.downcast_ref().expect("a variable's own value");
        Box::new(value.clone())
    });
}

/// What is taken for any other value. For [`context_var!`](crate::context_var).
#[doc(hidden)]
pub trait StaysOnItsThread {
    /// It does not go there.
    const COPIED: Option<Copied> = None;
}

impl<T> StaysOnItsThread for Threads<T> {}

pin_project! {
    /// The future of [`ContextVar::with`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct WithFuture<T: 'static, F> {
        // `None` once it is done, so that its destructor ran inside.
        #[pin]
        future: Option<F>,
        var: &'static ContextVar<T>,
        // Until the first poll.
        value: Option<T>,
        // Since then; made anew if what is set around changes, which happens only if the future moves.
        frame: Option<Rc<Frame>>,
    }

    impl<T: 'static, F> PinnedDrop for WithFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            this.drop_inside();
        }
    }
}

impl<T: 'static, F> WithFuture<T, F> {
    /// The variable on top of what is set around.
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

    /// Drops a future that is not done with the variable set: its destructors are its code as much as its polls.
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
            .expect("a future of `with` was polled after it was done")
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

/// Puts back what was set around when the inner code returns or panics.
struct RestoreVars(Vars);

impl RestoreVars {
    /// Sets `frame` until it is dropped.
    fn set(frame: Rc<Frame>) -> Self {
        Self(replace_vars_here(Some(frame)))
    }
}

impl Drop for RestoreVars {
    fn drop(&mut self) {
        let inner = replace_vars_here(self.0.take());
        // The last one who has a value drops it, which is somebody else's code.
        drop(inner);
    }
}

/// Declares [context variables](crate::task::ContextVar): statics whose value depends on the task that reads them.
///
/// Each may have a default, which is evaluated whenever it is needed, and may be `not_inherited` by spawned tasks.
///
/// # Examples
/// ```
/// wheelhouse::context_var! {
///     /// The request that is being served.
///     pub static REQUEST: u64;
///     /// How deep we are; a spawned task begins anew.
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
                #[allow(unused_imports, reason = "of no use where the other is taken")]
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
