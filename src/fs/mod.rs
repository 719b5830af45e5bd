//! Files. Floor 3.
//!
//! A file's calls block, and epoll cannot tell when they would not: each runs on another thread, as
//! [`to_thread`](crate::to_thread)'s functions do, and what is said there of cancelling and of the runtime's end holds here, too;
//! but the end does not wait for the reads of a [`File`], which may be a pipe where nothing comes.
//! A hop to a thread and back takes some microseconds, so larger pieces are better: wrap a [`File`] in `futures::io::BufReader` or
//! `BufWriter`, or use [`read`] and [`write()`] for whole files.
//!
//! asyncio has nothing of the kind; there one uses `to_thread` by hand.

mod calls;
mod file;

pub use calls::{
    FsFuture, canonicalize, copy, create_dir, create_dir_all, exists, hard_link, metadata, read,
    read_dir, read_link, read_to_string, remove_dir, remove_dir_all, remove_file, rename,
    set_permissions, symlink, symlink_metadata, write,
};
pub use file::{File, OpenOptions};
