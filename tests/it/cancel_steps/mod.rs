//! Cancel at every step: a future is ended at each of its suspensions, in five ways. The
//! harness, and what it checks in each scene without being asked, is `testing::Steps`.

mod combine;
mod harness;
mod io;
mod tasks;
