//! Each queue against a plain list and a list of who waits, whose rules are written out without counters.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use wheelhouse::sync::{GetError, LifoQueue, PriorityQueue, PutError, Queue};

use super::common::CountingWaker;

/// What is done to a queue.
#[derive(Clone, Debug)]
enum Step {
    Get,
    Put(u8),
    Join,
    Poll(usize),
    /// With another waker than before.
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

/// Many steps, at most one close of each kind among them.
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

/// What a wait gave: an item; whether it put; that all is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gave {
    Item(Result<u8, ()>),
    Put(Result<(), u8>),
    Joined,
}

/// A future of a queue.
type Wait<'a> = Pin<Box<dyn Future<Output = Gave> + 'a>>;

/// Any of the three queues, and how a plain list gives the same order.
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
    /// The index of the next item among those of a list in the order of their puts.
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

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Item,
    Room(u8),
    Done,
}

/// Somebody who waits.
struct Waiting<'a> {
    future: Wait<'a>,
    counter: Arc<CountingWaker>,
    waker: Waker,
    want: Want,
    /// Whether it was served: woken once, and may go on.
    served: bool,
}

/// The rules.
#[derive(Debug, Default)]
struct Model {
    items: Vec<u8>,
    capacity: usize,
    unfinished: usize,
    closed: bool,
}

impl Model {
    /// Whether somebody who comes new, or who was served, may go on, if so many items and so much room are kept for others.
    fn may(&self, want: Want, served: bool, promised: usize, reserved: usize) -> bool {
        match want {
            Want::Item => {
                (self.closed && self.items.is_empty()) || served || self.items.len() > promised
            }
            Want::Room(_) => self.closed || served || self.items.len() + reserved < self.capacity,
            Want::Done => served || self.unfinished == 0,
        }
    }

    /// What it gets then.
    fn give<Q: Subject>(&mut self, want: Want) -> Gave {
        match want {
            Want::Item if self.items.is_empty() => Gave::Item(Err(())),
            Want::Item => Gave::Item(Ok(self.items.remove(Q::next(&self.items)))),
            Want::Room(item) if self.closed => Gave::Put(Err(item)),
            Want::Room(item) => {
                self.items.push(item);
                self.unfinished += 1;
                Gave::Put(Ok(()))
            }
            Want::Done => Gave::Joined,
        }
    }
}

/// How many were served of those who want an item, and of those who want room.
fn kept(waiting: &[Waiting<'_>]) -> (usize, usize) {
    let count = |room: bool| {
        let served = waiting.iter().filter(|one| one.served);
        let wants = served.filter(|one| match one.want {
            Want::Item => !room,
            Want::Room(_) => room,
            Want::Done => false,
        });
        wants.count()
    };
    (count(false), count(true))
}

/// Serves, in order, those who may go on now.
fn settle(model: &Model, waiting: &mut [Waiting<'_>]) {
    for at in 0..waiting.len() {
        let (promised, reserved) = kept(waiting);
        let one = &mut waiting[at];
        one.served = model.may(one.want, one.served, promised, reserved);
    }
}

/// A wait that has not been polled.
fn wait(future: Wait<'_>, want: Want) -> Waiting<'_> {
    let (counter, waker) = CountingWaker::new();
    Waiting {
        future,
        counter,
        waker,
        want,
        served: false,
    }
}

/// Polls one; gives it back if it waits on.
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
    match model.may(one.want, one.served, promised, reserved) {
        true => {
            assert_eq!(polled, Poll::Ready(model.give::<Q>(one.want)));
            None
        }
        false => {
            assert_eq!(polled, Poll::Pending);
            Some(one)
        }
    }
}

/// Does one step to both and compares what comes out.
fn play<'a, Q: Subject>(
    queue: &'a Q,
    model: &mut Model,
    waiting: &mut Vec<Waiting<'a>>,
    step: &Step,
) {
    let (promised, reserved) = kept(waiting);
    let may = |model: &Model, want| model.may(want, false, promised, reserved);
    match *step {
        Step::Get | Step::Put(_) | Step::Join => {
            let one = match *step {
                Step::Put(item) => wait(queue.put(item), Want::Room(item)),
                Step::Get => wait(queue.get(), Want::Item),
                _ => wait(queue.join(), Want::Done),
            };
            waiting.extend(poll::<Q>(model, waiting, one));
        }
        Step::Poll(at) | Step::PollElsewhere(at) if !waiting.is_empty() => {
            let at = at % waiting.len();
            let mut one = waiting.remove(at);
            if matches!(step, Step::PollElsewhere(_)) && !one.served {
                (one.counter, one.waker) = CountingWaker::new();
            }
            // It stays where it was among those who wait.
            if let Some(one) = poll::<Q>(model, waiting, one) {
                waiting.insert(at, one);
            }
        }
        Step::Drop(at) if !waiting.is_empty() => drop(waiting.remove(at % waiting.len())),
        Step::Poll(_) | Step::PollElsewhere(_) | Step::Drop(_) => {}
        Step::GetNowait => {
            let expected = match may(model, Want::Item) {
                true => match model.give::<Q>(Want::Item) {
                    Gave::Item(item) => item.map_err(|()| GetError::Closed),
                    other => unreachable!("{other:?}"),
                },
                false => Err(GetError::Empty),
            };
            assert_eq!(queue.get_nowait(), expected);
        }
        Step::PutNowait(item) => {
            let expected = match may(model, Want::Room(item)) {
                true => match model.give::<Q>(Want::Room(item)) {
                    Gave::Put(put) => put.map_err(PutError::Closed),
                    other => unreachable!("{other:?}"),
                },
                false => Err(PutError::Full(item)),
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

/// Does all steps, and looks at everything after each.
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
            let woken = u32::from(one.served);
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
