//! The names of tasks in reports.

use super::task_types::Task;

/// Returns the name of a task and the place where it was spawned.
pub(super) fn describe(task: &Task) -> String {
    let location = task.by_ref().label().location();
    format!("{}, spawned at {location}", name_of(task))
}

/// Returns the number of a task, and its name if it has one.
pub(super) fn name_of(task: &Task) -> String {
    let (number, name) = (task.by_ref().number(), task.by_ref().label().name());
    match name {
        Some(name) => format!("task {number} \"{name}\""),
        None => format!("task {number}"),
    }
}
