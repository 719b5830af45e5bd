//! How far the watch over awaits in a cycle has come; [`stuck_awaits`](super::stuck_awaits) draws it.

/// How far the watch has come since a task was ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum WatchStage {
    /// The loop has not waited for long enough.
    #[default]
    Watching,
    /// The awaits were woken, to be recorded.
    Asked,
    /// Nothing is looked for until a task is ready.
    Over,
}
