//! What comes back from another thread's runtime has to be `Send`.

use std::rc::Rc;

fn main() {
    let runtime = wheelhouse::Runtime::new().unwrap();
    drop(runtime.remote().spawn(|| async { Rc::new(2) }));
}
