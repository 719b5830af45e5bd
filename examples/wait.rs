//! Three runners. Each is greeted on arrival while the others continue: three seconds in all.
//!
//! [`wait`] with `.first_completed()` is asyncio's `wait(…, return_when=FIRST_COMPLETED)`. It
//! returns the handles of the tasks that are done and of those that are pending, and cancels none.
//! Its counterpart: `examples/asyncio/wait.py`.

use std::time::Duration;
use wheelhouse::{JoinError, run, sleep, spawn, wait};

async fn race(name: &'static str, seconds: u64) -> &'static str {
    sleep(Duration::from_secs(seconds)).await;
    name
}

fn main() -> Result<(), JoinError> {
    run(async {
        let runners = [("tortoise", 3), ("fox", 2), ("hare", 1)];
        let mut pending = Vec::from(runners.map(|(name, time)| spawn(race(name, time))));
        while !pending.is_empty() {
            let waited = wait(pending).first_completed().await;
            pending = waited.pending;
            for runner in waited.done {
                println!("{} is here, {} to come", runner.await?, pending.len());
            }
        }
        Ok(())
    })
}
