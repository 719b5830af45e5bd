//! One task returns an error, another one panics; the code that awaits them handles both.
//!
//! In asyncio both are exceptions, which `await` raises. Here an expected error is part of the
//! task's output, and a panic is a [`JoinError::Panicked`]. In both cases only that task ends, and
//! the others continue. The usual message of the panic appears on standard error. The program takes
//! one second. Its counterpart: `examples/asyncio/errors.py`.

use std::time::Duration;
use wheelhouse::{JoinError, run, sleep, spawn};

async fn parse(text: &str) -> Result<u32, String> {
    sleep(Duration::from_secs(1)).await;
    text.parse().map_err(|_| format!("not a number: {text}"))
}

async fn stumble() -> u32 {
    sleep(Duration::from_secs(1)).await;
    panic!("the floor is wet");
}

fn main() -> Result<(), JoinError> {
    run(async {
        let parsing = spawn(parse("seven"));
        let stumbling = spawn(stumble());
        match parsing.await? {
            Ok(number) => println!("parsed: {number}"),
            Err(error) => println!("failed: {error}"),
        }
        match stumbling.await {
            Err(JoinError::Panicked(panic)) => println!("{panic}"),
            other => println!("walked: {}", other?),
        }
        println!("still here");
        Ok(())
    })
}
