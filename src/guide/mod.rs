//! Chapters to read, without code of their own: what the pages of single functions cannot say. Floor 5.
//!
//! - [`cancellation`]: for a reader who knows asyncio, in ten minutes.

#[doc = include_str!("cancellation.md")]
pub mod cancellation {}
