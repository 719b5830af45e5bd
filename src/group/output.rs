//! The output types of the body and the children of a group: `()`, a `Result`, or `!`.

use std::convert::Infallible;

/// The type `!`, which has no name on stable Rust.
type Never = <fn() -> ! as Returns>::Output;

/// Names the return type of a function.
#[doc(hidden)]
pub trait Returns {
    /// The return type.
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}

/// The output of the body of a [`task_group`](super::task_group): `()`, a `Result`, or `!`.
///
/// The trait cannot be implemented outside this crate.
///
/// # Examples
/// ```
/// use wheelhouse::{run, task_group};
///
/// run(async {
///     task_group(async |_| {}).await.unwrap();
///     let ten = task_group(async |_| Ok::<_, String>(10)).await;
///     assert_eq!(ten.unwrap(), 10);
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "the body of a task group must return `()` or a `Result`, not `{Self}`",
    note = "wrap a plain value: `Ok(value)`; if the error type is not known from elsewhere, name it: `async |g| -> Result<_, MyError> {{ .. }}`"
)]
pub trait GroupOutput: sealed::Sealed {
    /// The value that [`task_group`](super::task_group) returns.
    type Value;
    /// The error type of the body and the children.
    type Error;

    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Value, Self::Error>;
}

impl GroupOutput for () {
    type Value = ();
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<T, E> GroupOutput for Result<T, E> {
    type Value = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

impl GroupOutput for Never {
    type Value = Infallible;
    type Error = Infallible;

    fn into_result(self) -> Result<Infallible, Infallible> {
        self
    }
}

/// The output of a child of a [`TaskGroup`](super::TaskGroup) with error type `E`: `()`,
/// `Result<T, E>`, or `!`.
///
/// The trait cannot be implemented outside this crate.
///
/// # Examples
/// ```
/// use wheelhouse::{run, task_group};
///
/// run(async {
///     let parsed = task_group(async |g| {
///         g.spawn(async {});
///         let number = g.spawn(async { "7".parse::<u32>() });
///         Ok(number.await.expect("the child does not fail"))
///     })
///     .await;
///     assert_eq!(parsed.unwrap(), 7);
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "a child of this task group must return `()` or a `Result<_, {E}>`, not `{Self}`",
    note = "wrap a plain value: `Ok(value)`; convert another error type: `.map_err(..)`"
)]
pub trait ChildOutput<E>: sealed::Sealed {
    /// The value that the child's handle returns.
    type Value;

    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Value, E>;
}

impl<E> ChildOutput<E> for () {
    type Value = ();

    fn into_result(self) -> Result<(), E> {
        Ok(())
    }
}

impl<T, E> ChildOutput<E> for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Self {
        self
    }
}

impl<E> ChildOutput<E> for Never {
    type Value = Infallible;

    fn into_result(self) -> Result<Infallible, E> {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<T, E> Sealed for Result<T, E> {}
    impl Sealed for super::Never {}
}
