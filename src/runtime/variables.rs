//! Context variables of the code that runs now. None are set while a task without any is polled, which costs nothing.

use std::any::Any;
use std::rc::Rc;

use super::Task;
use super::core::Core;
use crate::util::drop_quietly;
use crate::util::vars::{self, Vars};

impl Core {
    /// The value of the variable `key`, if it is set.
    pub(crate) fn find_var(&self, key: usize) -> Option<Rc<dyn Any>> {
        vars::find(&self.vars(), key)
    }

    /// Gives a new task those that are inherited.
    #[cold]
    pub(super) fn hand_vars_down(&self, task: &Task) {
        let vars = vars::for_child(&self.vars());
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
                drop_quietly(self.0.replace_vars(self.1.take()));
            }
        }
        let _back = Back(self, self.replace_vars(task.vars()));
        work()
    }
}
