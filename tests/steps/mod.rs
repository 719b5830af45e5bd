//! What the tests that use [`Steps`](wheelhouse::testing::Steps) measure by it: the bytes that are not given back.
#![allow(
    dead_code,
    reason = "every test binary has its own copy and uses a part"
)]

pub(crate) mod counting;
