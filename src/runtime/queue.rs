//! The run queue: the ready tasks, first in, first out; in some tests in another
//! [order](super::order).

use std::cell::RefCell;
use std::collections::VecDeque;

use super::Task;
use super::order::{Order, Schedule};

/// The capacity that an empty queue keeps.
const KEEP: usize = 1024;

/// The ready tasks, in the order in which they will run.
#[derive(Debug, Default)]
pub(crate) struct Queue(RefCell<Ready>);

#[derive(Debug, Default)]
struct Ready {
    /// The front runs next, unless `order` is set.
    tasks: VecDeque<Task>,
    /// Chooses the task that runs next.
    order: Option<Box<Order>>,
}

impl Ready {
    /// Takes the task that runs next.
    #[inline]
    fn pop(&mut self) -> Option<Task> {
        if self.order.is_some() {
            return self.pop_in_order();
        }
        self.tasks.pop_front()
    }

    /// Takes the task that the order chooses. The others stay in their order.
    #[cold]
    fn pop_in_order(&mut self) -> Option<Task> {
        let count = self.tasks.len();
        let order = self.order.as_mut().filter(|_| count > 0)?;
        self.tasks.remove(order.choose(count))
    }
}

impl Queue {
    /// Sets the order in which tasks run.
    pub(crate) fn set_order(&self, order: Order) {
        self.0.borrow_mut().order = Some(Box::new(order));
    }

    /// Makes one of `count` choices by the order; 0 without one.
    pub(crate) fn choose(&self, count: usize) -> usize {
        let order = &mut self.0.borrow_mut().order;
        order.as_mut().map_or(0, |order| order.choose(count))
    }

    /// Returns the choices of the order so far.
    pub(crate) fn schedule(&self) -> Schedule {
        let ready = self.0.borrow();
        ready
            .order
            .as_ref()
            .map_or_else(Schedule::new, |order| order.made().clone())
    }

    /// Adds a task behind all others.
    #[inline]
    pub(crate) fn push(&self, task: Task) {
        if let Ok(mut ready) = self.0.try_borrow_mut()
            && ready.tasks.len() < ready.tasks.capacity()
        {
            return ready.tasks.push_back(task);
        }
        self.push_and_grow(task);
    }

    /// [`push`](Queue::push) without free capacity. A separate call, so that the usual case needs
    /// no stack frame (bench `spawn_detached_burst`).
    #[cold]
    #[inline(never)]
    fn push_and_grow(&self, task: Task) {
        self.0.borrow_mut().tasks.push_back(task);
    }

    /// Adds a task behind all others, and takes the one that runs next, with one borrow (bench
    /// `yield_1`).
    #[inline]
    pub(crate) fn push_and_pop(&self, task: Task) -> Task {
        let mut ready = self.0.borrow_mut();
        if ready.order.is_some() {
            ready.tasks.push_back(task);
            return ready.pop_in_order().expect("a task was pushed just now");
        }
        match ready.tasks.pop_front() {
            Some(next) => {
                ready.tasks.push_back(task);
                next
            }
            None => task,
        }
    }

    /// Takes the task that runs next.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        self.0.borrow_mut().pop()
    }

    /// Returns the number of ready tasks.
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().tasks.len()
    }

    /// Takes the task that runs next if `is_it` returns `true`. Returns `None` if an order is set:
    /// it chooses a task only to take it. `is_it` calls no third-party code.
    pub(crate) fn pop_if(&self, is_it: impl FnOnce(&Task) -> bool) -> Option<Task> {
        let mut ready = self.0.borrow_mut();
        let is_next = ready.order.is_none() && ready.tasks.front().is_some_and(is_it);
        if is_next {
            ready.tasks.pop_front()
        } else {
            None
        }
    }

    /// Returns `true` if no task is ready.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().tasks.is_empty()
    }

    /// Frees the memory of a burst of tasks that is over.
    pub(crate) fn shrink(&self) {
        let tasks = &mut self.0.borrow_mut().tasks;
        if tasks.is_empty() && tasks.capacity() > KEEP {
            tasks.shrink_to(KEEP);
        }
    }
}
