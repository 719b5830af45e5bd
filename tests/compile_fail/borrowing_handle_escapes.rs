//! A handle whose value borrows cannot be kept longer than what it borrows.

fn main() {
    wheelhouse::run(async {
        let kept = {
            let text = String::from("gone too soon");
            let outcome = wheelhouse::task_group(async |g| {
                Ok::<_, ()>(g.spawn(async { Ok(text.as_str()) }))
            });
            outcome.await.unwrap()
        };
        drop(kept.await);
    });
}
