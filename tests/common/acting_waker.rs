//! A foreign waker that does something in one of its calls.
#![allow(
    unsafe_code,
    reason = "only a hand-made table of functions can act in `clone`"
)]

use std::cell::Cell;
use std::rc::Rc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// In which of its calls a waker acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `clone`.
    Clone,
    /// `wake` or `wake_by_ref`.
    Wake,
    /// `drop`.
    Drop,
}

impl Call {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Clone, Self::Wake, Self::Drop];
}

/// What such a waker does.
struct Act {
    /// In which call.
    call: Call,
    /// What. Not there while it acts.
    act: Cell<Option<Box<dyn FnMut()>>>,
}

impl Act {
    /// Acts, if this is the call.
    fn on(&self, call: Call) {
        if self.call == call
            && let Some(mut act) = self.act.take()
        {
            act();
            self.act.set(Some(act));
        }
    }
}

/// A waker that runs `act` at each `call`. For one thread.
pub(crate) fn acting_waker(call: Call, act: impl FnMut() + 'static) -> Waker {
    let act: Box<dyn FnMut()> = Box::new(act);
    let act = Rc::new(Act {
        call,
        act: Cell::new(Some(act)),
    });
    // SAFETY: the functions of the table take the pointer for the `Rc` that it is. The tests that use it keep the waker on
    // one thread.
    unsafe { Waker::new(Rc::into_raw(act).cast(), &TABLE) }
}

/// What the waker does.
static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, let_go);

/// The waker's act, which it keeps.
fn borrow(data: *const ()) -> Rc<Act> {
    // SAFETY: the waker owns a count of the `Rc` that `acting_waker` made.
    unsafe { Rc::increment_strong_count(data.cast::<Act>()) };
    // SAFETY: the line before counted it.
    unsafe { Rc::from_raw(data.cast()) }
}

fn clone(data: *const ()) -> RawWaker {
    let act = borrow(data);
    act.on(Call::Clone);
    RawWaker::new(Rc::into_raw(act).cast(), &TABLE)
}

fn wake(data: *const ()) {
    /// Drops the waker, also if its act panics.
    struct Owned(*const ());
    impl Drop for Owned {
        fn drop(&mut self) {
            let_go(self.0);
        }
    }
    let _owned = Owned(data);
    wake_by_ref(data);
}

fn wake_by_ref(data: *const ()) {
    borrow(data).on(Call::Wake);
}

fn let_go(data: *const ()) {
    // SAFETY: the waker owned a count, which ends here.
    let act = unsafe { Rc::from_raw(data.cast::<Act>()) };
    act.on(Call::Drop);
}
