//! The meter of the tests that use [`Steps`](wheelhouse::testing::Steps): the bytes that were not
//! freed.
#![allow(
    dead_code,
    reason = "every test binary has its own copy and uses a part"
)]

pub(crate) mod counting;
