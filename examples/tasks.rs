//! Two tasks are created and then awaited. They wait at the same time: two seconds in all.
//!
//! [`spawn`] is asyncio's `create_task`: the task starts on the next turn of the loop, even if it
//! is not awaited yet. Awaiting the handle returns a `Result`, as a task may be cancelled or panic;
//! asyncio raises an exception there. Its counterpart: `examples/asyncio/tasks.py`.

use std::time::Duration;
use wheelhouse::{JoinError, run, sleep, spawn};

async fn say_after(seconds: u64, what: &'static str) {
    sleep(Duration::from_secs(seconds)).await;
    println!("{what}");
}

fn main() -> Result<(), JoinError> {
    run(async {
        let hello = spawn(say_after(1, "hello"));
        let world = spawn(say_after(2, "world"));
        println!("both are on their way");
        hello.await?;
        world.await?;
        println!("finished");
        Ok(())
    })
}
