//! A waker that runs a function in one of its calls.
#![allow(
    unsafe_code,
    reason = "only a hand-made table of functions can act in `clone`"
)]

use std::cell::Cell;
use std::rc::Rc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// A call of a waker.
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
    pub(crate) const ALL: [Self; 3] = [Self::Clone, Self::Wake, Self::Drop];
}

/// The data of the waker.
struct Act {
    call: Call,
    /// `None` while it runs.
    act: Cell<Option<Box<dyn FnMut()>>>,
}

impl Act {
    /// Runs the function, if this is the call.
    fn on(&self, call: Call) {
        if self.call == call
            && let Some(mut act) = self.act.take()
        {
            act();
            self.act.set(Some(act));
        }
    }
}

/// Creates a waker that runs `act` in each `call`. For use on one thread.
pub(crate) fn acting_waker(call: Call, act: impl FnMut() + 'static) -> Waker {
    let act: Box<dyn FnMut()> = Box::new(act);
    let act = Rc::new(Act {
        call,
        act: Cell::new(Some(act)),
    });
    // SAFETY: the functions of the table use the pointer as the `Rc` that it is. The tests keep the
    // waker on one thread.
    unsafe { Waker::new(Rc::into_raw(act).cast(), &TABLE) }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

/// Returns the data. The waker keeps its count.
fn borrow(data: *const ()) -> Rc<Act> {
    // SAFETY: the waker owns a count of the `Rc` of `acting_waker`.
    unsafe { Rc::increment_strong_count(data.cast::<Act>()) };
    // SAFETY: the line before added this count.
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
            release(self.0);
        }
    }
    let _owned = Owned(data);
    wake_by_ref(data);
}

fn wake_by_ref(data: *const ()) {
    borrow(data).on(Call::Wake);
}

fn release(data: *const ()) {
    // SAFETY: the waker owned a count, which ends here.
    let act = unsafe { Rc::from_raw(data.cast::<Act>()) };
    act.on(Call::Drop);
}
