//! Tests of the combinators, with hand-made futures, wakers and polls: no runtime, no clock, no luck.

#[cfg(not(loom))]
mod as_completed;
#[cfg(not(loom))]
mod faults;
#[cfg(not(loom))]
mod gather;
#[cfg(loom)]
mod loom;
#[cfg(not(loom))]
mod model;
#[cfg(not(loom))]
mod tools;
#[cfg(not(loom))]
mod try_gather;
#[cfg(not(loom))]
mod wait;
#[cfg(not(loom))]
mod wakes;
