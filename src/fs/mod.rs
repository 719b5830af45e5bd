//! Files and directories.
//!
//! These are the functions of `std::fs`, as futures. [`read`] and [`write()`] transfer whole files;
//! a [`File`] reads, writes and seeks with the traits of `futures::io`.
//!
//! ```
//! use wheelhouse::{fs, gather};
//!
//! # fn main() -> std::io::Result<()> {
//! # let directory = std::env::temp_dir().join(format!("wheelhouse-fs-{}", std::process::id()));
//! wheelhouse::run(async {
//!     fs::create_dir_all(&directory).await?;
//!     let (one, two) = (directory.join("one.txt"), directory.join("two.txt"));
//!     fs::write(&one, "some text").await?;
//!     fs::copy(&one, &two).await?;
//!     let (one, two) = gather((fs::read(&one), fs::read(&two))).await;
//!     assert_eq!(one?, two?);
//!     fs::remove_dir_all(&directory).await
//! })
//! # }
//! ```
//!
//! Calls to the file system block, and `epoll` does not report when a file is ready. So each call
//! runs on another thread, like the functions of [`to_thread`](crate::to_thread), and has the same
//! cancel safety. asyncio has no functions for files; programs use `asyncio.to_thread`.
//!
//! A call costs some microseconds for the change of threads. For small reads and writes, wrap a
//! [`File`] in `futures::io::BufReader` or `BufWriter`.
//!
//! When the runtime ends, it waits for calls in progress as it does for
//! [`to_thread`](crate::to_thread). The exception are reads of a [`File`], because it may be a pipe
//! to which nothing is written.

mod calls;
mod file;

pub use calls::{
    FsFuture, canonicalize, copy, create_dir, create_dir_all, exists, hard_link, metadata, read,
    read_dir, read_link, read_to_string, remove_dir, remove_dir_all, remove_file, rename,
    set_permissions, symlink, symlink_metadata, write,
};
pub use file::{File, OpenOptions};
