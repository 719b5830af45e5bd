//! Two tasks add numbers for one second each, at the same time, and return 3 and 7.
//!
//! Awaiting the handle of a task returns the output of its future, as with asyncio's tasks. The
//! compiler checks the type. Its counterpart: `examples/asyncio/results.py`.

use std::time::Duration;
use wheelhouse::{JoinError, run, sleep, spawn};

async fn add(a: i32, b: i32) -> i32 {
    sleep(Duration::from_secs(1)).await;
    a + b
}

fn main() -> Result<(), JoinError> {
    run(async {
        let first = spawn(add(1, 2));
        let second = spawn(add(3, 4));
        println!("first: {}", first.await?);
        println!("second: {}", second.await?);
        Ok(())
    })
}
