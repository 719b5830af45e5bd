//! Calls into user code that may panic where a panic must not travel.
//!
//! A destructor, a waker or an output's destructor belongs to somebody else and may panic; the loop that calls it
//! has other tasks to run. The panic hook has printed the message by the time we catch it, so nothing is silent.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// What a panic carried.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs `f` and gives its panic as a value.
///
/// The caller answers for state that `f` may have left half-changed; everything that is called through here is
/// dropped or never touched again.
pub(crate) fn caught<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Drops a value; a panic of its destructor ends here.
pub(crate) fn drop_quietly<T>(value: T) {
    if std::mem::needs_drop::<T>()
        && let Err(payload) = caught(|| drop(value))
    {
        end_here(payload);
    }
}

/// Wakes; a panic of a foreign waker ends here.
pub(crate) fn wake_quietly(waker: Waker) {
    if let Err(payload) = caught(|| waker.wake()) {
        end_here(payload);
    }
}

/// Lets a panic go on, unless another one is under way: two of them would end the process.
pub(crate) fn go_on(payload: Payload) {
    match std::thread::panicking() {
        true => drop_quietly(payload),
        false => std::panic::resume_unwind(payload),
    }
}

/// How often the drop of a payload may panic with another payload.
const PATIENCE: usize = 16;

/// Ends a panic. Payloads whose own destructors go on panicking for ever are leaked rather than let loose.
#[cold]
fn end_here(mut payload: Payload) {
    for _ in 0..PATIENCE {
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
    fn a_panicking_destructor_ends_here() {
        drop_quietly(Bomb(1));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_ends_here_too() {
        drop_quietly(Bomb(3));
    }

    /// No end of it. Without a size, so that what is leaked is nothing.
    struct Endless;
    impl Drop for Endless {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new(Endless));
        }
    }

    #[test]
    fn payloads_that_panic_for_ever_end_here_too() {
        drop_quietly(Endless);
    }
}
