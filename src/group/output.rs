//! What bodies and children of a group may give: nothing, or a `Result`.

use std::convert::Infallible;

/// The type that functions have which never return; it has no name on stable Rust.
type Never = <fn() -> ! as Returns>::Output;

/// What a function returns.
#[doc(hidden)]
pub trait Returns {
    /// The type.
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}

/// What the body of a [`task_group`](super::task_group) may give: `()`, a `Result`, or nothing ever.
///
/// The trait cannot be implemented outside of this crate.
#[diagnostic::on_unimplemented(
    message = "the body of a task group gives `()` or a `Result`, not `{Self}`",
    note = "wrap a plain value: `Ok(value)`; name the error, if nothing else does: `async |g| -> Result<_, MyError> {{ .. }}`"
)]
pub trait GroupOutput: sealed::Sealed {
    /// The value, if the group ends well.
    type Value;
    /// What body and children fail with.
    type Error;

    /// The value or the error.
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

/// What a child of a group whose members fail with `E` may give: `()`, `Result<T, E>`, or nothing ever.
///
/// The trait cannot be implemented outside of this crate.
#[diagnostic::on_unimplemented(
    message = "a child of this task group gives `()` or a `Result<_, {E}>`, not `{Self}`",
    note = "wrap a plain value: `Ok(value)`; turn another error into the group's: `.map_err(..)`"
)]
pub trait ChildOutput<E>: sealed::Sealed {
    /// What the child's handle gives.
    type Value;

    /// The value or the error.
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

/// Keeps the traits from being implemented elsewhere.
mod sealed {
    /// Implemented here only.
    pub trait Sealed {}
    impl Sealed for () {}
    impl<T, E> Sealed for Result<T, E> {}
    impl Sealed for super::Never {}
}
