//! The context variables of the code that runs now, as the runtime keeps them.

use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;

use crate::util::vars::{self, Vars};

/// The context variables of the code that runs now.
#[derive(Default)]
pub(crate) struct VarCell {
    vars: Cell<Vars>,
    /// Whether any are set, apart from `vars`, which cannot be read without being taken.
    is_set: Cell<bool>,
}

impl VarCell {
    pub(crate) fn get(&self) -> Vars {
        let vars = self.vars.take();
        self.vars.set(vars.clone());
        vars
    }

    /// Returns the value of the variable `key`, if it is set.
    pub(crate) fn find(&self, key: usize) -> Option<Rc<dyn Any>> {
        vars::find(&self.get(), key)
    }

    /// Returns `true` if any variable is set.
    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.is_set.get()
    }

    /// Sets other variables, and returns those that were set. Drops none of their values.
    pub(crate) fn replace(&self, vars: Vars) -> Vars {
        self.is_set.set(vars.is_some());
        self.vars.replace(vars)
    }
}
