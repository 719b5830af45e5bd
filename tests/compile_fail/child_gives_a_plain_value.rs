//! A child gives `()` or a `Result`; the message says how to mend it.

fn main() {
    wheelhouse::run(async {
        let outcome = wheelhouse::task_group(async |g| {
            g.spawn(async { 5 });
            Ok::<(), String>(())
        });
        outcome.await.unwrap();
    });
}
