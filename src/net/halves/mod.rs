//! The two directions of a stream, apart: lent to one task, or each an owner that may go to another one.

mod borrowed;
mod owned;

pub(crate) use borrowed::split as split_borrowed;
pub use borrowed::{ReadHalf, WriteHalf};
pub(crate) use owned::split as split_owned;
pub use owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
