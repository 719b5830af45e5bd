//! The workloads, each written once over [`Peer`]. They run in a task (see [`drive`]), check their
//! results and do `rounds` times the same, so that two lengths of one differ by its operations
//! alone.

use super::{Peer, cpu};
use std::cell::{Cell, OnceCell, RefCell};
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// A future that wakes itself and is pending once.
#[derive(Default)]
pub(crate) struct YieldOnce(bool);

impl Future for YieldOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Runs `work` in a spawned task: some runtimes are slower in the future that `block_on` was given.
pub(crate) fn drive<P: Peer, T: 'static>(
    peer: &Rc<P>,
    work: impl AsyncFnOnce(Rc<P>) -> T + 'static,
) -> T {
    let root = Rc::clone(peer);
    peer.block_on(async { peer.spawn(async move { work(root).await }).await })
}

/// The same, and returns how much CPU time it took: a workload that never waits takes that and no
/// more, and what else the machine does meanwhile does not count.
pub(crate) fn time<P: Peer>(peer: &Rc<P>, work: impl AsyncFnOnce(Rc<P>) + 'static) -> Duration {
    drive(peer, async |root| {
        let began = cpu::of_thread();
        work(root).await;
        cpu::of_thread() - began
    })
}

/// Pseudo-random durations below `limit`, the same in each run.
pub(crate) fn durations(limit: Duration) -> impl Iterator<Item = Duration> {
    let nanos = u64::try_from(limit.as_nanos()).expect("short enough");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Duration::from_nanos(state % nanos)
    })
}

/// Spawns `batch` tasks, then awaits them one by one; `rounds` times.
pub(crate) async fn spawn_join<P: Peer>(peer: &P, batch: usize, rounds: u64) {
    let mut handles = Vec::with_capacity(batch);
    for _ in 0..rounds {
        handles.extend((0..batch).map(|n| peer.spawn(async move { black_box(n) })));
        let mut sum = 0;
        for handle in handles.drain(..) {
            sum += handle.await;
        }
        assert_eq!(sum, batch * (batch - 1) / 2);
    }
}

/// Spawns a task and awaits it; `rounds` times.
pub(crate) async fn spawn_join_one<P: Peer>(peer: &P, rounds: u64) {
    for round in 0..rounds {
        let handle = peer.spawn(async move { black_box(round) });
        assert_eq!(handle.await, round);
    }
}

/// Spawns `count` tasks that nobody awaits, then waits until the last has run; `rounds` times.
pub(crate) async fn detached_burst<P: Peer>(peer: &P, count: usize, rounds: u64) {
    for _ in 0..rounds {
        let gate = Rc::new(Countdown::new(count));
        for _ in 0..count {
            let gate = Rc::clone(&gate);
            peer.detach(async move { gate.arrive() });
        }
        gate.wait().await;
    }
}

/// Something that one task awaits and `left` others bring about.
pub(crate) struct Countdown {
    /// How many have not arrived.
    left: Cell<usize>,
    /// The one that waits.
    waiter: RefCell<Option<Waker>>,
}

impl Countdown {
    /// A countdown from `count`.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            left: Cell::new(count),
            waiter: RefCell::new(None),
        }
    }

    /// Counts one down.
    pub(crate) fn arrive(&self) {
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            let waiter = self.waiter.take();
            waiter.into_iter().for_each(Waker::wake);
        }
    }

    /// How many have not arrived.
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// Waits for zero.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> {
        poll_fn(|cx| {
            if self.left.get() == 0 {
                return Poll::Ready(());
            }
            self.waiter.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
    }
}

/// Lets `tasks` tasks yield `rounds` times each.
pub(crate) async fn yields<P: Peer>(peer: &P, tasks: usize, rounds: u64) {
    let start = |_| {
        peer.spawn(async move {
            for _ in 0..rounds {
                P::yield_now().await;
            }
            rounds
        })
    };
    let handles: Vec<_> = (0..tasks).map(start).collect();
    for handle in handles {
        assert_eq!(handle.await, rounds);
    }
}

/// Whose turn it is, and the players' wakers.
#[derive(Default)]
struct Table {
    /// The player who may play.
    turn: Cell<usize>,
    /// Left by a player when it first waits; a task's waker stays good.
    wakers: [OnceCell<Waker>; 2],
}

/// One of the two players, written by hand: what is measured is the waking.
struct Player {
    /// Where it plays.
    table: Rc<Table>,
    /// Its own number.
    number: usize,
    /// How many turns it has yet.
    left: u64,
}

impl Future for Player {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.table.turn.get() == this.number {
            this.play();
            if this.left == 0 {
                return Poll::Ready(());
            }
        }
        this.table.wakers[this.number].get_or_init(|| cx.waker().clone());
        Poll::Pending
    }
}

impl Player {
    /// Takes its turn, and wakes the other.
    fn play(&mut self) {
        let other = 1 - self.number;
        self.left -= 1;
        self.table.turn.set(other);
        if let Some(waker) = self.table.wakers[other].get() {
            waker.wake_by_ref();
        }
    }
}

/// Lets two tasks wake each other in turn: one round is a ping and a pong.
pub(crate) async fn ping_pong<P: Peer>(peer: &P, rounds: u64) {
    let table = Rc::new(Table::default());
    let play = |number| {
        peer.spawn(Player {
            table: Rc::clone(&table),
            number,
            left: rounds,
        })
    };
    let (ping, pong) = (play(0), play(1));
    ping.await;
    pong.await;
    assert_eq!(table.turn.get(), 0);
}

/// Gathers `count` futures that yield once, in one task; `rounds` times.
pub(crate) async fn gather_yields<P: Peer>(_peer: &P, count: usize, rounds: u64) {
    for _ in 0..rounds {
        let futures = (0..count).map(|n| async move {
            YieldOnce::default().await;
            black_box(n)
        });
        let results = P::gather(futures.collect()).await;
        assert_eq!(results.len(), count);
        assert_eq!(results[count - 1], count - 1);
    }
}

/// Spawns `count` tasks and gathers their handles; `rounds` times.
pub(crate) async fn gather_handles<P: Peer>(peer: &P, count: usize, rounds: u64) {
    for _ in 0..rounds {
        let handles = (0..count).map(|n| peer.spawn(async move { black_box(n) }));
        let results = P::gather(handles.collect()).await;
        assert_eq!(results.len(), count);
        assert_eq!(results[count - 1], count - 1);
    }
}

/// Makes a sleep, polls it once and drops it; `rounds` times.
pub(crate) async fn sleep_drop<P: Peer>(_peer: &P, rounds: u64) {
    let work = poll_fn(|cx| {
        for n in 0..rounds {
            let duration = Duration::from_millis(1000 + n * 7919 % 60_000);
            let sleep = pin!(P::sleep(duration));
            assert!(sleep.poll(cx).is_pending());
        }
        Poll::Ready(())
    });
    P::unbudgeted(work).await;
}

/// Makes `count` sleeps between one minute and eleven, and polls each once.
pub(crate) async fn sleepers<P: Peer>(count: usize) -> Vec<Pin<Box<P::Sleep>>> {
    let mut lengths = durations(Duration::from_secs(600));
    let work = poll_fn(move |cx| {
        let make = |length| {
            let mut sleep = Box::pin(P::sleep(Duration::from_secs(60) + length));
            assert!(sleep.as_mut().poll(cx).is_pending());
            sleep
        };
        let held: Vec<_> = lengths.by_ref().take(count).map(make).collect();
        Poll::Ready(held)
    });
    P::unbudgeted(work).await
}

/// Starts `count` tasks that each sleep for up to `limit`, and awaits them.
pub(crate) async fn sleeps_that_fire<P: Peer>(peer: &P, count: usize, limit: Duration) {
    let start = |length| {
        peer.spawn(async move {
            P::sleep(length).await;
            1
        })
    };
    let handles: Vec<_> = durations(limit).take(count).map(start).collect();
    let mut fired = 0;
    for handle in handles {
        fired += handle.await;
    }
    assert_eq!(fired, count);
}

/// Hands a waker to another thread and sleeps until that thread has used it; `rounds` times.
pub(crate) async fn foreign_wakes(rounds: u64) -> Duration {
    let woken = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel::<Waker>();
    let there = Arc::clone(&woken);
    let thread = thread::spawn(move || {
        for waker in receiver {
            there.store(true, Ordering::Release);
            waker.wake();
        }
    });
    let began = Instant::now();
    for _ in 0..rounds {
        let mut sent = false;
        poll_fn(|cx| {
            if woken.swap(false, Ordering::Acquire) {
                return Poll::Ready(());
            }
            if !sent {
                sent = true;
                sender.send(cx.waker().clone()).expect("the thread lives");
            }
            Poll::Pending
        })
        .await;
    }
    let took = began.elapsed();
    drop(sender);
    thread.join().expect("the thread ends well");
    took
}

/// Echoes on one connection until its end; returns how many bytes went through.
pub(crate) async fn echo_one<P: Peer>(mut stream: P::Stream) -> usize {
    let mut buffer = [0; 1024];
    let mut total = 0;
    loop {
        let got = P::read(&mut stream, &mut buffer).await;
        let got = got.expect("the client behaves");
        if got == 0 {
            return total;
        }
        let sent = P::write_all(&mut stream, &buffer[..got]).await;
        sent.expect("the client behaves");
        total += got;
    }
}

/// Accepts `connections` clients and echoes until all have gone; returns how many bytes went
/// through.
pub(crate) async fn echo_all<P: Peer>(
    peer: &P,
    listener: &P::Listener,
    connections: usize,
) -> usize {
    let mut handles = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = P::accept(listener).await.expect("accept works");
        handles.push(peer.spawn(echo_one::<P>(stream)));
    }
    let mut total = 0;
    for handle in handles {
        total += handle.await;
    }
    total
}
