//! Context variables as data: an immutable linked list of values. A new value becomes the head of a
//! list, and lists share their tails.
//!
//! ```text
//!   task A: ─────────────▶ REQUEST=7 ──▶ USER=ann ──▶ (empty)
//!                              ▲
//!   task B: ──▶ SPAN=3 ────────┘     spawned by A
//! ```
//!
//! A list stays on its thread. A function that is sent to another thread gets [`SentVars`], copies
//! of the values that can be copied, for the time of its call: see [`with_sent`].
//!
//! This module knows neither tasks nor runtimes. Layer 0.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use super::drop_quietly;

/// A function that copies a value for another thread.
pub(crate) type Copied = fn(&dyn Any) -> Box<dyn Any + Send>;

/// Where else a value is visible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inheritance {
    /// Whether tasks that are spawned here inherit it.
    pub(crate) inherited: bool,
    /// How it is copied for functions on other threads, if it is.
    pub(crate) copied: Option<Copied>,
}

/// One value of a list.
pub(crate) struct Frame {
    /// The address of the variable's static.
    key: usize,
    value: Rc<dyn Any>,
    inheritance: Inheritance,
    /// Whether this value and all below are inherited.
    all_inherited: bool,
    /// The values that were set before.
    below: Vars,
}

/// The values that are set, the latest first. Usually none.
pub(crate) type Vars = Option<Rc<Frame>>;

/// Sets a variable, and returns the new list.
pub(crate) fn set(
    below: Vars,
    key: usize,
    value: Rc<dyn Any>,
    inheritance: Inheritance,
) -> Rc<Frame> {
    let rest = below.as_ref().is_none_or(|below| below.all_inherited);
    Rc::new(Frame {
        key,
        value,
        inheritance,
        all_inherited: inheritance.inherited && rest,
        below,
    })
}

/// Returns the value of a variable, if it is set.
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

/// Returns the values that a task inherits if it is spawned while `vars` are set.
pub(crate) fn for_child(vars: &Vars) -> Vars {
    let top = vars.as_ref()?;
    if top.all_inherited {
        return Some(Rc::clone(top));
    }
    let below = for_child(&top.below);
    if top.inheritance.inherited {
        let value = Rc::clone(&top.value);
        Some(set(below, top.key, value, top.inheritance))
    } else {
        below
    }
}

/// Copies of values for another thread, the latest first.
pub(crate) type SentVars = Vec<(usize, Inheritance, Box<dyn Any + Send>)>;

/// Returns copies of the values for a function that is sent to another thread while `vars` are set:
/// of these, and of those that were sent to this thread itself.
pub(crate) fn for_thread(vars: &Vars) -> SentVars {
    let mut copies = SentVars::new();
    let sent = sent();
    for list in [vars, &sent] {
        let mut at = list.as_ref();
        while let Some(frame) = at {
            push_copy(&mut copies, frame);
            at = frame.below.as_ref();
        }
    }
    copies
}

/// Adds a copy of a value, unless a later value hides it or it must stay on its thread.
fn push_copy(copies: &mut SentVars, frame: &Frame) {
    let inheritance = frame.inheritance;
    let copied = inheritance.copied.filter(|_| inheritance.inherited);
    if let Some(copied) = copied
        && copies.iter().all(|(key, ..)| *key != frame.key)
    {
        copies.push((frame.key, inheritance, copied(&*frame.value)));
    }
}

thread_local! {
    /// The values that were sent with the function that runs on this thread, or that are set while
    /// a future is dropped here.
    static SENT: RefCell<Vars> = const { RefCell::new(None) };
}

/// Calls a function with the values that were sent with it.
pub(crate) fn with_sent<R>(copies: SentVars, f: impl FnOnce() -> R) -> R {
    /// Removes the values, also if the function panics.
    struct ClearOnDrop;
    impl Drop for ClearOnDrop {
        fn drop(&mut self) {
            // The destructors of the values are third-party code: they run while nothing is
            // borrowed, and may panic while the function panics.
            drop_quietly(SENT.take());
        }
    }
    if copies.is_empty() {
        return f();
    }
    let vars = copies
        .into_iter()
        .fold(None, |below, (key, inheritance, value)| {
            Some(set(
                below,
                key,
                Rc::from(value as Box<dyn Any>),
                inheritance,
            ))
        });
    SENT.set(vars);
    let _clear = ClearOnDrop;
    f()
}

/// Returns the values that are set on this thread while it drives no runtime.
pub(crate) fn sent() -> Vars {
    // None after the thread-local was destroyed: destructors of other thread-locals may call this.
    let sent = SENT.try_with(|sent| sent.borrow().clone());
    sent.unwrap_or_default()
}

/// Replaces the values that are set on this thread while it drives no runtime, and returns the old
/// ones.
pub(crate) fn replace_sent(vars: Vars) -> Vars {
    let outer = SENT.try_with(|sent| sent.replace(vars));
    outer.unwrap_or_default()
}

/// Returns the value of a variable that is set on this thread while it drives no runtime.
pub(crate) fn find_sent(key: usize) -> Option<Rc<dyn Any>> {
    find(&sent(), key)
}

/// Returns `true` if both are the same list.
pub(crate) fn is_same(one: &Vars, other: &Vars) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Rc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

impl Frame {
    pub(crate) fn value(&self) -> Rc<dyn Any> {
        Rc::clone(&self.value)
    }

    /// Returns the values that were set before.
    pub(crate) fn below(&self) -> &Vars {
        &self.below
    }
}

impl Drop for Frame {
    /// Drops a long list without recursion.
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
    fn a_child_has_the_inherited_variables_and_shares_them_if_there_are_no_others() {
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
        let copies = for_thread(&vars);
        assert_eq!(copies.len(), 1);
        let sent = |key| find_sent(key).map(|value| *value.downcast_ref::<i32>().unwrap());
        let thread = std::thread::spawn(move || {
            let inside = with_sent(copies, || (sent(1), sent(2)));
            (inside, sent(1))
        });
        assert_eq!(thread.join().unwrap(), ((Some(11), None), None));
    }
}
