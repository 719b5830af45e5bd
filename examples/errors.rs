//! One task fails with an error value, one panics; whoever awaits them catches both.
//!
//! asyncio knows one kind, the exception, and raises it at the `await`. Here an error that was
//! foreseen is part of the task's own output, and a panic comes as [`JoinError::Panicked`];
//! either way only that task ends, the others run on. Expect the usual report of the panic on
//! the error stream. One second in all. Its counterpart: `examples/asyncio/errors.py`.

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
