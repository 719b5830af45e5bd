//! A group of tasks: one page is missing, so the other fetches are cancelled and clean up.
//!
//! [`task_group`] is asyncio's `TaskGroup`. When a child fails, its siblings are cancelled and
//! clean up, here in [`finally`]. When all of them have ended, the group returns the error. Two
//! things are different: a child fails by returning `Err`, and children may borrow, here `got`. Its
//! counterpart: `examples/asyncio/task_group.py`.

use std::cell::Cell;
use std::time::Duration;
use wheelhouse::{finally, run, sleep, task_group};

async fn fetch(page: &str, seconds: u64, got: &Cell<u32>) -> Result<(), String> {
    sleep(Duration::from_secs(seconds)).await;
    if page == "missing" {
        return Err(format!("no page called {page}"));
    }
    println!("fetched {page}");
    got.set(got.get() + 1);
    Ok(())
}

async fn spin_disk() {
    finally(sleep(Duration::from_secs(3600)), async {
        println!("stopping the disk");
        sleep(Duration::from_secs(1)).await;
        println!("the disk has stopped");
    })
    .await;
}

fn main() {
    run(async {
        let got = Cell::new(0);
        let outcome = task_group(async |group| {
            group.spawn(spin_disk());
            group.spawn(fetch("index", 1, &got));
            group.spawn(fetch("missing", 2, &got));
            group.spawn(fetch("slow", 9, &got));
            Ok::<_, String>(())
        });
        for error in outcome.await.unwrap_err().errors() {
            println!("failed: {error}");
        }
        println!("{} fetched, nobody left", got.get());
    });
}
