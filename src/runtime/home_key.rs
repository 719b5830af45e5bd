//! The identity of the runtime that owns a timer, a socket, a scope or a wait.
//!
//! ```text
//!   at_home_or_send(f) ─┬─ this thread drives the runtime ─▶ f(core), at once
//!                       ├─ it does not: Message::Call ──┬─▶ f(core), in the next turn
//!                       │                               └─▶ dropped, if the runtime ends first
//!                       └─ the runtime has ended ─────────▶ dropped
//! ```
//!
//! Leaf futures and handles hold a `HomeKey` and the key of their resource in place of a pointer.
//! So they are `Send`, and a stale one finds nothing. What `f` would release is released anyway
//! when a runtime ends, so nothing is lost if `f` is dropped.

use std::sync::Arc;

use super::context::hand;
use super::core::Core;
use super::shared::{Message, Shared};

/// The identity of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HomeKey(u32);

impl HomeKey {
    #[inline]
    pub(crate) fn of(core: &Core) -> Self {
        Self(core.shared().number())
    }

    /// Returns `true` if `core` is this runtime.
    #[inline]
    pub(crate) fn is(self, core: &Core) -> bool {
        self == Self::of(core)
    }

    /// Runs `f` with the runtime, if this thread drives it.
    #[inline]
    pub(crate) fn with_home<R>(self, f: impl FnOnce(&Core) -> R) -> Option<R> {
        self.try_home(f).ok()
    }

    /// Runs `f` with the runtime: at once if this thread drives it, otherwise in its next turn.
    /// Drops `f` if the runtime has ended.
    #[inline]
    pub(crate) fn at_home_or_send(self, f: impl FnOnce(&Core) + Send + 'static) {
        if let Err(f) = self.try_home(|core| f(core)) {
            self.send(f);
        }
    }

    /// Runs `f` with the runtime in its next turn.
    #[cold]
    #[inline(never)]
    fn send(self, f: impl FnOnce(&Core) + Send + 'static) {
        if let Some(shared) = self.find() {
            self.send_to(&shared, f);
        }
    }

    /// [`send`](Self::send), if the caller has found the runtime already.
    pub(super) fn send_to(self, shared: &Shared, f: impl FnOnce(&Core) + Send + 'static) {
        let call = move || {
            self.with_home(f);
        };
        shared.send(Message::Call(Box::new(call)));
    }

    /// Returns the shared part of the runtime, unless it has ended.
    pub(super) fn find(self) -> Option<Arc<Shared>> {
        Shared::find(self.0)
    }

    /// Runs `f` with the runtime if this thread drives it, or returns `f`.
    #[inline]
    fn try_home<R, F: FnOnce(&Core) -> R>(self, f: F) -> Result<R, F> {
        hand(
            f,
            |core, f| if self.is(core) { Ok(f(core)) } else { Err(f) },
            Err,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;
    use std::thread;

    use super::*;
    use crate::runtime::{Runtime, with};

    /// How often the functions of one test have run.
    #[derive(Clone, Default)]
    struct Count(Arc<AtomicUsize>);

    impl Count {
        /// Returns a function that counts its call, and checks that it gets the runtime `home`.
        fn of(&self, home: HomeKey) -> impl FnOnce(&Core) + Send + 'static {
            let count = self.clone();
            move |core| {
                assert!(home.is(core));
                count.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        fn get(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn home_of(runtime: &Runtime) -> HomeKey {
        runtime.block_on(async { with("a test", HomeKey::of) })
    }

    #[test]
    fn a_function_runs_at_once_where_its_runtime_is_driven() {
        let (runtime, count) = (Runtime::new().unwrap(), Count::default());
        let home = home_of(&runtime);
        runtime.block_on(async {
            home.at_home_or_send(count.of(home));
            assert_eq!(count.get(), 1);
        });
    }

    #[test]
    fn a_function_waits_for_the_next_turn_where_its_runtime_is_not_driven() {
        let (runtime, count) = (Runtime::new().unwrap(), Count::default());
        let home = home_of(&runtime);
        home.at_home_or_send(count.of(home));
        assert_eq!(count.get(), 0);
        runtime.block_on(async {});
        assert_eq!(count.get(), 1);
    }

    #[test]
    fn a_function_of_another_thread_waits_until_a_busy_runtime_has_time() {
        let (runtime, count) = (Runtime::new().unwrap(), Count::default());
        let home = home_of(&runtime);
        runtime.block_on(async {
            let theirs = count.of(home);
            thread::spawn(move || home.at_home_or_send(theirs))
                .join()
                .unwrap();
            assert_eq!(count.get(), 0);
            // A batch has many polls; the inbox is drained after it.
            let mut polls = 0;
            std::future::poll_fn(|cx| {
                polls += 1;
                cx.waker().wake_by_ref();
                if count.get() == 1 || polls > 1000 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            assert_eq!(count.get(), 1);
        });
    }

    #[test]
    fn a_function_leaves_another_runtime_that_this_thread_drives_alone() {
        let (runtime, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let (home, count) = (home_of(&runtime), Count::default());
        other.block_on(async { home.at_home_or_send(count.of(home)) });
        assert_eq!(count.get(), 0);
        runtime.block_on(async {});
        assert_eq!(count.get(), 1);
    }

    #[test]
    fn a_function_is_dropped_uncalled_when_its_runtime_has_ended() {
        let (runtime, count) = (Runtime::new().unwrap(), Count::default());
        let home = home_of(&runtime);
        home.at_home_or_send(count.of(home));
        drop(runtime);
        assert_eq!(count.get(), 1);
        home.at_home_or_send(count.of(home));
        assert_eq!(count.get(), 1);
        assert_eq!(Arc::strong_count(&count.0), 1);
    }
}
