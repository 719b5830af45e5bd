//! Three dishes are cooked at the same time; the results come in the order of the arguments.
//!
//! asyncio's `gather` takes several arguments; here [`gather`] takes a tuple. It creates no tasks:
//! the futures run inside the caller, so they may borrow from it (here `kitchen`). The program
//! takes three seconds, as long as the slowest dish. Its counterpart: `examples/asyncio/gather.py`.

use std::time::Duration;
use wheelhouse::{gather, run, sleep};

async fn cook(kitchen: &str, dish: &str, seconds: u64) -> u64 {
    println!("{kitchen}: {dish} on the stove");
    sleep(Duration::from_secs(seconds)).await;
    println!("{kitchen}: {dish} ready");
    seconds
}

fn main() {
    run(async {
        let kitchen = String::from("downstairs");
        let (soup, rice, tea) = gather((
            cook(&kitchen, "soup", 3),
            cook(&kitchen, "rice", 2),
            cook(&kitchen, "tea", 1),
        ))
        .await;
        println!("soup {soup} s, rice {rice} s, tea {tea} s");
    });
}
