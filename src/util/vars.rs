//! Context variables as data: a list of values that only ever grows at its head, shared by all who have the same tail.
//!
//! ```text
//!   task A: ──▶ REQUEST=7 ──▶ USER=ann ──▶ (empty)
//!                    ▲
//!   task B: ──▶ SPAN=3         spawned by A: has what A had, and more
//! ```
//!
//! A list stays on its thread. What goes to another one are copies of the values that can: [`SentVars`], unpacked where it
//! [arrives](arrive), for as long as one function runs there.
//!
//! Floor F0: it knows neither tasks nor runtimes.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use super::drop_quietly;

/// Copies a value for another thread.
pub(crate) type Copied = fn(&dyn Any) -> Box<dyn Any + Send>;

/// Who else has a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inheritance {
    /// Whether tasks that are spawned here have it too.
    pub(crate) inherited: bool,
    /// How functions on other threads get it too, if they do.
    pub(crate) copied: Option<Copied>,
}

/// One value, on top of others.
pub(crate) struct Frame {
    /// Which variable: the address of its static.
    key: usize,
    /// Its value.
    value: Rc<dyn Any>,
    /// Who else has it.
    reach: Inheritance,
    /// Whether this and all beneath are inherited.
    all_inherited: bool,
    /// What was set before.
    below: Vars,
}

/// The values that are set, the latest first; mostly none.
pub(crate) type Vars = Option<Rc<Frame>>;

/// Sets a variable, on top of what was set before.
pub(crate) fn set(below: Vars, key: usize, value: Rc<dyn Any>, reach: Inheritance) -> Rc<Frame> {
    let rest = below.as_ref().is_none_or(|below| below.all_inherited);
    Rc::new(Frame {
        key,
        value,
        reach,
        all_inherited: reach.inherited && rest,
        below,
    })
}

/// The value of a variable, if it is set.
pub(crate) fn find(vars: &Vars, key: usize) -> Option<Rc<dyn Any>> {
    let mut at = vars.as_ref();
    while let Some(frame) = at {
        if frame.key == key {
            return Some(Rc::clone(&frame.value));
        }
        at = frame.below.as_ref();
    }
    None
}

/// What a task has that is spawned where `vars` are set.
pub(crate) fn for_child(vars: &Vars) -> Vars {
    let top = vars.as_ref()?;
    if top.all_inherited {
        return Some(Rc::clone(top));
    }
    let below = for_child(&top.below);
    match top.reach.inherited {
        true => Some(set(below, top.key, Rc::clone(&top.value), top.reach)),
        false => below,
    }
}

/// Copies of values, on their way to another thread, the earliest first.
pub(crate) type SentVars = Vec<(usize, Inheritance, Box<dyn Any + Send>)>;

/// What a function has that is sent to another thread from where `vars` are set: copies of these, and of what came along to this
/// thread itself.
pub(crate) fn for_thread(vars: &Vars) -> SentVars {
    let mut luggage = SentVars::new();
    let arrived = arrived();
    for list in [vars, &arrived] {
        let mut at = list.as_ref();
        while let Some(frame) = at {
            pack(&mut luggage, frame);
            at = frame.below.as_ref();
        }
    }
    luggage
}

/// Adds a copy of a value, unless a later one hides it or it stays here.
fn pack(luggage: &mut SentVars, frame: &Frame) {
    let copied = frame.reach.copied.filter(|_| frame.reach.inherited);
    if let Some(copied) = copied
        && luggage.iter().all(|(key, ..)| *key != frame.key)
    {
        luggage.push((frame.key, frame.reach, copied(&*frame.value)));
    }
}

thread_local! {
    /// What the function that runs on this thread brought along, and what is set while a future is dropped here.
    static ARRIVED: RefCell<Vars> = const { RefCell::new(None) };
}

/// Runs a function with what it brought along.
pub(crate) fn arrive<R>(luggage: SentVars, f: impl FnOnce() -> R) -> R {
    /// Takes the values away again, also when the function panics.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            // Their destructors are somebody else's code: they run with nothing borrowed, and may panic beside the function.
            drop_quietly(ARRIVED.take());
        }
    }
    if luggage.is_empty() {
        return f();
    }
    let unpacked = luggage
        .into_iter()
        .fold(None, |below, (key, reach, value)| {
            Some(set(below, key, Rc::from(value as Box<dyn Any>), reach))
        });
    ARRIVED.set(unpacked);
    let _leave = Leave;
    f()
}

/// What is set on this thread while it drives no runtime.
pub(crate) fn arrived() -> Vars {
    // There is none where thread-locals have gone already, whose destructors may come here.
    let arrived = ARRIVED.try_with(|arrived| arrived.borrow().clone());
    arrived.unwrap_or_default()
}

/// Sets other variables on this thread while it drives no runtime, and returns those that were set.
pub(crate) fn replace_arrived(vars: Vars) -> Vars {
    let outer = ARRIVED.try_with(|arrived| arrived.replace(vars));
    outer.unwrap_or_default()
}

/// The value of a variable that came along to this thread.
pub(crate) fn find_arrived(key: usize) -> Option<Rc<dyn Any>> {
    find(&arrived(), key)
}

/// True when both are the same list.
pub(crate) fn is_same(one: &Vars, other: &Vars) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Rc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

impl Frame {
    /// The value.
    pub(crate) fn value(&self) -> Rc<dyn Any> {
        Rc::clone(&self.value)
    }

    /// What was set before.
    pub(crate) fn below(&self) -> &Vars {
        &self.below
    }
}

impl Drop for Frame {
    /// Ends a long list without recursion.
    fn drop(&mut self) {
        let mut next = self.below.take();
        while let Some(frame) = next {
            next = match Rc::into_inner(frame) {
                Some(mut last) => last.below.take(),
                None => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INHERITED: Inheritance = Inheritance {
        inherited: true,
        copied: Some(|value| Box::new(*value.downcast_ref::<i32>().unwrap())),
    };
    const KEPT: Inheritance = Inheritance {
        inherited: false,
        ..INHERITED
    };

    fn value(vars: &Vars, key: usize) -> Option<i32> {
        find(vars, key).map(|value| *value.downcast_ref::<i32>().unwrap())
    }

    #[test]
    fn the_latest_value_hides_the_earlier_ones() {
        let vars = Some(set(None, 1, Rc::new(10), INHERITED));
        let vars = Some(set(vars, 2, Rc::new(20), INHERITED));
        let vars = Some(set(vars, 1, Rc::new(11), INHERITED));
        assert_eq!(
            (value(&vars, 1), value(&vars, 2), value(&vars, 3)),
            (Some(11), Some(20), None)
        );
    }

    #[test]
    fn a_child_has_what_is_inherited_and_shares_it_if_that_is_all() {
        let outer = Some(set(None, 1, Rc::new(10), INHERITED));
        assert!(is_same(&for_child(&outer), &outer));
        let vars = Some(set(outer.clone(), 2, Rc::new(20), KEPT));
        assert!(is_same(&for_child(&vars), &outer));
        let vars = Some(set(vars, 3, Rc::new(30), INHERITED));
        let child = for_child(&vars);
        assert_eq!(
            (value(&child, 1), value(&child, 2), value(&child, 3)),
            (Some(10), None, Some(30))
        );
        assert!(for_child(&None).is_none());
    }

    #[test]
    fn a_hidden_value_comes_through_where_the_one_above_is_not_inherited() {
        let vars = Some(set(None, 1, Rc::new(10), INHERITED));
        let vars = Some(set(vars, 1, Rc::new(11), KEPT));
        assert_eq!(value(&for_child(&vars), 1), Some(10));
    }

    #[test]
    fn a_list_of_a_million_ends_without_a_deep_stack() {
        let mut vars = None;
        for n in 0..1_000_000_usize {
            vars = Some(set(vars, n, Rc::new(()), INHERITED));
        }
        drop(vars);
    }

    #[test]
    fn another_thread_gets_copies_of_the_latest_inherited_values_and_none_stays_behind() {
        let vars = Some(set(None, 1, Rc::new(10), INHERITED));
        let vars = Some(set(vars, 2, Rc::new(20), KEPT));
        let vars = Some(set(vars, 1, Rc::new(11), INHERITED));
        let luggage = for_thread(&vars);
        assert_eq!(luggage.len(), 1);
        let arrived = |key| find_arrived(key).map(|value| *value.downcast_ref::<i32>().unwrap());
        let thread = std::thread::spawn(move || {
            let inside = arrive(luggage, || (arrived(1), arrived(2)));
            (inside, arrived(1))
        });
        assert_eq!(thread.join().unwrap(), ((Some(11), None), None));
    }
}
