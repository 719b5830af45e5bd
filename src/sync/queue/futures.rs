//! The futures of the queues. Each leaves the queue in its destructor.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::core::Core;
use super::order::Order;
use super::state::Side;
use crate::error::{Closed, Undelivered};
use crate::util::wait_queue::Ticket;

/// The future of [`get`](super::OrderedQueue::get).
#[must_use = "futures do nothing unless awaited"]
pub struct GetFuture<'a, O: Order> {
    core: &'a Core<O>,
    /// Its entry in the wait queue.
    wait: Option<Ticket>,
}

impl<'a, O: Order> GetFuture<'a, O> {
    #[inline]
    pub(super) fn new(core: &'a Core<O>) -> Self {
        Self { core, wait: None }
    }
}

impl<O: Order> Future for GetFuture<'_, O> {
    type Output = Result<O::Item, Closed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let core = self.core;
        core.poll_get(&mut self.wait, cx)
    }
}

impl<O: Order> Drop for GetFuture<'_, O> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.wait.take() {
            self.core.leave(Side::Get, ticket);
        }
    }
}

impl<O: Order> fmt::Debug for GetFuture<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_future("GetFuture", self.wait.is_some(), f)
    }
}

/// The future of [`put`](super::OrderedQueue::put). It keeps the item until the queue has taken it.
#[must_use = "futures do nothing unless awaited"]
pub struct PutFuture<'a, O: Order> {
    core: &'a Core<O>,
    /// The item, until it is put.
    item: Option<O::Item>,
    /// Its entry in the wait queue.
    wait: Option<Ticket>,
}

impl<'a, O: Order> PutFuture<'a, O> {
    #[inline]
    pub(super) fn new(core: &'a Core<O>, item: O::Item) -> Self {
        Self {
            core,
            item: Some(item),
            wait: None,
        }
    }

    /// Stops waiting and returns the item; `None` if it was put already.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use wheelhouse::{run, sync::Queue, timeout};
    ///
    /// run(async {
    ///     let queue = Queue::bounded(1);
    ///     queue.put_nowait("first").unwrap();
    ///     let mut put = queue.put("second");
    ///     assert!(timeout(Duration::from_millis(1), &mut put).await.is_err());
    ///     assert_eq!(put.into_item(), Some("second"));
    /// });
    /// ```
    #[must_use = "the item is dropped"]
    pub fn into_item(mut self) -> Option<O::Item> {
        self.item.take()
    }
}

/// The item is moved only when it is put.
impl<O: Order> Unpin for PutFuture<'_, O> {}

impl<O: Order> Future for PutFuture<'_, O> {
    type Output = Result<(), Undelivered<O::Item>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let put = ready!(this.core.poll_put(&mut this.item, &mut this.wait, cx));
        Poll::Ready(match (put, this.item.take()) {
            (Err(Closed(())), Some(item)) => Err(Undelivered(item)),
            (Err(Closed(())), None) => panic!("a put was polled after it was done"),
            (Ok(()), _) => Ok(()),
        })
    }
}

impl<O: Order> Drop for PutFuture<'_, O> {
    #[inline]
    fn drop(&mut self) {
        // The item is dropped after this, since its destructor may panic.
        if let Some(ticket) = self.wait.take() {
            self.core.leave(Side::Put, ticket);
        }
    }
}

impl<O: Order> fmt::Debug for PutFuture<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_future("PutFuture", self.wait.is_some(), f)
    }
}

/// The future of [`join`](super::OrderedQueue::join).
#[must_use = "futures do nothing unless awaited"]
pub struct JoinFuture<'a, O: Order> {
    core: &'a Core<O>,
    /// Its entry in the wait queue.
    wait: Option<Ticket>,
}

impl<'a, O: Order> JoinFuture<'a, O> {
    pub(super) fn new(core: &'a Core<O>) -> Self {
        Self { core, wait: None }
    }
}

impl<O: Order> Future for JoinFuture<'_, O> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let core = self.core;
        core.poll_join(&mut self.wait, cx)
    }
}

impl<O: Order> Drop for JoinFuture<'_, O> {
    fn drop(&mut self) {
        if let Some(ticket) = self.wait.take() {
            self.core.leave(Side::Join, ticket);
        }
    }
}

impl<O: Order> fmt::Debug for JoinFuture<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_future("JoinFuture", self.wait.is_some(), f)
    }
}

/// The stream of [`items`](super::OrderedQueue::items).
#[must_use = "streams do nothing unless polled"]
pub struct Items<'a, O: Order> {
    get: GetFuture<'a, O>,
    /// Whether the queue was found closed and empty.
    ended: bool,
}

impl<'a, O: Order> Items<'a, O> {
    pub(super) fn new(core: &'a Core<O>) -> Self {
        Self {
            get: GetFuture::new(core),
            ended: false,
        }
    }
}

impl<O: Order> Stream for Items<'_, O> {
    type Item = O::Item;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<O::Item>> {
        let item = ready!(Pin::new(&mut self.get).poll(cx)).ok();
        self.ended = item.is_none();
        Poll::Ready(item)
    }
}

impl<O: Order> FusedStream for Items<'_, O> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<O: Order> fmt::Debug for Items<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items")
            .field("get", &self.get)
            .field("ended", &self.ended)
            .finish()
    }
}

fn fmt_future(name: &str, waits: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("waits", &waits)
        .finish_non_exhaustive()
}
