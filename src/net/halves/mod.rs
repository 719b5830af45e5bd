//! The two directions of a stream, apart: lent to one task, or each an owner that may go to another one.

mod lent;
mod owned;

pub(crate) use lent::split as lend;
pub use lent::{ReadHalf, WriteHalf};
pub(crate) use owned::split as part;
pub use owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
