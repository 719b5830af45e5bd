//! Chapters to read, without code of their own: what the pages of single functions cannot say. Floor 5.
//!
//! - [`cancellation`]: for a reader who knows asyncio, in ten minutes.
//! - [`limits`]: what the crate cannot do, and what to do about it.

#[doc = include_str!("cancellation.md")]
pub mod cancellation {}

#[doc = include_str!("limits.md")]
pub mod limits {}
