//! Checks of task handles.

use std::sync::Arc;

use wheelhouse::{Cancelled, JoinError, JoinHandle, Reason, spawn};

use super::{Counts, Plan, Probe, Token};

/// Returns the cancellation that ended a task.
pub(crate) async fn cancellation_of<T>(handle: JoinHandle<T>) -> Cancelled {
    match handle.await {
        Err(JoinError::Cancelled(cancelled)) => cancelled,
        Err(other) => panic!("not cancelled: {other}"),
        Ok(_) => panic!("not cancelled: it returned a value"),
    }
}

/// The reason of a `cancel_with(message)`, or of a `cancel()`.
pub(crate) fn explicit(message: Option<&str>) -> Reason {
    Reason::Explicit(message.map(Into::into))
}

/// Spawns a task that never ends by itself.
pub(crate) fn spawn_probe() -> (JoinHandle<Token>, Arc<Counts>) {
    let (probe, counts) = Probe::new(Plan::ends_at(0));
    (spawn(probe), counts)
}

/// Checks that a task was cancelled by the end of its runtime.
#[track_caller]
pub(crate) fn assert_shut_down<T>(mut handle: JoinHandle<T>) {
    match handle.try_join().expect("the runtime has ended").map(drop) {
        Err(JoinError::Cancelled(cancelled)) => assert_eq!(cancelled.reason(), &Reason::Shutdown),
        other => panic!("{other:?}"),
    }
}
