//! Calls that are made by one function of std each.

use std::fmt;
use std::fs::{self, DirEntry, Metadata, Permissions};
use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::runtime::{Offload, OnShutdown, require_runtime};

/// A call, to be made elsewhere.
type Call<T> = Box<dyn FnOnce() -> io::Result<T> + Send>;

/// The future of one call to the file system, which begins with the first poll.
///
/// It keeps the path and the contents as they were `Given` until the call is done: a temporary file, which is removed when its
/// handle is dropped, may be given by value.
///
/// # Cancel safety
/// Dropped before a thread has taken it up, the call is not made. After that it is made to its end, and its outcome is dropped;
/// what was given is dropped with the future.
#[must_use = "futures do nothing unless awaited"]
pub struct FsFuture<T, Given = ()> {
    /// The call.
    call: Offload<Call<T>, io::Result<T>>,
    /// What was given, until the call is done.
    given: Option<Given>,
}

impl<T: Send + 'static, Given> FsFuture<T, Given> {
    /// Will make a call.
    #[track_caller]
    pub(super) fn new(given: Given, call: impl FnOnce() -> io::Result<T> + Send + 'static) -> Self {
        Self::at(Location::caller(), given, call)
    }

    /// Will make a call that was asked for at a place in the program.
    pub(super) fn at(
        location: &'static Location<'static>,
        given: Given,
        call: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Self {
        Self {
            call: Offload::new(Box::new(call), OnShutdown::Wait(location)),
            given: Some(given),
        }
    }
}

// Nothing in it is pinned.
impl<T, Given> Unpin for FsFuture<T, Given> {}

impl<T: Send + 'static, Given> Future for FsFuture<T, Given> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        require_runtime()?;
        let outcome = ready!(Pin::new(&mut self.call).poll(cx));
        // As std does it: what was given is gone when the outcome is there.
        drop(self.given.take());
        Poll::Ready(outcome.unwrap_or_else(|failure| Err(failure.into_error())))
    }
}

impl<T, Given> fmt::Debug for FsFuture<T, Given> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsFuture").finish_non_exhaustive()
    }
}

/// Declares functions that make one call with a path.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($path:ident $(, $other:ident: $kind:ty)*) -> $value:ty = $call:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Cancel safety
        /// A call that has begun is made to its end: see [`FsFuture`].
        ///
        /// # Errors
        /// Those of std's function of this name; outside of a runtime.
        #[track_caller]
        pub fn $name<P: AsRef<Path>>($path: P $(, $other: $kind)*) -> FsFuture<$value, P> {
            let given = $path;
            let $path = given.as_ref().to_path_buf();
            FsFuture::new(given, move || $call)
        }
    )*};
}

calls! {
    /// Reads a whole file.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("wheelhouse-doc-{}.txt", std::process::id()));
    /// use wheelhouse::fs;
    ///
    /// wheelhouse::run(async {
    ///     fs::write(&path, "some text").await?;
    ///     assert_eq!(fs::read(&path).await?, b"some text");
    ///     fs::remove_file(&path).await
    /// })
    /// # }
    /// ```
    read(path) -> Vec<u8> = fs::read(path);
    /// Reads a whole file of UTF-8 text.
    read_to_string(path) -> String = fs::read_to_string(path);
    /// Gives the absolute path, without links and dots.
    canonicalize(path) -> PathBuf = fs::canonicalize(path);
    /// Makes a folder.
    create_dir(path) -> () = fs::create_dir(path);
    /// Makes a folder, and those around it that are missing.
    create_dir_all(path) -> () = fs::create_dir_all(path);
    /// Tells whether there is something; a broken link is nothing.
    exists(path) -> bool = fs::exists(path);
    /// Tells what is known of what is there, or of what a link leads to.
    metadata(path) -> Metadata = fs::metadata(path);
    /// Tells what is known of what is there, links not followed.
    symlink_metadata(path) -> Metadata = fs::symlink_metadata(path);
    /// Gives what is in a folder, in no order.
    read_dir(path) -> Vec<DirEntry> = fs::read_dir(path)?.collect();
    /// Tells where a link leads.
    read_link(path) -> PathBuf = fs::read_link(path);
    /// Removes an empty folder.
    remove_dir(path) -> () = fs::remove_dir(path);
    /// Removes a folder and everything in it.
    remove_dir_all(path) -> () = fs::remove_dir_all(path);
    /// Removes a file.
    remove_file(path) -> () = fs::remove_file(path);
    /// Says who may do what.
    set_permissions(path, permissions: Permissions) -> () = fs::set_permissions(path, permissions);
}

/// Declares functions that make one call with two paths.
macro_rules! calls_with_two {
    ($($(#[$doc:meta])* $name:ident -> $value:ty = $call:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Cancel safety
        /// A call that has begun is made to its end: see [`FsFuture`].
        ///
        /// # Errors
        /// Those of std's function of this name; outside of a runtime.
        #[track_caller]
        pub fn $name<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> FsFuture<$value, (P, Q)> {
            let paths = (from.as_ref().to_path_buf(), to.as_ref().to_path_buf());
            FsFuture::new((from, to), move || $call(paths.0, paths.1))
        }
    )*};
}

calls_with_two! {
    /// Copies a file and its permissions; gives the number of bytes.
    copy -> u64 = fs::copy;
    /// Gives a file another name, besides.
    hard_link -> () = fs::hard_link;
    /// Gives a file or folder another name, and what had that name goes.
    rename -> () = fs::rename;
    /// Makes a link, named `to`, that leads to `from`.
    symlink -> () = std::os::unix::fs::symlink;
}

/// Writes a whole file, in place of what was there.
///
/// # Cancel safety
/// A call that has begun is made to its end: see [`FsFuture`].
///
/// # Errors
/// Those of std's function of this name, as when the disk is full; outside of a runtime.
#[track_caller]
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> FsFuture<(), (P, C)> {
    let copies = (path.as_ref().to_path_buf(), contents.as_ref().to_vec());
    FsFuture::new((path, contents), move || fs::write(copies.0, copies.1))
}
