//! Functions that call one function of std on another thread.

use std::fmt;
use std::fs::{self, DirEntry, Metadata, Permissions};
use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::runtime::{Offload, OnShutdown, require_runtime};

/// A call to run on another thread.
type Call<T> = Box<dyn FnOnce() -> io::Result<T> + Send>;

/// The future of a call to the file system; the call is started by the first poll.
///
/// It keeps the arguments (`Given`) until the call has returned. So a temporary file that is
/// removed when its handle is dropped may be passed by value.
///
/// # Cancel safety
/// If the future is dropped before a thread has started the call, the call is not made. After that
/// it is carried out, and its result is discarded; the arguments are dropped with the future.
#[must_use = "futures do nothing unless awaited"]
pub struct FsFuture<T, Given = ()> {
    call: Offload<Call<T>, io::Result<T>>,
    /// The arguments, until the call has returned.
    given: Option<Given>,
}

impl<T: Send + 'static, Given> FsFuture<T, Given> {
    /// Creates the future of a call.
    #[track_caller]
    pub(super) fn new(given: Given, call: impl FnOnce() -> io::Result<T> + Send + 'static) -> Self {
        Self::at(Location::caller(), given, call)
    }

    /// Creates the future of a call; `location` names it in the report at the end of the runtime.
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
        // As in std, the arguments are dropped before the caller gets the outcome.
        drop(self.given.take());
        Poll::Ready(outcome.unwrap_or_else(|failure| Err(failure.into_error())))
    }
}

impl<T, Given> fmt::Debug for FsFuture<T, Given> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsFuture").finish_non_exhaustive()
    }
}

/// Declares functions that call a function of std with one path.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($path:ident $(, $other:ident: $kind:ty)*) -> $value:ty = $call:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Cancel safety
        /// A call that a thread has started is carried out; see [`FsFuture`].
        ///
        /// # Errors
        /// Fails outside a runtime, and with the errors of the function of the same name in
        /// `std::fs`.
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
    /// # let path = std::env::temp_dir().join(format!("wheelhouse-{}.txt", std::process::id()));
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
    /// Returns the absolute path, with all symbolic links resolved (`realpath`).
    canonicalize(path) -> PathBuf = fs::canonicalize(path);
    /// Creates a directory.
    create_dir(path) -> () = fs::create_dir(path);
    /// Creates a directory, and those of its parents that do not exist.
    create_dir_all(path) -> () = fs::create_dir_all(path);
    /// Returns `true` if the path exists. Symbolic links are followed, so a broken link returns
    /// `false`.
    exists(path) -> bool = fs::exists(path);
    /// Returns the metadata of a file or directory. Symbolic links are followed (`stat`).
    metadata(path) -> Metadata = fs::metadata(path);
    /// Returns the metadata of a file or directory. Symbolic links are not followed (`lstat`).
    symlink_metadata(path) -> Metadata = fs::symlink_metadata(path);
    /// Returns the entries of a directory, in no particular order.
    read_dir(path) -> Vec<DirEntry> = fs::read_dir(path)?.collect();
    /// Returns the target of a symbolic link.
    read_link(path) -> PathBuf = fs::read_link(path);
    /// Removes an empty directory.
    remove_dir(path) -> () = fs::remove_dir(path);
    /// Removes a directory and everything in it.
    remove_dir_all(path) -> () = fs::remove_dir_all(path);
    /// Removes a file.
    remove_file(path) -> () = fs::remove_file(path);
    /// Sets the permissions of a file or directory (`chmod`).
    set_permissions(path, permissions: Permissions) -> () = fs::set_permissions(path, permissions);
}

/// Declares functions that call a function of std with two paths.
macro_rules! calls_with_two {
    ($($(#[$doc:meta])* $name:ident -> $value:ty = $call:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Cancel safety
        /// A call that a thread has started is carried out; see [`FsFuture`].
        ///
        /// # Errors
        /// Fails outside a runtime, and with the errors of the function of the same name in `std`.
        #[track_caller]
        pub fn $name<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> FsFuture<$value, (P, Q)> {
            let paths = (from.as_ref().to_path_buf(), to.as_ref().to_path_buf());
            FsFuture::new((from, to), move || $call(paths.0, paths.1))
        }
    )*};
}

calls_with_two! {
    /// Copies the contents and the permissions of a file. Returns the number of bytes.
    copy -> u64 = fs::copy;
    /// Creates a hard link: `to` is one more name of the file `from`.
    hard_link -> () = fs::hard_link;
    /// Renames a file or directory. Replaces a file that exists at `to`.
    rename -> () = fs::rename;
    /// Creates a symbolic link at `to` with the target `from`.
    symlink -> () = std::os::unix::fs::symlink;
}

/// Writes a whole file. Creates it, or replaces its contents.
///
/// # Cancel safety
/// A call that a thread has started is carried out; see [`FsFuture`].
///
/// # Errors
/// Fails outside a runtime, and with the errors of [`std::fs::write`], for example if the disk is
/// full.
#[track_caller]
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> FsFuture<(), (P, C)> {
    let copies = (path.as_ref().to_path_buf(), contents.as_ref().to_vec());
    FsFuture::new((path, contents), move || fs::write(copies.0, copies.1))
}
