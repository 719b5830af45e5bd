//! A task that would run for ever is cancelled after three seconds, and tidies up first.
//!
//! asyncio raises `CancelledError` at the `await` where the task waits, and `except` catches
//! it. Here [`catch_cancel`] gives it as an `Err` to the code around it, which may go on: a
//! task that caught its cancellation ends as any other, and its handle gives `Ok`. (To tidy up
//! and end as cancelled all the same, use `finally`, as `task_group` does.)
//! Its counterpart: `examples/asyncio/cancel.py`.

use std::time::Duration;
use wheelhouse::{JoinError, catch_cancel, run, sleep, spawn};

async fn work() -> &'static str {
    let for_ever = async {
        loop {
            println!("Running...");
            sleep(Duration::from_secs(1)).await;
        }
    };
    let Err(_cancelled) = catch_cancel(for_ever).await;
    println!("Task was cancelled");
    "all tidy"
}

fn main() -> Result<(), JoinError> {
    run(async {
        let task = spawn(work());
        sleep(Duration::from_secs(3)).await;
        task.cancel();
        println!("the task returned: {}", task.await?);
        Ok(())
    })
}
