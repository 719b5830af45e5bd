//! Calls of third-party code whose panics must not propagate.
//!
//! A waker or a destructor is third-party code and may panic, but the loop that calls it has other
//! tasks to run. The panic hook has printed the message before the panic is caught, so no panic is
//! silent.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// The payload of a panic.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Returns the message of a panic, if its payload is text (as that of `panic!("...")` is).
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    match payload.downcast_ref::<&'static str>() {
        Some(text) => Some(text),
        None => payload.downcast_ref::<String>().map(String::as_str),
    }
}

/// Calls `f` and returns its panic as a value.
///
/// The caller must not use state that `f` may have left inconsistent. All present callers drop what
/// `f` used, or do not access it again.
pub(crate) fn caught<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Drops a value, and discards a panic of its destructor.
pub(crate) fn drop_quietly<T>(value: T) {
    if std::mem::needs_drop::<T>()
        && let Err(payload) = caught(|| drop(value))
    {
        discard(payload);
    }
}

/// Wakes, and discards a panic of the waker.
pub(crate) fn wake_quietly(waker: Waker) {
    if let Err(payload) = caught(|| waker.wake()) {
        discard(payload);
    }
}

/// Resumes a panic, unless the thread is panicking already: a second panic would abort the process.
pub(crate) fn go_on(payload: Payload) {
    if std::thread::panicking() {
        drop_quietly(payload);
    } else {
        std::panic::resume_unwind(payload);
    }
}

/// How often the drop of a payload may panic with another payload before that is leaked.
const MAX_NESTED_PANICS: usize = 16;

/// Drops the payload of a panic. If its destructor panics, drops that payload too, and so on, up to
/// [`MAX_NESTED_PANICS`] times.
#[cold]
fn discard(mut payload: Payload) {
    for _ in 0..MAX_NESTED_PANICS {
        match caught(|| drop(payload)) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb(u32);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                std::panic::panic_any(Bomb(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_panic_of_a_destructor_is_discarded() {
        drop_quietly(Bomb(1));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_discarded() {
        drop_quietly(Bomb(3));
    }

    /// Panics with another one when it is dropped. Without a size, so that its leak loses no
    /// memory.
    struct Endless;
    impl Drop for Endless {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new(Endless));
        }
    }

    #[test]
    fn payloads_that_panic_without_end_are_leaked() {
        drop_quietly(Endless);
    }
}
