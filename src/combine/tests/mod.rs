//! Tests of the combinators, with hand-made futures, wakers and polls: no runtime, no clock, no
//! luck.

#[cfg(not(wheelhouse_loom))]
mod as_completed;
#[cfg(not(wheelhouse_loom))]
mod faults;
#[cfg(not(wheelhouse_loom))]
mod gather;
#[cfg(wheelhouse_loom)]
mod loom;
#[cfg(not(wheelhouse_loom))]
mod model;
#[cfg(not(wheelhouse_loom))]
mod tools;
#[cfg(not(wheelhouse_loom))]
mod try_gather;
#[cfg(not(wheelhouse_loom))]
mod wait;
#[cfg(not(wheelhouse_loom))]
mod wakes;
