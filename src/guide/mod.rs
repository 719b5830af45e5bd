//! Chapters about topics that concern several functions.
//!
//! - [`cancellation`]: how to cancel, to clean up and to set timeouts, next to asyncio's code. Ten
//!   minutes to read.
//! - [`limits`]: what the crate cannot do, and what to do instead.

#[doc = include_str!("cancellation.md")]
pub mod cancellation {}

#[doc = include_str!("limits.md")]
pub mod limits {}
