//! The errors of queues and channels.

use std::fmt;

/// The error of waiting for an item or value of a closed queue or channel (asyncio:
/// `QueueShutDown`).
///
/// A channel is closed when its other side is dropped, a queue by
/// [`close`](crate::sync::OrderedQueue::close) or
/// [`close_now`](crate::sync::OrderedQueue::close_now).
#[doc(alias = "QueueShutDown")]
#[doc(alias = "RecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("closed")]
pub struct Closed(pub(crate) ());

/// The error of putting or sending an item into a closed queue or channel, with the item.
#[doc(alias = "SendError")]
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("closed, and the item was not delivered")]
pub struct Undelivered<T>(pub T);

impl<T> fmt::Debug for Undelivered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Undelivered").finish_non_exhaustive()
    }
}

/// The error of putting or sending an item without waiting, with the item.
#[doc(alias = "QueueFull")]
#[doc(alias = "TrySendError")]
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutError<T> {
    /// The queue or channel is full (asyncio: `QueueFull`).
    #[error("full")]
    Full(T),
    /// The queue or channel is closed (asyncio: `QueueShutDown`).
    #[error("closed")]
    Closed(T),
}

impl<T> PutError<T> {
    /// Returns the item.
    #[must_use]
    pub fn into_item(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Full(_) => "Full",
            Self::Closed(_) => "Closed",
        };
        f.debug_tuple(name).finish_non_exhaustive()
    }
}

/// The error of taking an item without waiting.
#[doc(alias = "QueueEmpty")]
#[doc(alias = "TryRecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GetError {
    /// The queue or channel is empty (asyncio: `QueueEmpty`).
    #[error("empty")]
    Empty,
    /// The queue or channel is closed and empty (asyncio: `QueueShutDown`).
    #[error("closed")]
    Closed,
}

/// The error of [`recv`](crate::sync::broadcast::Receiver::recv) of a
/// [`broadcast`](crate::sync::broadcast()).
#[doc(alias = "RecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BroadcastError {
    /// The receiver was too slow, and this many items were overwritten. It continues with the
    /// oldest item that is left.
    #[error("lagging: {0} items were lost")]
    Lagged(u64),
    /// All senders were dropped, and all items were received.
    #[error("closed")]
    Closed,
}

/// The error of [`try_recv`](crate::sync::broadcast::Receiver::try_recv) of a
/// [`broadcast`](crate::sync::broadcast()).
#[doc(alias = "TryRecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryBroadcastError {
    /// There is no item at the moment.
    #[error("empty")]
    Empty,
    /// The receiver was too slow, and this many items were overwritten. It continues with the
    /// oldest item that is left.
    #[error("lagging: {0} items were lost")]
    Lagged(u64),
    /// All senders were dropped, and all items were received.
    #[error("closed")]
    Closed,
}
