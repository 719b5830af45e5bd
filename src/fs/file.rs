//! An open file.

use std::fs::{Metadata, Permissions};
use std::future::{Future, poll_fn};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};

use super::FsFuture;
use crate::runtime::{Blocking, BlockingStream, OnShutdown};
use crate::util::budget;
use crate::util::waiting_io::{WaitFor, until_done, write_all};

/// An open file.
///
/// It reads, writes and seeks with the traits of `futures::io`.
///
/// A write returns when its bytes were passed to a thread, which is before they are in the file.
/// **Flush before you drop the file**: `flush` waits for the last write and returns its error.
/// Without it the bytes are written, too, but an error is lost.
///
/// The error of a write is returned by the next call, and then by each flush until more bytes are
/// written.
///
/// # Cancel safety
/// A cancelled read loses nothing: the next read returns its bytes. A cancelled write was either
/// not started, or is carried out.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wheelhouse-file-{}.txt", std::process::id()));
/// use futures::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
/// use futures::TryStreamExt;
/// use wheelhouse::fs::{self, File};
///
/// wheelhouse::run(async {
///     let mut file = File::create(&path).await?;
///     file.write_all(b"one\ntwo\n").await?;
///     file.flush().await?;
///
///     let lines = BufReader::new(File::open(&path).await?).lines();
///     assert_eq!(lines.try_collect::<Vec<_>>().await?, ["one", "two"]);
///     fs::remove_file(&path).await
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct File {
    stream: BlockingStream<Shared>,
}

/// The file, shared with the thread of a call in progress.
#[derive(Clone, Debug)]
struct Shared {
    file: Arc<std::fs::File>,
    /// Where the file was opened, for the report of calls that did not return.
    location: &'static Location<'static>,
}

impl Blocking for Shared {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = &*self.file;
        until_done(file.as_fd(), WaitFor::Readable, || { file }.read(buffer))
    }

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let file = &*self.file;
        write_all(file.as_fd(), bytes, |bytes| { file }.write(bytes))
    }

    fn seek(&self, to: SeekFrom) -> io::Result<u64> {
        (&*self.file).seek(to)
    }

    fn on_shutdown(&self) -> OnShutdown {
        OnShutdown::Wait(self.location)
    }
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Cancel safety
    /// If the call is cancelled, the file is closed.
    ///
    /// # Errors
    /// Fails outside a runtime, if the file does not exist, or if it may not be read.
    #[track_caller]
    pub fn open<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<Self>> + use<P> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file for writing. Creates it, or truncates it to length 0.
    ///
    /// # Cancel safety
    /// If the call is cancelled, the file is closed. It may have been created or truncated.
    ///
    /// # Errors
    /// Fails outside a runtime, if the directory does not exist, or if the file may not be written.
    #[track_caller]
    pub fn create<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<Self>> + use<P> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options.open(path)
    }

    /// Converts an open file of std.
    #[track_caller]
    #[must_use]
    pub fn from_std(file: std::fs::File) -> Self {
        Self::opened_at(Location::caller(), file)
    }

    fn opened_at(location: &'static Location<'static>, file: std::fs::File) -> Self {
        let file = Arc::new(file);
        Self {
            stream: BlockingStream::new(Shared { file, location }),
        }
    }

    /// Converts into a file of std, after all writes are in the file.
    ///
    /// The position is that of this file, also after a cancelled read. If the file has no position
    /// (a pipe), the bytes of a cancelled read are lost.
    ///
    /// # Cancel safety
    /// If the call is cancelled, the file is closed.
    ///
    /// # Errors
    /// Fails outside a runtime, with the error of an earlier write, and with the errors of `lseek`
    /// and `dup`. The file is closed.
    pub async fn into_std(mut self) -> io::Result<std::fs::File> {
        poll_fn(|cx| self.stream.poll_rest(cx)).await?;
        let file = Arc::clone(&self.stream.get().file);
        drop(self);
        Arc::try_unwrap(file).or_else(|file| file.try_clone())
    }

    /// Waits until the contents and the metadata are on the disk (`fsync`).
    ///
    /// # Cancel safety
    /// A call that a thread has started is carried out.
    ///
    /// # Errors
    /// Fails outside a runtime, with the error of an earlier write, and with the errors of `fsync`.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.stream.poll_flush(cx)).await?;
        self.call(std::fs::File::sync_all).await
    }

    /// Waits until the contents are on the disk (`fdatasync`).
    ///
    /// # Cancel safety
    /// A call that a thread has started is carried out.
    ///
    /// # Errors
    /// Fails outside a runtime, with the error of an earlier write, and with the errors of
    /// `fdatasync`.
    pub async fn sync_data(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.stream.poll_flush(cx)).await?;
        self.call(std::fs::File::sync_data).await
    }

    /// Truncates the file to a length, or extends it with zeros (`ftruncate`).
    ///
    /// # Cancel safety
    /// A call that a thread has started is carried out.
    ///
    /// # Errors
    /// Fails outside a runtime, with the error of an earlier write, and with the errors of
    /// `ftruncate`.
    pub async fn set_len(&mut self, length: u64) -> io::Result<()> {
        // The bytes of a cancelled read may be cut off; they must not be returned later.
        poll_fn(|cx| self.stream.poll_rest(cx)).await?;
        self.call(move |file| file.set_len(length)).await
    }

    /// Returns the metadata of the file (`fstat`).
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Fails outside a runtime, with the error of an earlier write, and with the errors of `fstat`.
    pub async fn metadata(&mut self) -> io::Result<Metadata> {
        self.call(std::fs::File::metadata).await
    }

    /// Sets the permissions of the file (`fchmod`).
    ///
    /// # Cancel safety
    /// A call that a thread has started is carried out.
    ///
    /// # Errors
    /// Fails outside a runtime, with the error of an earlier write, and with the errors of
    /// `fchmod`.
    pub async fn set_permissions(&mut self, permissions: Permissions) -> io::Result<()> {
        self.call(move |file| file.set_permissions(permissions))
            .await
    }

    /// Calls a function after all writes are in the file.
    async fn call<T: Send + 'static>(
        &mut self,
        call: impl FnOnce(&std::fs::File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        poll_fn(|cx| self.stream.poll_idle(cx)).await?;
        let Shared { file, location } = self.stream.get().clone();
        FsFuture::at(location, (), move || call(&file)).await
    }
}

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        budget::counted(cx, |cx| self.stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        budget::counted(cx, |cx| self.stream.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        budget::counted(cx, |cx| self.stream.poll_flush(cx))
    }

    /// Flushes. The file stays open until it is dropped.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        budget::counted(cx, |cx| self.stream.poll_seek(cx, to))
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.get().file.as_fd()
    }
}

/// Options to open a file: [`std::fs::OpenOptions`] with an async `open`.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wheelhouse-log-{}.txt", std::process::id()));
/// use futures::io::AsyncWriteExt;
/// use wheelhouse::fs::{self, OpenOptions};
///
/// wheelhouse::run(async {
///     let mut log = OpenOptions::new().append(true).create(true).open(&path).await?;
///     log.write_all(b"started\n").await?;
///     log.flush().await?;
///     assert_eq!(fs::read(&path).await?, b"started\n");
///     fs::remove_file(&path).await
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

/// Declares a method for each option.
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, $name: bool) -> &mut Self {
            self.0.$name($name);
            self
        }
    )*};
}

impl OpenOptions {
    /// Creates options that allow neither reading nor writing.
    #[expect(clippy::new_without_default, reason = "std's default can open nothing")]
    #[must_use]
    pub fn new() -> Self {
        Self(std::fs::OpenOptions::new())
    }

    settings! {
        /// Sets whether the file may be read.
        read;
        /// Sets whether the file may be written.
        write;
        /// Sets whether each write appends to the end of the file.
        append;
        /// Sets whether an existing file is truncated to length 0.
        truncate;
        /// Sets whether a missing file is created.
        create;
        /// Sets whether the file is created, and it is an error if it exists.
        create_new;
    }

    /// Returns the options of std, to set those that have no method here (`OpenOptionsExt`).
    pub fn as_std_mut(&mut self) -> &mut std::fs::OpenOptions {
        &mut self.0
    }

    /// Opens a file.
    ///
    /// # Cancel safety
    /// If the call is cancelled, the file is closed. It may have been created or truncated.
    ///
    /// # Errors
    /// Fails outside a runtime, and with the errors of `open`.
    #[track_caller]
    pub fn open<P: AsRef<Path>>(&self, path: P) -> impl Future<Output = io::Result<File>> + use<P> {
        let location = Location::caller();
        let (options, given) = (self.0.clone(), path);
        let path = given.as_ref().to_path_buf();
        async move {
            let opened = FsFuture::at(location, given, move || options.open(path));
            Ok(File::opened_at(location, opened.await?))
        }
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> Self {
        Self(options)
    }
}
