//! The engine against a model: whatever is woken when, it polls what a plain queue would poll, in
//! its order.

use super::tools::{Driven, gates};
use crate::combine::gather;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Mutex;

/// What happens between two polls of the parent.
#[derive(Clone, Debug)]
enum Event {
    Wake(usize),
    Open(usize),
    Poll,
}

fn events(n: usize) -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (0..n).prop_map(Event::Wake),
        1 => (0..n).prop_map(Event::Open),
        2 => Just(Event::Poll),
    ];
    prop::collection::vec(event, 0..60)
}

/// The engine as plain data.
struct Model {
    queue: VecDeque<usize>,
    begun: usize,
    open: Vec<bool>,
    ended: Vec<bool>,
    limit: usize,
    asleep: bool,
    wakes: usize,
}

impl Model {
    fn new(n: usize, limit: usize) -> Self {
        let (open, ended) = (vec![false; n], vec![false; n]);
        Self {
            queue: VecDeque::new(),
            begun: 0,
            open,
            ended,
            limit,
            asleep: false,
            wakes: 0,
        }
    }

    fn wake(&mut self, index: usize) {
        let over = self.ended.iter().all(|&ended| ended);
        if index < self.begun && !self.ended[index] && !self.queue.contains(&index) && !over {
            self.queue.push_back(index);
            self.wakes += usize::from(std::mem::take(&mut self.asleep));
        }
    }

    /// Which are polled now.
    fn poll(&mut self) -> Vec<usize> {
        self.asleep = false;
        let mut polled: Vec<_> = self.queue.drain(..).collect();
        polled
            .iter()
            .for_each(|&index| self.ended[index] = self.open[index]);
        let running =
            |model: &Self| model.begun - model.ended.iter().filter(|&&ended| ended).count();
        while self.begun < self.open.len() && running(self) < self.limit {
            self.ended[self.begun] = self.open[self.begun];
            polled.push(self.begun);
            self.begun += 1;
        }
        self.asleep = true;
        polled
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 512 }))]

    #[test]
    fn polls_and_wakes_of_the_parent_follow_the_model(
        (n, limit, events) in (1..8usize).prop_flat_map(|n| (Just(n), 1..9usize, events(n)))
    ) {
        let trace = Mutex::new(Vec::new());
        let (keys, futures) = gates::<()>(n);
        let traced = futures.into_iter().enumerate().map(|(index, mut gate)| {
            let trace = &trace;
            std::future::poll_fn(move |cx| {
                trace.lock().unwrap().push(index);
                std::pin::Pin::new(&mut gate).poll(cx)
            })
        });
        let mut all = Driven::new(gather(traced.collect::<Vec<_>>()).limit(limit));
        let mut model = Model::new(n, limit);
        for event in events {
            match event {
                Event::Wake(index) => {
                    keys[index].wake();
                    model.wake(index);
                }
                Event::Open(index) if !model.open[index] => {
                    model.open[index] = true;
                    keys[index].open(());
                    model.wake(index);
                }
                Event::Open(_) => {}
                Event::Poll => {
                    let ready = all.poll().is_ready();
                    prop_assert_eq!(std::mem::take(&mut *trace.lock().unwrap()), model.poll());
                    prop_assert_eq!(ready, model.ended.iter().all(|&ended| ended));
                    if ready {
                        return Ok(());
                    }
                }
            }
            prop_assert_eq!(all.wakes.get(), model.wakes);
        }
    }
}
