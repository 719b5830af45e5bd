//! Two tasks are created, then awaited: the waits overlap, so two seconds in all.
//!
//! [`spawn`] is asyncio's `create_task`: the task runs from the next turn on, whether or not
//! anybody awaits it yet. Awaiting the handle gives a `Result`, because a task may also be
//! cancelled or panic; asyncio raises there. Its counterpart: `examples/asyncio/tasks.py`.

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
