//! Two additions of a second each, side by side: one second in all, and the sums 3 and 7.
//!
//! What a task's future returns, its handle gives to whoever awaits it, as asyncio's task
//! objects do; the type is checked on the way. Its counterpart: `examples/asyncio/results.py`.

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
