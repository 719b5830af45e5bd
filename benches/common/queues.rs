//! The queues and oneshots of each peer, and their workloads. `smol` uses `async-channel` on its
//! executor; its oneshot is a channel with a capacity of one.

use super::{Peer, Smol, Tokio, Wheelhouse};
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A peer with bounded queues of numbers, and oneshots.
pub(crate) trait QueuePeer: Peer {
    /// The sender of a queue.
    type Sender: Clone + 'static;
    /// The receiver of a queue.
    type Receiver: 'static;
    /// The sender of a oneshot.
    type Once;
    /// The receiver of a oneshot, a future of the number.
    type Later: Future<Output = u64>;

    /// Creates a queue.
    fn queue(capacity: usize) -> (Self::Sender, Self::Receiver);
    /// Puts an item.
    fn put(sender: &Self::Sender, item: u64) -> impl Future<Output = ()>;
    /// Gets an item.
    fn get(receiver: &mut Self::Receiver) -> impl Future<Output = u64>;
    /// Creates a oneshot.
    fn oneshot() -> (Self::Once, Self::Later);
    /// Sends through it.
    fn send(sender: Self::Once, item: u64);
}

impl QueuePeer for Wheelhouse {
    type Sender = Rc<wheelhouse::sync::Queue<u64>>;
    type Receiver = Self::Sender;
    type Once = wheelhouse::sync::oneshot::Sender<u64>;
    type Later = Good<wheelhouse::sync::oneshot::Receiver<u64>>;

    fn queue(capacity: usize) -> (Self::Sender, Self::Receiver) {
        let queue = Rc::new(wheelhouse::sync::Queue::bounded(capacity));
        (Rc::clone(&queue), queue)
    }

    fn put(sender: &Self::Sender, item: u64) -> impl Future<Output = ()> {
        Good(sender.put(item))
    }

    fn get(receiver: &mut Self::Receiver) -> impl Future<Output = u64> {
        Good(receiver.get())
    }

    fn oneshot() -> (Self::Once, Self::Later) {
        let (sender, receiver) = wheelhouse::sync::oneshot();
        (sender, Good(receiver))
    }

    fn send(sender: Self::Once, item: u64) {
        assert!(sender.send(item).is_ok());
    }
}

impl QueuePeer for Tokio {
    type Sender = tokio::sync::mpsc::Sender<u64>;
    type Receiver = tokio::sync::mpsc::Receiver<u64>;
    type Once = tokio::sync::oneshot::Sender<u64>;
    type Later = Good<tokio::sync::oneshot::Receiver<u64>>;

    fn queue(capacity: usize) -> (Self::Sender, Self::Receiver) {
        tokio::sync::mpsc::channel(capacity)
    }

    async fn put(sender: &Self::Sender, item: u64) {
        assert!(sender.send(item).await.is_ok());
    }

    async fn get(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("a sender is there")
    }

    fn oneshot() -> (Self::Once, Self::Later) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        (sender, Good(receiver))
    }

    fn send(sender: Self::Once, item: u64) {
        assert!(sender.send(item).is_ok());
    }
}

impl QueuePeer for Smol {
    type Sender = async_channel::Sender<u64>;
    type Receiver = async_channel::Receiver<u64>;
    type Once = Self::Sender;
    type Later = Pin<Box<dyn Future<Output = u64>>>;

    fn queue(capacity: usize) -> (Self::Sender, Self::Receiver) {
        async_channel::bounded(capacity)
    }

    async fn put(sender: &Self::Sender, item: u64) {
        assert!(sender.send(item).await.is_ok());
    }

    async fn get(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("a sender is there")
    }

    fn oneshot() -> (Self::Once, Self::Later) {
        let (sender, receiver) = async_channel::bounded(1);
        let later = async move { receiver.recv().await.expect("it was sent") };
        (sender, Box::pin(later))
    }

    fn send(sender: Self::Once, item: u64) {
        assert!(sender.try_send(item).is_ok());
    }
}

/// A future whose result is never an error here.
pub(crate) struct Good<F>(F);

impl<T, E, F: Future<Output = Result<T, E>> + Unpin> Future for Good<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match Pin::new(&mut self.0).poll(cx) {
            Poll::Ready(Ok(value)) => Poll::Ready(value),
            Poll::Ready(Err(_)) => panic!("nobody closes it"),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Puts and gets an item without a wait; `rounds` times.
pub(crate) async fn free<P: QueuePeer>(rounds: u64) {
    let (sender, mut receiver) = black_box(P::queue(16));
    let work = async {
        for round in 0..rounds {
            P::put(&sender, round).await;
            assert_eq!(P::get(&mut receiver).await, round);
        }
    };
    P::unbudgeted(work).await;
}

/// Lets `producers` tasks put `rounds` items each into a queue of `capacity`, and one task get
/// them.
pub(crate) async fn throughput<P: QueuePeer>(
    peer: &P,
    producers: usize,
    capacity: usize,
    rounds: u64,
) {
    let (sender, mut receiver) = P::queue(capacity);
    let start = |_| {
        let sender = sender.clone();
        peer.spawn(async move {
            for round in 0..rounds {
                P::put(&sender, round).await;
            }
        })
    };
    let handles: Vec<_> = (0..producers).map(start).collect();
    let all = producers as u64 * rounds;
    let mut sum = 0;
    for _ in 0..all {
        sum += P::get(&mut receiver).await;
    }
    for handle in handles {
        handle.await;
    }
    assert_eq!(sum, all * rounds.saturating_sub(1) / 2);
}

/// Creates a oneshot, waits for it, sends and receives; `rounds` times. The waker does nothing, so
/// that no runtime is measured, except in one poll of a hundred rounds: a task gives way after many
/// ready operations.
pub(crate) async fn oneshot<P: QueuePeer>(rounds: u64) {
    let mut next = 0;
    let work = poll_fn(|task| {
        let mut cx = Context::from_waker(Waker::noop());
        for round in next..rounds.min(next + 100) {
            let (sender, later) = P::oneshot();
            let mut later = pin!(later);
            assert!(later.as_mut().poll(&mut cx).is_pending());
            P::send(sender, round);
            assert_eq!(later.as_mut().poll(&mut cx), Poll::Ready(round));
        }
        next += 100;
        if next >= rounds {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    });
    P::unbudgeted(work).await;
}
