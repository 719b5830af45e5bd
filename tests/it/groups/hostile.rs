//! Random programs of groups among code that does what no sensible code would: wakers and
//! destructors that poll, drop, leak, cancel and wake whatever they can reach.
//!
//! Children borrow from the heap, so that AddressSanitizer sees one that is touched after its
//! group. On virtual time a wake that is lost is a deadlock, which is reported.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::common::acting_waker::{Call, acting_waker};
use crate::common::{OnDrop, leak, silent_panic, text_of};
use wheelhouse::task::CancelHandle;
use wheelhouse::{
    JoinHandle, catch_cancel, gather, shield, sleep, spawn, task, task_group, testing, timeout,
    yield_now,
};

type Boxed<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What a member does with its group, by number.
type Ops<'a> = Rc<dyn Fn(u32) + 'a>;

/// The text of the panics of these programs.
const HOSTILE: &str = "hostile, on purpose";

/// What all members of a program can reach.
#[derive(Default)]
struct World {
    random: Cell<u64>,
    /// How many actions and members are left.
    budget: Cell<u32>,
    /// Futures that run only when an action polls them.
    shelf: RefCell<Vec<Boxed<'static>>>,
    handles: RefCell<Vec<JoinHandle<()>>>,
    cancels: RefCell<Vec<CancelHandle>>,
    wakers: RefCell<Vec<Waker>>,
}

impl World {
    fn new(seed: u64, budget: u32) -> Rc<Self> {
        let world = Self::default();
        world
            .random
            .set(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        world.budget.set(budget);
        Rc::new(world)
    }

    /// A number below `limit`.
    fn pick(&self, limit: u32) -> u32 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        (x >> 33) as u32 % limit
    }

    /// Takes one action or member from the budget.
    fn spend(&self) -> bool {
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(1));
        left > 0
    }

    fn take<T>(&self, list: &RefCell<Vec<T>>) -> Option<T> {
        let mut list = list.borrow_mut();
        let len = list.len() as u32;
        (len > 0).then(|| list.swap_remove(self.pick(len) as usize))
    }

    /// A clone of a waker. No list is borrowed meanwhile, since the clone may act.
    fn waker(&self) -> Waker {
        let Some(waker) = self.take(&self.wakers) else {
            return Waker::noop().clone();
        };
        let clone = waker.clone();
        self.wakers.borrow_mut().push(waker);
        clone
    }

    /// Does something with what can be reached.
    fn act(self: &Rc<Self>) {
        if !self.spend() {
            return;
        }
        match self.pick(9) {
            0 | 1 => self.waker().wake(),
            2 => drop(self.take(&self.cancels).map(|task| task.cancel())),
            3 => drop(self.take(&self.handles)),
            4 | 5 => self.poll_one(),
            6 => drop(self.take(&self.shelf)),
            7 => self.keep(spawn(member(self, 1, None))),
            _ => {
                let future = member(self, 3, None);
                self.shelf.borrow_mut().push(future);
            }
        }
    }

    /// Polls a future of the shelf, which is not there meanwhile.
    fn poll_one(self: &Rc<Self>) {
        let Some(mut future) = self.take(&self.shelf) else {
            return;
        };
        let waker = self.waker();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            future.as_mut().poll(&mut Context::from_waker(&waker))
        }));
        match polled {
            Ok(Poll::Pending) if self.pick(8) == 0 => leak(future),
            Ok(Poll::Pending) => self.shelf.borrow_mut().push(future),
            Ok(Poll::Ready(())) => {}
            Err(payload) => assert_expected(0, text_of(&*payload)),
        }
    }

    fn keep(&self, handle: JoinHandle<()>) {
        self.cancels.borrow_mut().push(handle.cancel_handle());
        if self.pick(2) == 0 {
            self.handles.borrow_mut().push(handle);
        }
    }
}

/// Polls `inner` with wakers that act in one of their calls, and then wake the task.
fn with_acting_wakers<'a>(world: &Rc<World>, mut inner: Boxed<'a>) -> Boxed<'a> {
    let world = Rc::clone(world);
    let call = Call::ALL[world.pick(3) as usize];
    Box::pin(poll_fn(move |cx| {
        let (world, outer) = (Rc::clone(&world), cx.waker().clone());
        let forwards = call != Call::Wake;
        if forwards && world.pick(2) == 0 {
            return inner.as_mut().poll(cx);
        }
        let waker = acting_waker(call, move || {
            if call == Call::Wake {
                outer.wake_by_ref();
            }
            world.act();
        });
        let polled = inner.as_mut().poll(&mut Context::from_waker(&waker));
        if forwards && polled.is_pending() {
            // This waker wakes no task, so the task yields.
            cx.waker().wake_by_ref();
        }
        polled
    }))
}

/// Wakes a task, and remembers that it was for one of its futures.
struct Flag(AtomicBool, Waker);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
        self.1.wake_by_ref();
    }
}

/// Runs two futures and polls each only when it was woken, as `FuturesUnordered` does; but that
/// leaks members when one panics.
fn both_when_woken<'a>(futures: [Boxed<'a>; 2]) -> Boxed<'a> {
    let mut members = futures.map(|future| (Some(future), None::<Arc<Flag>>));
    Box::pin(poll_fn(move |cx| {
        for (future, flag) in &mut members {
            let is_woken = match flag {
                Some(flag) => flag.0.swap(false, Ordering::SeqCst) || !flag.1.will_wake(cx.waker()),
                None => true,
            };
            if let (Some(inner), true) = (future.as_mut(), is_woken) {
                let new = Arc::new(Flag(AtomicBool::new(false), cx.waker().clone()));
                let waker = Waker::from(Arc::clone(&new));
                drop(flag.replace(new));
                if inner
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_ready()
                {
                    drop(future.take());
                }
            }
        }
        if members.iter().all(|(future, _)| future.is_none()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }))
}

/// A group with its own data, which its members borrow.
fn group<'a>(world: &Rc<World>, depth: u32) -> Boxed<'a> {
    let world = Rc::clone(world);
    Box::pin(async move {
        let lent = Box::new(String::from("lent"));
        let (lent, world) = (&*lent, &world);
        let outcome = task_group(async |g| {
            let ops: Ops<'_> = Rc::new(move |number| match number {
                0 => g.cancel(),
                1 => drop(g.limit(2)),
                _ => {
                    let future = borrows(world, depth.saturating_sub(1), lent, None);
                    world.keep_if_static(g.spawn(async move {
                        future.await;
                        match world.pick(6) {
                            0 => Err(String::from("failed")),
                            _ => Ok(()),
                        }
                    }));
                }
            });
            for _ in 0..=world.pick(3) {
                let future = borrows(world, depth, lent, Some(Rc::clone(&ops)));
                drop(g.spawn(async move {
                    future.await;
                    Ok(())
                }));
            }
            borrows(world, depth, lent, Some(ops)).await;
            Ok(())
        });
        drop(outcome.await);
        assert_eq!(lent, "lent");
    })
}

impl World {
    /// Keeps the right to cancel a child, and drops its handle or not.
    fn keep_if_static(&self, handle: JoinHandle<()>) {
        self.cancels.borrow_mut().push(handle.cancel_handle());
    }
}

/// A member that looks at what it borrows when it begins, ends and is dropped.
fn borrows<'a>(world: &'a Rc<World>, depth: u32, lent: &'a str, ops: Option<Ops<'a>>) -> Boxed<'a> {
    let inner = member(world, depth.saturating_sub(1), ops);
    let guard = OnDrop::new(move || {
        assert_eq!(lent, "lent");
        if world.pick(4) == 0 {
            world.act();
        }
    });
    Box::pin(async move {
        let _guard = guard;
        inner.await;
        assert_eq!(lent, "lent");
    })
}

/// A random future.
fn member<'a>(world: &Rc<World>, depth: u32, ops: Option<Ops<'a>>) -> Boxed<'a> {
    if depth == 0 || !world.spend() {
        return leaf(world, ops);
    }
    let inner = || member(world, depth - 1, ops.clone());
    match world.pick(9) {
        0..=2 => group(world, depth),
        3 => with_acting_wakers(world, inner()),
        4 => both_when_woken([inner(), group(world, depth)]),
        5 => {
            let both = (inner(), group(world, depth));
            Box::pin(async move {
                let ((), ()) = gather(both).await;
            })
        }
        6 => {
            let inner = inner();
            Box::pin(async move { timeout(Duration::from_millis(3), inner).await.unwrap_or(()) })
        }
        7 => {
            let inner = inner();
            let world = Rc::clone(world);
            Box::pin(async move {
                if let Err(cancelled) = catch_cancel(inner).await {
                    world.act();
                    yield_now().await;
                    cancelled.resume().await
                }
            })
        }
        _ => Box::pin(shield(inner())),
    }
}

/// Some steps, then the end.
fn leaf<'a>(world: &Rc<World>, ops: Option<Ops<'a>>) -> Boxed<'a> {
    let world = Rc::clone(world);
    Box::pin(async move {
        for _ in 0..world.pick(6) {
            match world.pick(9) {
                0 | 1 => yield_now().await,
                2 => sleep(Duration::from_millis(world.pick(5).into())).await,
                3 => {
                    poll_fn(|cx| {
                        let waker = cx.waker().clone();
                        world.wakers.borrow_mut().push(waker);
                        Poll::Ready(())
                    })
                    .await
                }
                4 => {
                    if let (Some(ops), true) = (&ops, world.spend()) {
                        ops(world.pick(6));
                    }
                }
                5 if world.pick(4) == 0 => silent_panic(HOSTILE),
                6 => {
                    let handle = world.take(&world.handles);
                    if let Some(handle) = handle {
                        let waited = timeout(Duration::from_millis(5), handle).await;
                        waited.map(drop).unwrap_or(());
                    }
                }
                7 if world.pick(3) == 0 => {
                    task::try_current().map(|task| task.cancel_handle().cancel());
                }
                _ => world.act(),
            }
        }
    })
}

/// Checks that a panic is one of the program: its own, or that of a future that was polled where it
/// must not be.
fn assert_expected(seed: u64, text: &str) {
    let expected = [
        HOSTILE,
        "polled again after a cancellation",
        "awaited outside of a task",
    ];
    let is_expected = expected.iter().any(|part| text.contains(part));
    assert!(is_expected, "seed {seed}: {text}");
}

/// Runs the program of one seed.
fn check(seed: u64) {
    let world = World::new(seed, 60);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        testing::run(async {
            for _ in 0..3 {
                world.keep(spawn(member(&world, 4, None)));
            }
            let main = spawn(group(&world, 4));
            world.cancels.borrow_mut().push(main.cancel_handle());
            drop(main.await);
            while let Some(handle) = world.take(&world.handles) {
                drop(handle.await);
            }
            clear(&world);
        });
    }));
    if let Err(payload) = ended {
        assert_expected(seed, text_of(&*payload));
    }
    clear(&world);
}

/// Drops what is left, with no list borrowed.
fn clear(world: &Rc<World>) {
    world.budget.set(0);
    let shelf = world.shelf.take();
    drop(shelf);
    let handles = world.handles.take();
    drop(handles);
    let wakers = world.wakers.take();
    drop(wakers);
}

#[test]
fn random_programs_of_hostile_members_end_and_touch_nothing_that_has_gone() {
    let seeds = std::env::var("HOSTILE_SEEDS").ok();
    let (from, to) = seeds
        .as_deref()
        .and_then(|seeds| seeds.split_once(".."))
        .map_or((0, 300), |(from, to)| {
            (from.parse().unwrap(), to.parse().unwrap())
        });
    for seed in from..to {
        if seeds.is_some() {
            println!("seed {seed}");
        }
        check(seed);
    }
}

/// The turn of a child looks at the owner of its group after it has called the wakers on the way.
/// Where one of these had ended the owner, that look allocated state for it that nothing freed: the
/// leak check of AddressSanitizer sees it.
#[test]
fn a_waker_on_the_way_to_a_child_may_drop_the_group_of_the_owner() {
    testing::run(async {
        let place: Rc<RefCell<Option<Boxed<'static>>>> = Rc::default();
        let inside = Rc::clone(&place);
        let outer = task_group(async |g| {
            g.spawn(async move {
                let inner = task_group(async |h| {
                    drop(h.spawn(async {
                        yield_now().await;
                        std::future::pending::<()>().await
                    }));
                });
                let mut inner = std::pin::pin!(inner);
                poll_fn(|cx| {
                    let (place, outer) = (Rc::clone(&inside), cx.waker().clone());
                    let waker = acting_waker(Call::Wake, move || {
                        outer.wake_by_ref();
                        let group = place.borrow_mut().take();
                        drop(group);
                    });
                    inner.as_mut().poll(&mut Context::from_waker(&waker))
                })
                .await
                .unwrap_or(());
            });
            std::future::pending::<()>().await
        });
        let outer: Boxed<'static> = Box::pin(async move { outer.await.unwrap_or(()) });
        *place.borrow_mut() = Some(outer);
        for _ in 0..8 {
            let future = place.borrow_mut().take();
            if let Some(mut future) = future {
                let polled = futures::poll!(&mut future);
                assert!(polled.is_pending());
                *place.borrow_mut() = Some(future);
            }
            yield_now().await;
        }
        assert!(place.borrow().is_none(), "the waker has dropped it");
    });
}

/// The turn of a child marks the code between its group and the owner by the wakers there, and
/// ignores their wakes of the owner, which is polled anyhow. It ignored a cancellation, too, which
/// then never came: nothing woke the owner, and a second `cancel` joined the first.
#[test]
fn a_waker_on_the_way_to_a_child_may_cancel_the_owner_of_the_group() {
    testing::run(async {
        let slot: Rc<RefCell<Option<CancelHandle>>> = Rc::default();
        let inside = Rc::clone(&slot);
        let owner = spawn(async move {
            let grouped = task_group(async |g| {
                drop(g.spawn(async {
                    yield_now().await;
                    yield_now().await;
                    std::future::pending::<()>().await
                }));
            });
            let mut grouped = std::pin::pin!(grouped);
            poll_fn(|cx| {
                let (slot, outer) = (Rc::clone(&inside), cx.waker().clone());
                let waker = acting_waker(Call::Wake, move || {
                    outer.wake_by_ref();
                    let owner = slot.borrow_mut().take();
                    owner.map(|owner| owner.cancel());
                });
                grouped.as_mut().poll(&mut Context::from_waker(&waker))
            })
            .await
        });
        yield_now().await;
        *slot.borrow_mut() = Some(owner.cancel_handle());
        assert!(owner.await.unwrap_err().is_cancelled());
    });
}
