//! The context variables of the code that runs now. While a task without variables is polled, none
//! are set, which costs nothing.
//!
//! The runtime that this thread drives has them. Outside of a runtime, the thread has them, for
//! destructors: those of a future that is dropped there see the variables of that future.

use super::context::hand;
use super::core::Core;
use super::task_types::Task;
use crate::error::JoinError;
use crate::util::drop_quietly;
use crate::util::vars::{self, Vars};

impl Core {
    /// Runs `work` with the variables of a task.
    pub(super) fn with_vars_of<R>(&self, task: &Task, work: impl FnOnce() -> R) -> R {
        /// Restores the outer variables, also if `work` panics.
        struct RestoreOnDrop<'a>(&'a Core, Vars);
        impl Drop for RestoreOnDrop<'_> {
            fn drop(&mut self) {
                // The last reference to a value drops it, which runs third-party code.
                drop_quietly(self.0.vars.replace(self.1.take()));
            }
        }
        let _restore = RestoreOnDrop(self, self.vars.replace(task.vars()));
        work()
    }
}

/// Gives a new task the variables that it inherits.
#[cold]
pub(super) fn hand_vars_down(core: &Core, task: &Task) {
    let vars = vars::for_child(&core.vars.get());
    if vars.is_some() {
        task.give_vars(vars);
    }
}

/// Returns the variables that are set on this thread.
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

/// Drops the future of a task outside of its runtime, with the variables of the task.
pub(crate) fn abort_outside(task: &Task, error: JoinError) {
    let outer = replace_vars_here(task.vars());
    // Catches the panics of destructors.
    task.abort(error);
    drop_quietly(replace_vars_here(outer));
}
