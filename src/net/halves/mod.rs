//! The two directions of a stream as two values: borrowed by one task, or owned by two.

mod borrowed;
mod owned;

pub(crate) use borrowed::split as split_borrowed;
pub use borrowed::{ReadHalf, WriteHalf};
pub(crate) use owned::split as split_owned;
pub use owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
