//! The public errors of the crate. They are plain values and know no runtime. Layer 0.

mod cancelled;
mod channel;
mod join;

pub use cancelled::{Cancelled, Reason};
pub use channel::{BroadcastError, Closed, GetError, PutError, TryBroadcastError, Undelivered};
pub use join::{GroupError, JoinError, Panic};

/// The error of [`timeout`](crate::timeout) and [`timeout_at`](crate::timeout_at) when the deadline
/// passed before the future was ready.
#[doc(alias = "TimeoutError")]
#[doc(alias = "TooSlowError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time was up before the future was done")]
pub struct Elapsed(pub(crate) ());

/// The error of a wait at a [`Barrier`](crate::sync::Barrier) that was reset or aborted (asyncio:
/// `BrokenBarrierError`).
#[doc(alias = "BrokenBarrierError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenBarrier {
    /// The barrier was reset during the wait.
    #[error("the barrier was reset during the wait")]
    Reset,
    /// The barrier was aborted, and not reset since.
    #[error("the barrier is broken: it was aborted")]
    Aborted,
}

/// The error of adding more permits to a [`Semaphore`](crate::sync::Semaphore) than its bound
/// allows (asyncio: the `ValueError` of `BoundedSemaphore.release`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the semaphore may have {bound} permits, and has {total} that are free or held: {added} more are too many"
)]
pub struct TooManyPermits {
    pub(crate) bound: usize,
    /// The number of permits before, free and held.
    pub(crate) total: usize,
    /// The number of permits to add.
    pub(crate) added: usize,
}

/// The error of a function that needs a runtime and was called on a thread that runs none.
///
/// [`try_spawn`](crate::task::try_spawn) and other `try_` functions return it where `spawn` panics,
/// so that a library can use a fallback or report the error.
#[doc(alias = "TryCurrentError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no wheelhouse runtime is running on this thread: call this from inside `wheelhouse::run(..)` or `Runtime::block_on(..)`"
)]
pub struct NoRuntime(pub(crate) ());

#[cfg(test)]
mod tests {
    use super::*;

    fn cross_thread<T: Send + Sync + std::error::Error + 'static>() {}

    #[test]
    fn errors_travel_between_threads() {
        cross_thread::<JoinError>();
        cross_thread::<Cancelled>();
        cross_thread::<Elapsed>();
        cross_thread::<NoRuntime>();
        cross_thread::<BrokenBarrier>();
        cross_thread::<TooManyPermits>();
    }

    #[test]
    fn a_join_error_is_two_words() {
        assert_eq!(size_of::<JoinError>(), 2 * size_of::<usize>());
    }

    #[test]
    fn messages_read_as_sentences() {
        let cancelled = Cancelled::new(Reason::Explicit(Some("enough".into())), None);
        assert_eq!(
            JoinError::Cancelled(cancelled).to_string(),
            "the task was cancelled: enough"
        );
        let panic = Panic::new(Box::new("boom"));
        assert_eq!(panic.message().as_deref(), Some("boom"));
        assert_eq!(
            JoinError::Panicked(panic).to_string(),
            "the task panicked: boom"
        );
    }
}
