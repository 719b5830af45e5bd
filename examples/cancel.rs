//! A task that would run forever is cancelled after three seconds, and cleans up first.
//!
//! In asyncio, the `await` where the task waits raises `CancelledError`, and `except` catches it.
//! Here [`catch_cancel`] returns the cancellation as an `Err`, and the code after it may continue.
//! A task that catches its cancellation ends like any other task, and its handle returns `Ok`. (To
//! clean up and still end as cancelled, use `finally`, as the example `task_group` does.) Its
//! counterpart: `examples/asyncio/cancel.py`.

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
