//! A child may borrow what outlives the group, not what the body owns: the body may end first.

fn main() {
    wheelhouse::run(async {
        let outcome = wheelhouse::task_group(async |g| {
            let local = String::from("the body's own");
            g.spawn(async {
                wheelhouse::yield_now().await;
                drop(local.len());
            });
        });
        outcome.await.unwrap();
    });
}
