//! Two waits, one after the other: three seconds in all.
//!
//! Calling an async function does not start it; it runs when it is awaited. That is the same in
//! asyncio, where this program uses `asyncio.run(main())` for [`run`] and `await asyncio.sleep(1)`
//! for [`sleep`]. Its counterpart: `examples/asyncio/say_after.py`.

use std::time::Duration;
use wheelhouse::{run, sleep};

async fn say_after(seconds: u64, what: &str) {
    sleep(Duration::from_secs(seconds)).await;
    println!("{what}");
}

fn main() {
    run(async {
        println!("started");
        say_after(1, "hello").await;
        say_after(2, "world").await;
        println!("finished");
    });
}
