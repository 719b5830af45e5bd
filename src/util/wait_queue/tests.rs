//! The queue against a `VecDeque`, and a desk with foreign wakers.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use super::queue::{Left, Ticket};
use super::*;
use crate::util::wait_graph::Kind;

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
    Serve,
    ServeMany(usize),
    SetWaker(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Enter),
        2 => Just(Step::Serve),
        1 => (0..5_usize).prop_map(Step::ServeMany),
        1 => any::<usize>().prop_map(Step::SetWaker),
        3 => any::<usize>().prop_map(Step::Leave),
    ]
}

/// Somebody who has a ticket.
struct Holder {
    name: u32,
    want: u8,
    ticket: Ticket,
    counter: Arc<Counter>,
}

/// The queue, and what it should say.
#[derive(Default)]
struct Pair {
    queue: WaitQueue<u8, u32>,
    holders: Vec<Holder>,
    /// Names of those who wait, in order.
    waiting: VecDeque<u32>,
    /// Names of those who were served and with what.
    served: Vec<(u32, u32)>,
    /// The next name, and the next grant.
    next: u32,
}

impl Default for WaitQueue<u8, u32> {
    fn default() -> Self {
        Self::new(Kind::Lock)
    }
}

impl Pair {
    fn take(&mut self) {
        self.next += 1;
    }

    fn serve(&mut self, count: usize) {
        let grant = self.next;
        self.take();
        let mut wakes = Wakes::new();
        let served = self.queue.serve_many(count, &grant, &mut wakes);
        wakes.wake();
        assert_eq!(served, count.min(self.waiting.len()));
        for name in self.waiting.drain(..served) {
            self.served.push((name, grant));
        }
    }

    fn leave(&mut self, at: usize) {
        let holder = self.holders.swap_remove(at);
        match self.queue.leave(holder.ticket) {
            Left::Waiting(want, _waker) => {
                assert_eq!(want, holder.want);
                let at = self.waiting.iter().position(|name| *name == holder.name);
                self.waiting.remove(at.expect("the model has it waiting"));
                assert_eq!(holder.counter.wakes(), 0);
            }
            Left::Served(grant) => {
                let pair = (holder.name, grant);
                let at = self.served.iter().position(|served| *served == pair);
                self.served
                    .swap_remove(at.expect("the model has it served"));
                assert_eq!(holder.counter.wakes(), 1);
            }
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Enter(want) => {
                let (counter, waker) = Counter::new();
                let (name, ticket) = (self.next, self.queue.enter(want, waker));
                self.take();
                self.waiting.push_back(name);
                self.holders.push(Holder {
                    name,
                    want,
                    ticket,
                    counter,
                });
            }
            Step::Serve => self.serve(1),
            Step::ServeMany(count) => self.serve(count),
            Step::SetWaker(at) if !self.holders.is_empty() => {
                let at = at % self.holders.len();
                let holder = &mut self.holders[at];
                let (counter, waker) = Counter::new();
                if self.queue.is_served(&holder.ticket) {
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
        let wants = |name| self.holders.iter().find(|holder| holder.name == name);
        let first = self.waiting.front().and_then(|&name| wants(name));
        assert_eq!(self.queue.first(), first.map(|holder| &holder.want));
        assert_eq!(self.queue.waiting(), self.waiting.len());
        assert_eq!(self.queue.is_empty(), self.waiting.is_empty());
        for holder in &self.holders {
            let served = self.served.iter().any(|(name, _)| *name == holder.name);
            assert_eq!(self.queue.is_served(&holder.ticket), served);
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

/// A desk that hands out what is there, one at a time.
struct Coins {
    left: u32,
    queue: WaitQueue<(), ()>,
}

impl Coins {
    fn new(left: u32) -> RefCell<Self> {
        let queue = WaitQueue::new(Kind::Lock);
        RefCell::new(Self { left, queue })
    }

    fn add(&mut self, wakes: &mut Wakes) {
        if self.queue.serve((), wakes).is_err() {
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

fn poll<D: Resource>(wait: &mut Wait<'_, D>, waker: &Waker) -> Poll<D::Grant> {
    Pin::new(wait).poll(&mut Context::from_waker(waker))
}

#[test]
fn a_wait_that_was_served_and_is_dropped_passes_it_on() {
    let resource = Coins::new(0);
    let (one, first) = Counter::new();
    let (two, second) = Counter::new();
    let mut waits = [Wait::new(&resource, ()), Wait::new(&resource, ())];
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
    let mut wait = Wait::new(&resource, ());
    assert!(poll(&mut wait, &first).is_pending());
    assert!(poll(&mut wait, &second).is_pending());
    assert_eq!(Arc::strong_count(&one), 2, "the old waker is dropped");
    update(&resource, Coins::add);
    assert_eq!((one.wakes(), two.wakes()), (0, 1));
    assert!(poll(&mut wait, &first).is_ready());
}

/// Does something when it is woken.
struct Acting<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Acting<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

thread_local! {
    /// The desk that wakers of these tests come back to.
    static DESK: Rc<RefCell<Coins>> = Rc::new(Coins::new(0));
}

#[test]
fn a_waker_that_panics_or_comes_back_to_the_desk_keeps_nobody_from_their_turn() {
    let resource = DESK.with(Rc::clone);
    let back = Waker::from(Arc::new(Acting(|| {
        DESK.with(|resource| update(resource, Coins::add))
    })));
    let bad = Waker::from(Arc::new(Acting(|| {
        std::panic::resume_unwind(Box::new("bad"))
    })));
    let (good, last) = Counter::new();
    let mut waits = [(); 3].map(|()| Wait::new(&resource, ()));
    for (wait, waker) in waits.iter_mut().zip([&bad, &back, &last]) {
        assert!(poll(wait, waker).is_pending());
    }
    update(&resource, |resource, wakes| {
        resource.add(wakes);
        resource.add(wakes);
    });
    assert_eq!(good.wakes(), 1, "the second waker served the third");
    for wait in &mut waits {
        assert!(poll(wait, &last).is_ready());
    }
}

#[test]
#[should_panic = "polled after it was done"]
fn a_wait_that_is_done_panics_when_it_is_polled() {
    let resource = Coins::new(1);
    let (_counter, waker) = Counter::new();
    let mut wait = Wait::new(&resource, ());
    assert!(poll(&mut wait, &waker).is_ready());
    assert!(poll(&mut wait, &waker).is_pending(), "unreachable");
}

#[test]
fn a_crowd_that_has_gone_leaves_no_memory_behind() {
    let mut queue = WaitQueue::<(), ()>::new(Kind::Lock);
    let (_counter, waker) = Counter::new();
    let tickets: Vec<_> = (0..1000).map(|_| queue.enter((), waker.clone())).collect();
    assert!(queue.room() >= 1000);
    for ticket in tickets {
        let _left = queue.leave(ticket);
    }
    assert_eq!(queue.room(), 0);
}
