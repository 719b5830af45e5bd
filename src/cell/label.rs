//! What a task's header carries besides pointers and counts.

use std::panic::Location;
use std::sync::Arc;

/// Where a task was spawned and what it is called. Never changes, so every thread may read it.
#[derive(Clone, Debug)]
pub(crate) enum Label {
    /// A task without a name.
    Plain(&'static Location<'static>),
    /// A named task.
    Named(Arc<Named>),
}

/// The label of a named task.
#[derive(Debug)]
pub(crate) struct Named {
    /// Where it was spawned.
    location: &'static Location<'static>,
    /// Its name.
    name: Box<str>,
}

impl Label {
    /// A label with a name, or without.
    pub(crate) fn new(location: &'static Location<'static>, name: Option<Box<str>>) -> Self {
        match name {
            Some(name) => Self::Named(Arc::new(Named { location, name })),
            None => Self::Plain(location),
        }
    }

    /// Where the task was spawned.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        match self {
            Self::Plain(location) => location,
            Self::Named(named) => named.location,
        }
    }

    /// The task's name.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Plain(_) => None,
            Self::Named(named) => Some(&named.name),
        }
    }
}
