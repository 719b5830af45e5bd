//! Each queue compared with a plain list of items and a list of waits, whose rules need no
//! counters.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use wheelhouse::sync::{GetError, LifoQueue, PriorityQueue, PutError, Queue};

use crate::common::CountingWaker;

/// An operation on a queue.
#[derive(Clone, Debug)]
enum Step {
    Get,
    Put(u8),
    Join,
    Poll(usize),
    /// Polls with another waker than before.
    PollElsewhere(usize),
    Drop(usize),
    GetNowait,
    PutNowait(u8),
    TaskDone,
    Close,
    CloseNow,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Get),
        6 => (0..5_u8).prop_map(Step::Put),
        1 => Just(Step::Join),
        8 => any::<usize>().prop_map(Step::Poll),
        1 => any::<usize>().prop_map(Step::PollElsewhere),
        4 => any::<usize>().prop_map(Step::Drop),
        2 => Just(Step::GetNowait),
        2 => (0..5_u8).prop_map(Step::PutNowait),
        3 => Just(Step::TaskDone),
    ]
}

/// Many operations, with at most one close of each kind.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let closing = prop_oneof![
        2 => Just(vec![]),
        2 => Just(vec![Step::Close]),
        1 => Just(vec![Step::CloseNow]),
        1 => Just(vec![Step::Close, Step::CloseNow]),
    ];
    (
        prop::collection::vec(step(), 0..50),
        closing,
        prop::collection::vec(step(), 0..20),
    )
        .prop_map(|(before, closing, after)| [before, closing, after].concat())
}

/// The result of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gave {
    Item(Result<u8, ()>),
    Put(Result<(), u8>),
    Joined,
}

/// A future of a queue.
type Wait<'a> = Pin<Box<dyn Future<Output = Gave> + 'a>>;

/// Any of the three queues, and the same order for a plain list.
trait Subject {
    fn bounded(capacity: usize) -> Self;
    fn get(&self) -> Wait<'_>;
    fn put(&self, item: u8) -> Wait<'_>;
    fn join(&self) -> Wait<'_>;
    fn get_nowait(&self) -> Result<u8, GetError>;
    fn put_nowait(&self, item: u8) -> Result<(), PutError<u8>>;
    fn task_done(&self);
    fn close(&self);
    fn close_now(&self);
    /// `len`, `empty`, `full`.
    fn numbers(&self) -> (usize, bool, bool);
    /// Returns the index of the next item in a list in the order of puts.
    fn next(list: &[u8]) -> usize;
}

macro_rules! subject {
    ($name:ident, $next:expr) => {
        impl Subject for $name<u8> {
            fn bounded(capacity: usize) -> Self {
                Self::bounded(capacity)
            }
            fn get(&self) -> Wait<'_> {
                let get = self.get();
                Box::pin(async { Gave::Item(get.await.map_err(drop)) })
            }
            fn put(&self, item: u8) -> Wait<'_> {
                let put = self.put(item);
                Box::pin(async { Gave::Put(put.await.map_err(|error| error.0)) })
            }
            fn join(&self) -> Wait<'_> {
                let join = self.join();
                Box::pin(async {
                    join.await;
                    Gave::Joined
                })
            }
            fn get_nowait(&self) -> Result<u8, GetError> {
                self.get_nowait()
            }
            fn put_nowait(&self, item: u8) -> Result<(), PutError<u8>> {
                self.put_nowait(item)
            }
            fn task_done(&self) {
                self.task_done()
            }
            fn close(&self) {
                self.close()
            }
            fn close_now(&self) {
                self.close_now()
            }
            fn numbers(&self) -> (usize, bool, bool) {
                (self.len(), self.is_empty(), self.is_full())
            }
            fn next(list: &[u8]) -> usize {
                let next: fn(&[u8]) -> usize = $next;
                next(list)
            }
        }
    };
}

subject!(Queue, |_| 0);
subject!(LifoQueue, |list| list.len() - 1);
subject!(PriorityQueue, |list| {
    let smallest = list.iter().enumerate().min_by_key(|(_, item)| **item);
    smallest.expect("not empty").0
});

/// What a future waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Item,
    Capacity(u8),
    Done,
}

/// A wait in the model.
struct Waiting<'a> {
    future: Wait<'a>,
    counter: Arc<CountingWaker>,
    waker: Waker,
    want: Want,
    /// Whether it has a grant: it was woken once, and its next poll may be ready.
    granted: bool,
}

/// The model.
#[derive(Debug, Default)]
struct Model {
    items: Vec<u8>,
    capacity: usize,
    unfinished: usize,
    closed: bool,
}

impl Model {
    /// Returns `true` if a wait is ready, while `promised` items and `reserved` capacity are kept
    /// for others.
    fn is_ready(&self, want: Want, granted: bool, promised: usize, reserved: usize) -> bool {
        match want {
            Want::Item => {
                (self.closed && self.items.is_empty()) || granted || self.items.len() > promised
            }
            Want::Capacity(_) => {
                self.closed || granted || self.items.len() + reserved < self.capacity
            }
            Want::Done => granted || self.unfinished == 0,
        }
    }

    /// Returns its result then.
    fn complete<Q: Subject>(&mut self, want: Want) -> Gave {
        match want {
            Want::Item if self.items.is_empty() => Gave::Item(Err(())),
            Want::Item => Gave::Item(Ok(self.items.remove(Q::next(&self.items)))),
            Want::Capacity(item) if self.closed => Gave::Put(Err(item)),
            Want::Capacity(item) => {
                self.items.push(item);
                self.unfinished += 1;
                Gave::Put(Ok(()))
            }
            Want::Done => Gave::Joined,
        }
    }
}

/// Returns how many waits have a grant: of those for an item, and of those for capacity.
fn kept(waiting: &[Waiting<'_>]) -> (usize, usize) {
    let count = |room: bool| {
        let granted = waiting.iter().filter(|one| one.granted);
        let wants = granted.filter(|one| match one.want {
            Want::Item => !room,
            Want::Capacity(_) => room,
            Want::Done => false,
        });
        wants.count()
    };
    (count(false), count(true))
}

/// Grants, in order, all waits that can be granted now.
fn settle(model: &Model, waiting: &mut [Waiting<'_>]) {
    for at in 0..waiting.len() {
        let (promised, reserved) = kept(waiting);
        let one = &mut waiting[at];
        one.granted = model.is_ready(one.want, one.granted, promised, reserved);
    }
}

/// Creates a wait that was not polled yet.
fn wait(future: Wait<'_>, want: Want) -> Waiting<'_> {
    let (counter, waker) = CountingWaker::new();
    Waiting {
        future,
        counter,
        waker,
        want,
        granted: false,
    }
}

/// Polls one, and returns it if it still waits.
fn poll<'a, Q: Subject>(
    model: &mut Model,
    waiting: &[Waiting<'a>],
    mut one: Waiting<'a>,
) -> Option<Waiting<'a>> {
    let (promised, reserved) = kept(waiting);
    let polled = one
        .future
        .as_mut()
        .poll(&mut Context::from_waker(&one.waker));
    if model.is_ready(one.want, one.granted, promised, reserved) {
        assert_eq!(polled, Poll::Ready(model.complete::<Q>(one.want)));
        None
    } else {
        assert_eq!(polled, Poll::Pending);
        Some(one)
    }
}

/// Applies one operation to both, and compares the results.
fn play<'a, Q: Subject>(
    queue: &'a Q,
    model: &mut Model,
    waiting: &mut Vec<Waiting<'a>>,
    step: &Step,
) {
    let (promised, reserved) = kept(waiting);
    let is_ready = |model: &Model, want| model.is_ready(want, false, promised, reserved);
    match *step {
        Step::Get | Step::Put(_) | Step::Join => {
            let one = match *step {
                Step::Put(item) => wait(queue.put(item), Want::Capacity(item)),
                Step::Get => wait(queue.get(), Want::Item),
                _ => wait(queue.join(), Want::Done),
            };
            waiting.extend(poll::<Q>(model, waiting, one));
        }
        Step::Poll(at) | Step::PollElsewhere(at) if !waiting.is_empty() => {
            let at = at % waiting.len();
            let mut one = waiting.remove(at);
            if matches!(step, Step::PollElsewhere(_)) && !one.granted {
                (one.counter, one.waker) = CountingWaker::new();
            }
            // It keeps its place among the waits.
            if let Some(one) = poll::<Q>(model, waiting, one) {
                waiting.insert(at, one);
            }
        }
        Step::Drop(at) if !waiting.is_empty() => drop(waiting.remove(at % waiting.len())),
        Step::Poll(_) | Step::PollElsewhere(_) | Step::Drop(_) => {}
        Step::GetNowait => {
            let gave = is_ready(model, Want::Item).then(|| model.complete::<Q>(Want::Item));
            let expected = match gave {
                Some(Gave::Item(item)) => item.map_err(|()| GetError::Closed),
                Some(other) => unreachable!("{other:?}"),
                None => Err(GetError::Empty),
            };
            assert_eq!(queue.get_nowait(), expected);
        }
        Step::PutNowait(item) => {
            let want = Want::Capacity(item);
            let gave = is_ready(model, want).then(|| model.complete::<Q>(want));
            let expected = match gave {
                Some(Gave::Put(put)) => put.map_err(PutError::Closed),
                Some(other) => unreachable!("{other:?}"),
                None => Err(PutError::Full(item)),
            };
            assert_eq!(queue.put_nowait(item), expected);
        }
        Step::TaskDone if model.unfinished > 0 => {
            queue.task_done();
            model.unfinished -= 1;
        }
        Step::TaskDone => {}
        Step::Close => {
            queue.close();
            model.closed = true;
        }
        Step::CloseNow => {
            queue.close_now();
            model.closed = true;
            model.unfinished -= model.items.len().min(model.unfinished);
            model.items.clear();
        }
    }
}

/// Applies all operations, and compares everything after each.
fn compare<Q: Subject>(capacity: usize, steps: &[Step]) {
    let queue = Q::bounded(capacity);
    let mut model = Model {
        capacity,
        ..Model::default()
    };
    let mut waiting = Vec::new();
    for step in steps {
        play(&queue, &mut model, &mut waiting, step);
        settle(&model, &mut waiting);
        let (promised, reserved) = kept(&waiting);
        let len = model.items.len();
        let numbers = (len, len <= promised, len + reserved >= capacity);
        assert_eq!(queue.numbers(), numbers, "after {step:?}");
        for one in &waiting {
            let woken = u32::from(one.granted);
            assert_eq!(one.counter.wakes(), woken, "{:?} after {step:?}", one.want);
        }
    }
}

proptest! {
    #[test]
    fn a_queue_does_as_the_model(capacity in 1..4_usize, steps in steps()) {
        compare::<Queue<u8>>(capacity, &steps);
    }

    #[test]
    fn a_lifo_queue_does_as_the_model(capacity in 1..4_usize, steps in steps()) {
        compare::<LifoQueue<u8>>(capacity, &steps);
    }

    #[test]
    fn a_priority_queue_does_as_the_model(capacity in 1..6_usize, steps in steps()) {
        compare::<PriorityQueue<u8>>(capacity, &steps);
    }
}
