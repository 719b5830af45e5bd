//! Context variables of the code that runs now. None are set while a task without any is polled, which costs nothing.
//!
//! The runtime that this thread drives keeps them. Where none is driven, the thread does, for
//! destructors: those of a future that is dropped there see the variables of that future.

use std::any::Any;
use std::rc::Rc;

use super::Task;
use super::context::hand;
use super::core::Core;
use crate::error::JoinError;
use crate::util::drop_quietly;
use crate::util::vars::{self, Vars};

impl Core {
    /// The value of the variable `key`, if it is set.
    pub(crate) fn find_var(&self, key: usize) -> Option<Rc<dyn Any>> {
        vars::find(&self.vars.get(), key)
    }

    /// Gives a new task those that are inherited.
    #[cold]
    pub(super) fn hand_vars_down(&self, task: &Task) {
        let vars = vars::for_child(&self.vars.get());
        if vars.is_some() {
            task.give_vars(vars);
        }
    }

    /// Does something with a task, its variables set.
    pub(super) fn with_vars_of<R>(&self, task: &Task, work: impl FnOnce() -> R) -> R {
        /// Puts back what was set around, also when the work panics.
        struct Back<'a>(&'a Core, Vars);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                // The last one who has a value drops it, which is somebody else's code.
                drop_quietly(self.0.vars.replace(self.1.take()));
            }
        }
        let _back = Back(self, self.vars.replace(task.vars()));
        work()
    }
}

/// The variables that are set on this thread.
pub(crate) fn vars_here() -> Vars {
    hand((), |core, ()| core.vars.get(), |()| vars::sent())
}

/// Sets other variables on this thread, and returns those that were set.
pub(crate) fn replace_vars_here(vars: Vars) -> Vars {
    hand(
        vars,
        |core, vars| core.vars.replace(vars),
        vars::replace_sent,
    )
}

/// Drops the future of a task where no runtime is driven, with the variables of the task set.
pub(crate) fn abort_outside(task: &Task, error: JoinError) {
    let outer = replace_vars_here(task.vars());
    // It catches what destructors panic with.
    task.abort(error);
    drop_quietly(replace_vars_here(outer));
}
