//! A handle whose value borrows stays on its thread: away from there its drop may come later than it seems.

fn must_be_send<T: Send>(_: &T) {}

fn main() {
    wheelhouse::run(async {
        let text = String::from("borrowed");
        let outcome = wheelhouse::task_group(async |g| {
            let handle = g.spawn(async { Ok(text.as_str()) });
            must_be_send(&handle);
            Ok::<_, ()>(())
        });
        outcome.await.unwrap();
    });
}
