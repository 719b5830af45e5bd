//! The run queue: who is ready, first come, first served. In tests that explore, in another [order](super::order).

use std::cell::RefCell;
use std::collections::VecDeque;

use super::Task;
use super::order::{Order, Schedule};

/// The room that an empty queue keeps.
const KEEP: usize = 1024;

/// The ready tasks, in the order in which they will run.
#[derive(Debug, Default)]
pub(crate) struct Queue(RefCell<Ready>);

/// What is in a queue.
#[derive(Debug, Default)]
struct Ready {
    /// The tasks; the front runs next.
    tasks: VecDeque<Task>,
    /// Who runs next instead, if that is asked for.
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

    /// Takes the task that runs next by the order that was asked for. The others keep theirs.
    #[cold]
    fn pop_in_order(&mut self) -> Option<Task> {
        let count = self.tasks.len();
        let order = self.order.as_mut().filter(|_| count > 0)?;
        self.tasks.remove(order.choose(count))
    }
}

impl Queue {
    /// Has tasks run in another order.
    pub(crate) fn set_order(&self, order: Order) {
        self.0.borrow_mut().order = Some(Box::new(order));
    }

    /// Chooses one of so many for somebody else; 0 when no order was asked for.
    pub(crate) fn choose(&self, count: usize) -> usize {
        let order = &mut self.0.borrow_mut().order;
        order.as_mut().map_or(0, |order| order.choose(count))
    }

    /// The choices so far that were other than first come, first served.
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

    /// Adds a task where there is no room. Apart, so that the usual case needs no frame.
    #[cold]
    #[inline(never)]
    fn push_and_grow(&self, task: Task) {
        self.0.borrow_mut().tasks.push_back(task);
    }

    /// Adds a task behind all others, and takes the one that runs next: both at the price of one.
    #[inline]
    pub(crate) fn push_and_pop(&self, task: Task) -> Task {
        let mut ready = self.0.borrow_mut();
        if ready.order.is_some() {
            ready.tasks.push_back(task);
            return ready.pop_in_order().expect("one was pushed just now");
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

    /// How many tasks are ready.
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().tasks.len()
    }

    /// Takes the task that runs next if `is_it` says so. `None` where another order was asked for: the next one is chosen
    /// only when it is taken. `is_it` must call nothing foreign.
    pub(crate) fn pop_if(&self, is_it: impl FnOnce(&Task) -> bool) -> Option<Task> {
        let mut ready = self.0.borrow_mut();
        let is_next = ready.order.is_none() && ready.tasks.front().is_some_and(is_it);
        if is_next {
            ready.tasks.pop_front()
        } else {
            None
        }
    }

    /// True when nobody is ready.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().tasks.is_empty()
    }

    /// Gives back the room that a burst took, when the burst is over.
    pub(crate) fn shrink(&self) {
        let tasks = &mut self.0.borrow_mut().tasks;
        if tasks.is_empty() && tasks.capacity() > KEEP {
            tasks.shrink_to(KEEP);
        }
    }
}
