//! The group cannot be kept longer than its body is given it.

use std::cell::RefCell;
use std::convert::Infallible;

fn main() {
    wheelhouse::run(async {
        let smuggled: RefCell<Option<&wheelhouse::TaskGroup<'_, '_, Infallible>>> = RefCell::new(None);
        let outcome = wheelhouse::task_group(async |g| {
            *smuggled.borrow_mut() = Some(g);
        });
        outcome.await.unwrap();
    });
}
