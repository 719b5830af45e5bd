//! Returns a value that does not implement `Error` as an `Error` that prints alike. An unsafe
//! module, which casts a pointer to a transparent wrapper. Layer 0.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::ptr;

/// Anything that can be printed. Invariant: it has the layout of its field (`transparent`).
#[repr(transparent)]
struct Shown<E>(E);

impl<E> Shown<E> {
    /// Wraps a reference.
    fn of(error: &E) -> &Self {
        let shown = ptr::from_ref(error).cast::<Self>();
        // SAFETY: the invariant: the pointer is valid for `Self` as it is for `E`, and shared as
        // long.
        unsafe { &*shown }
    }
}

impl<E: fmt::Display> fmt::Display for Shown<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Debug> fmt::Debug for Shown<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Debug + fmt::Display> Error for Shown<E> {}

/// Returns `error` as an `Error`. A boxed error and an I/O error are returned themselves, with
/// their causes; any other value is wrapped in an error that prints alike. Whether `E` implements
/// `Error` cannot be tested without a bound.
pub(crate) fn as_error<E: fmt::Debug + fmt::Display + 'static>(
    error: &E,
) -> &(dyn Error + 'static) {
    let any: &dyn Any = error;
    if let Some(boxed) = any.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        &**boxed
    } else if let Some(boxed) = any.downcast_ref::<Box<dyn Error + Send>>() {
        &**boxed
    } else if let Some(boxed) = any.downcast_ref::<Box<dyn Error>>() {
        &**boxed
    } else if let Some(error) = any.downcast_ref::<io::Error>() {
        error
    } else {
        Shown::of(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_value_prints_as_before() {
        let (text, number) = (String::from("full"), 7_u64);
        assert_eq!(as_error(&text).to_string(), "full");
        assert_eq!(format!("{:?}", as_error(&text)), "\"full\"");
        assert_eq!(format!("{:>3}", as_error(&number)), "  7");
    }

    #[test]
    fn boxed_errors_and_io_errors_are_returned_themselves() {
        let cause = || io::Error::new(io::ErrorKind::StorageFull, "no space");
        let boxed: Box<dyn Error + Send + Sync> = Box::new(cause());
        let unsent: Box<dyn Error> = Box::new(cause());
        let sent: Box<dyn Error + Send> = Box::new(cause());
        let plain = cause();
        for error in [
            as_error(&boxed),
            as_error(&unsent),
            as_error(&sent),
            as_error(&plain),
        ] {
            let found = error.downcast_ref::<io::Error>();
            assert_eq!(found.map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        }
    }
}
