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

/// A file that is open.
///
/// It reads, writes and seeks by the traits of `futures::io`.
///
/// A write is done when a thread has the bytes, which is before they are in the file: **flush before it is dropped**, to hear
/// whether the last one went well. What was taken is written also when the file is dropped.
///
/// When a write failed, the next call says so, and each flush until other bytes are written.
///
/// # Cancel safety
/// A read that is cancelled has lost nothing: the next one finds what it read. A write that is cancelled was either not taken, or
/// is made to its end.
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
    /// What makes the calls.
    stream: BlockingStream<Shared>,
}

/// The file, which the thread of a call that is under way has, too.
#[derive(Clone, Debug)]
struct Shared {
    /// The file of std.
    file: Arc<std::fs::File>,
    /// Where it was opened, for the report of what did not return.
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

    fn at_the_end(&self) -> OnShutdown {
        OnShutdown::Wait(self.location)
    }
}

impl File {
    /// Opens a file to read it.
    ///
    /// # Cancel safety
    /// A file that is opened for nobody is closed.
    ///
    /// # Errors
    /// When there is none, or it may not be read; outside of a runtime.
    #[track_caller]
    pub fn open<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<Self>> + use<P> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file to write it, in place of what was there.
    ///
    /// # Cancel safety
    /// A file that is opened for nobody is closed; it was made, though, or emptied.
    ///
    /// # Errors
    /// When there is no such folder, or it may not be written to; outside of a runtime.
    #[track_caller]
    pub fn create<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<Self>> + use<P> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options.open(path)
    }

    /// Takes over an open file of std.
    #[track_caller]
    #[must_use]
    pub fn from_std(file: std::fs::File) -> Self {
        Self::opened_at(Location::caller(), file)
    }

    /// A file that was opened at a place in the program.
    fn opened_at(location: &'static Location<'static>, file: std::fs::File) -> Self {
        let file = Arc::new(file);
        Self {
            stream: BlockingStream::new(Shared { file, location }),
        }
    }

    /// Gives the file to std, when what was written is in it. Its place is where the reader was, also when a read was cancelled;
    /// of what has no place, as a pipe, what such a read had read is lost.
    ///
    /// # Cancel safety
    /// The file is closed then.
    ///
    /// # Errors
    /// That of the last write; those of `lseek` and `dup`. Outside of a runtime. The file is closed then.
    pub async fn into_std(mut self) -> io::Result<std::fs::File> {
        poll_fn(|cx| self.stream.poll_rest(cx)).await?;
        let file = Arc::clone(&self.stream.get().file);
        drop(self);
        Arc::try_unwrap(file).or_else(|file| file.try_clone())
    }

    /// Waits until everything is on the disk: contents and what is known of it (`fsync`).
    ///
    /// # Cancel safety
    /// A call that has begun is made to its end.
    ///
    /// # Errors
    /// That of an earlier write; those of `fsync`. Outside of a runtime.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.stream.poll_flush(cx)).await?;
        self.call(std::fs::File::sync_all).await
    }

    /// Waits until the contents are on the disk (`fdatasync`).
    ///
    /// # Cancel safety
    /// A call that has begun is made to its end.
    ///
    /// # Errors
    /// That of an earlier write; those of `fdatasync`. Outside of a runtime.
    pub async fn sync_data(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.stream.poll_flush(cx)).await?;
        self.call(std::fs::File::sync_data).await
    }

    /// Cuts the file to a length, or fills it up with zeros.
    ///
    /// # Cancel safety
    /// A call that has begun is made to its end.
    ///
    /// # Errors
    /// That of an earlier write; those of `ftruncate`. Outside of a runtime.
    pub async fn set_len(&mut self, length: u64) -> io::Result<()> {
        // What a cancelled read has read may not be in the file any more.
        poll_fn(|cx| self.stream.poll_rest(cx)).await?;
        self.call(move |file| file.set_len(length)).await
    }

    /// Tells what is known of the file.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// That of an earlier write; those of `fstat`. Outside of a runtime.
    pub async fn metadata(&mut self) -> io::Result<Metadata> {
        self.call(std::fs::File::metadata).await
    }

    /// Says who may do what with the file.
    ///
    /// # Cancel safety
    /// A call that has begun is made to its end.
    ///
    /// # Errors
    /// That of an earlier write; those of `fchmod`. Outside of a runtime.
    pub async fn set_permissions(&mut self, permissions: Permissions) -> io::Result<()> {
        self.call(move |file| file.set_permissions(permissions))
            .await
    }

    /// Makes a call, when what was written before is in the file.
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

    /// Flushes. The file is closed when it is dropped.
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

/// How to open a file: std's [`OpenOptions`](std::fs::OpenOptions), with an await.
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

/// Declares the settings.
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
    /// Nothing is allowed as yet.
    #[expect(clippy::new_without_default, reason = "std's default can open nothing")]
    #[must_use]
    pub fn new() -> Self {
        Self(std::fs::OpenOptions::new())
    }

    settings! {
        /// Whether it may be read.
        read;
        /// Whether it may be written.
        write;
        /// Whether each write goes to the end.
        append;
        /// Whether what was there goes.
        truncate;
        /// Whether it is made where there is none.
        create;
        /// Whether it is made, and it is an error where there is one.
        create_new;
    }

    /// The settings in std's form, for what is not here (`OpenOptionsExt`).
    pub fn as_std_mut(&mut self) -> &mut std::fs::OpenOptions {
        &mut self.0
    }

    /// Opens a file.
    ///
    /// # Cancel safety
    /// A file that is opened for nobody is closed.
    ///
    /// # Errors
    /// Those of `open`; outside of a runtime.
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
