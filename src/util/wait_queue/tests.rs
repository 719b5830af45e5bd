//! The queue compared with a `VecDeque`, and a resource with third-party wakers.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use super::queue::{Removed, Ticket};
use super::*;
use crate::util::wait_graph::ResourceKind;

/// A waker that counts.
#[derive(Debug, Default)]
struct Counter(AtomicU32);

impl Counter {
    fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        (Arc::clone(&counter), Waker::from(counter))
    }

    fn wakes(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Enter(u8),
    Grant,
    GrantMany(usize),
    SetWaker(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Enter),
        2 => Just(Step::Grant),
        1 => (0..5_usize).prop_map(Step::GrantMany),
        1 => any::<usize>().prop_map(Step::SetWaker),
        3 => any::<usize>().prop_map(Step::Leave),
    ]
}

/// A waiter with a ticket.
struct Holder {
    name: u32,
    request: u8,
    ticket: Ticket,
    counter: Arc<Counter>,
}

/// The queue and its model.
#[derive(Default)]
struct Pair {
    queue: WaitQueue<u8, u32>,
    holders: Vec<Holder>,
    /// The names of the waiting holders, in order.
    waiting: VecDeque<u32>,
    /// The names of the holders with a grant, and their grants.
    granted: Vec<(u32, u32)>,
    /// The next name, and the next grant.
    next: u32,
}

impl Default for WaitQueue<u8, u32> {
    fn default() -> Self {
        Self::new(ResourceKind::Lock)
    }
}

impl Pair {
    fn take(&mut self) {
        self.next += 1;
    }

    fn grant(&mut self, count: usize) {
        let grant = self.next;
        self.take();
        let mut wakes = Wakes::new();
        let granted = self.queue.grant_many(count, &grant, &mut wakes);
        wakes.wake();
        assert_eq!(granted, count.min(self.waiting.len()));
        for name in self.waiting.drain(..granted) {
            self.granted.push((name, grant));
        }
    }

    fn leave(&mut self, at: usize) {
        let holder = self.holders.swap_remove(at);
        match self.queue.leave(holder.ticket) {
            Removed::Waiting(request, _waker) => {
                assert_eq!(request, holder.request);
                let at = self.waiting.iter().position(|name| *name == holder.name);
                self.waiting.remove(at.expect("the model has it waiting"));
                assert_eq!(holder.counter.wakes(), 0);
            }
            Removed::Granted(grant) => {
                let pair = (holder.name, grant);
                let at = self.granted.iter().position(|granted| *granted == pair);
                self.granted
                    .swap_remove(at.expect("the model has it granted"));
                assert_eq!(holder.counter.wakes(), 1);
            }
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Enter(request) => {
                let (counter, waker) = Counter::new();
                let (name, ticket) = (self.next, self.queue.enter(request, waker));
                self.take();
                self.waiting.push_back(name);
                self.holders.push(Holder {
                    name,
                    request,
                    ticket,
                    counter,
                });
            }
            Step::Grant => self.grant(1),
            Step::GrantMany(count) => self.grant(count),
            Step::SetWaker(at) if !self.holders.is_empty() => {
                let at = at % self.holders.len();
                let holder = &mut self.holders[at];
                let (counter, waker) = Counter::new();
                if self.queue.is_granted(&holder.ticket) {
                    assert!(!self.queue.has_other_waker(&holder.ticket, &waker));
                } else {
                    assert!(self.queue.has_other_waker(&holder.ticket, &waker));
                    drop(self.queue.set_waker(&holder.ticket, waker));
                    holder.counter = counter;
                }
            }
            Step::Leave(at) if !self.holders.is_empty() => self.leave(at % self.holders.len()),
            Step::SetWaker(_) | Step::Leave(_) => {}
        }
    }

    fn check(&mut self) {
        let holder_of = |name| self.holders.iter().find(|holder| holder.name == name);
        let first = self.waiting.front().and_then(|&name| holder_of(name));
        assert_eq!(self.queue.first(), first.map(|holder| &holder.request));
        assert_eq!(self.queue.waiting(), self.waiting.len());
        assert_eq!(self.queue.is_empty(), self.waiting.is_empty());
        for holder in &self.holders {
            let granted = self.granted.iter().any(|(name, _)| *name == holder.name);
            assert_eq!(self.queue.is_granted(&holder.ticket), granted);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn behaves_like_a_deque(steps in prop::collection::vec(step(), 1..200)) {
        let mut pair = Pair::default();
        for step in steps {
            pair.apply(step);
            pair.check();
        }
    }
}

/// A resource that grants one coin at a time.
struct Coins {
    left: u32,
    queue: WaitQueue<(), ()>,
}

impl Coins {
    fn new(left: u32) -> RefCell<Self> {
        let queue = WaitQueue::new(ResourceKind::Lock);
        RefCell::new(Self { left, queue })
    }

    fn add(&mut self, wakes: &mut Wakes) {
        if self.queue.grant((), wakes).is_err() {
            self.left += 1;
        }
    }
}

impl Resource for Coins {
    type Request = ();
    type Grant = ();

    fn queue(&mut self) -> &mut WaitQueue<(), ()> {
        &mut self.queue
    }

    fn try_grant(&mut self, (): (), _wakes: &mut Wakes) -> Result<(), ()> {
        self.left = self.left.checked_sub(1).ok_or(())?;
        Ok(())
    }

    fn take_back(&mut self, (): (), wakes: &mut Wakes) -> Option<()> {
        self.add(wakes);
        None
    }
}

fn poll<R: Resource>(wait: &mut WaitFuture<'_, R>, waker: &Waker) -> Poll<R::Grant> {
    Pin::new(wait).poll(&mut Context::from_waker(waker))
}

#[test]
fn a_wait_that_is_dropped_with_a_grant_passes_it_on() {
    let resource = Coins::new(0);
    let (one, first) = Counter::new();
    let (two, second) = Counter::new();
    let mut waits = [
        WaitFuture::new(&resource, ()),
        WaitFuture::new(&resource, ()),
    ];
    assert!(poll(&mut waits[0], &first).is_pending());
    assert!(poll(&mut waits[1], &second).is_pending());
    update(&resource, Coins::add);
    assert_eq!((one.wakes(), two.wakes()), (1, 0));
    let [dropped, mut kept] = waits;
    drop(dropped);
    assert_eq!((one.wakes(), two.wakes()), (1, 1));
    assert!(poll(&mut kept, &second).is_ready());
    drop(kept);
    assert_eq!(resource.borrow().left, 0);
}

#[test]
fn a_wait_that_moves_to_another_waker_is_woken_by_that() {
    let resource = Coins::new(0);
    let (one, first) = Counter::new();
    let (two, second) = Counter::new();
    let mut wait = WaitFuture::new(&resource, ());
    assert!(poll(&mut wait, &first).is_pending());
    assert!(poll(&mut wait, &second).is_pending());
    assert_eq!(Arc::strong_count(&one), 2, "the old waker is dropped");
    update(&resource, Coins::add);
    assert_eq!((one.wakes(), two.wakes()), (0, 1));
    assert!(poll(&mut wait, &first).is_ready());
}

/// Calls a function when it is woken.
struct Acting<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Acting<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

thread_local! {
    /// The resource that the wakers of these tests use.
    static COINS: Rc<RefCell<Coins>> = Rc::new(Coins::new(0));
}

#[test]
fn a_waker_that_panics_or_uses_the_resource_keeps_no_other_from_its_turn() {
    let resource = COINS.with(Rc::clone);
    let back = Waker::from(Arc::new(Acting(|| {
        COINS.with(|resource| update(resource, Coins::add))
    })));
    let bad = Waker::from(Arc::new(Acting(|| {
        std::panic::resume_unwind(Box::new("bad"))
    })));
    let (good, last) = Counter::new();
    let mut waits = [(); 3].map(|()| WaitFuture::new(&resource, ()));
    for (wait, waker) in waits.iter_mut().zip([&bad, &back, &last]) {
        assert!(poll(wait, waker).is_pending());
    }
    update(&resource, |resource, wakes| {
        resource.add(wakes);
        resource.add(wakes);
    });
    assert_eq!(good.wakes(), 1, "the second waker granted the third");
    for wait in &mut waits {
        assert!(poll(wait, &last).is_ready());
    }
}

#[test]
#[should_panic = "polled after it was done"]
fn a_wait_that_is_done_panics_when_it_is_polled() {
    let resource = Coins::new(1);
    let (_counter, waker) = Counter::new();
    let mut wait = WaitFuture::new(&resource, ());
    assert!(poll(&mut wait, &waker).is_ready());
    assert!(poll(&mut wait, &waker).is_pending(), "unreachable");
}

#[test]
fn a_crowd_that_has_gone_leaves_no_memory_behind() {
    let mut queue = WaitQueue::<(), ()>::new(ResourceKind::Lock);
    let (_counter, waker) = Counter::new();
    let tickets: Vec<_> = (0..1000).map(|_| queue.enter((), waker.clone())).collect();
    assert!(queue.capacity() >= 1000);
    for ticket in tickets {
        let _removed = queue.leave(ticket);
    }
    assert_eq!(queue.capacity(), 0);
}
