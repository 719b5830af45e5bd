//! What is sent to another thread's runtime has to be `Send`.

use std::rc::Rc;

fn main() {
    let runtime = wheelhouse::Runtime::new().unwrap();
    let local = Rc::new(1);
    drop(runtime.remote().spawn(move || async move { *local }));
}
