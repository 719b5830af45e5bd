//! Context variables as data: a list of values that only ever grows at its head, shared by all who have the same tail.
//!
//! ```text
//!   task A: ──▶ REQUEST=7 ──▶ USER=ann ──▶ (empty)
//!                    ▲
//!   task B: ──▶ SPAN=3         spawned by A: has what A had, and more
//! ```
//!
//! Floor F0: it knows neither tasks nor runtimes.

use std::any::Any;
use std::rc::Rc;

/// One value, on top of others.
pub(crate) struct Frame {
    /// Which variable: the address of its static.
    key: usize,
    /// Its value.
    value: Rc<dyn Any>,
    /// Whether tasks that are spawned here have it too.
    inherited: bool,
    /// Whether this and all beneath are inherited.
    all_inherited: bool,
    /// What was set before.
    below: Vars,
}

/// The values that are set, the latest first; mostly none.
pub(crate) type Vars = Option<Rc<Frame>>;

/// Sets a variable, on top of what was set before.
pub(crate) fn set(below: Vars, key: usize, value: Rc<dyn Any>, inherited: bool) -> Rc<Frame> {
    let rest = below.as_ref().is_none_or(|below| below.all_inherited);
    Rc::new(Frame {
        key,
        value,
        inherited,
        all_inherited: inherited && rest,
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
    match top.inherited {
        true => Some(set(below, top.key, Rc::clone(&top.value), true)),
        false => below,
    }
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

    fn value(vars: &Vars, key: usize) -> Option<i32> {
        find(vars, key).map(|value| *value.downcast_ref::<i32>().unwrap())
    }

    #[test]
    fn the_latest_value_hides_the_earlier_ones() {
        let vars = Some(set(None, 1, Rc::new(10), true));
        let vars = Some(set(vars, 2, Rc::new(20), true));
        let vars = Some(set(vars, 1, Rc::new(11), true));
        assert_eq!(
            (value(&vars, 1), value(&vars, 2), value(&vars, 3)),
            (Some(11), Some(20), None)
        );
    }

    #[test]
    fn a_child_has_what_is_inherited_and_shares_it_if_that_is_all() {
        let outer = Some(set(None, 1, Rc::new(10), true));
        assert!(is_same(&for_child(&outer), &outer));
        let vars = Some(set(outer.clone(), 2, Rc::new(20), false));
        assert!(is_same(&for_child(&vars), &outer));
        let vars = Some(set(vars, 3, Rc::new(30), true));
        let child = for_child(&vars);
        assert_eq!(
            (value(&child, 1), value(&child, 2), value(&child, 3)),
            (Some(10), None, Some(30))
        );
        assert!(for_child(&None).is_none());
    }

    #[test]
    fn a_hidden_value_comes_through_where_the_one_above_is_not_inherited() {
        let vars = Some(set(None, 1, Rc::new(10), true));
        let vars = Some(set(vars, 1, Rc::new(11), false));
        assert_eq!(value(&for_child(&vars), 1), Some(10));
    }

    #[test]
    fn a_list_of_a_million_ends_without_a_deep_stack() {
        let mut vars = None;
        for n in 0..1_000_000_usize {
            vars = Some(set(vars, n, Rc::new(()), true));
        }
        drop(vars);
    }
}
