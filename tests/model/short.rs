//! Short forms to write programs by hand.

use crate::program::{Block, Stmt};

/// Sleeps so many microseconds.
pub(crate) fn sleep(micros: u64) -> Stmt {
    Stmt::Sleep(0, micros)
}

/// A group of one child and a body.
pub(crate) fn group(child: Block, body: Block) -> Stmt {
    Stmt::Group(0, vec![(0, child)], body)
}

/// Task 1 does `body`; task 0 cancels it after so many microseconds each time.
pub(crate) fn cancelled(body: Block, waits: &[u64]) -> Block {
    let cancels = waits
        .iter()
        .flat_map(|wait| [sleep(*wait), Stmt::Cancel(1)]);
    [Stmt::Spawn(0, body)].into_iter().chain(cancels).collect()
}
