//! What streams keep while nobody reads or writes: no buffer. An open file kept what its largest
//! read took, up to 128 KiB.
//!
//! The allocator counts all threads, as a file is read on another one. One test, so that nothing
//! else is counted.
//!
//! Wall time: pipes and sockets are the kernel's, and so is when they are ready.
#![allow(unsafe_code, reason = "an allocator that counts")]

#[path = "common/installed.rs"]
mod installed;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::SeekFrom;
use std::process::Stdio;
use std::sync::atomic::{AtomicIsize, Ordering};

use futures::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use wheelhouse::fs::File;
use wheelhouse::net::UnixStream;
use wheelhouse::process::Command;
use wheelhouse::run;

use installed::installed;

/// Bytes that were allocated and not freed.
static BYTES: AtomicIsize = AtomicIsize::new(0);

/// The system's allocator, with a counter.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: it passes everything on to the system's allocator; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size().cast_signed(), Ordering::SeqCst);
        // SAFETY: the caller's duty.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size().cast_signed(), Ordering::SeqCst);
        // SAFETY: the caller's duty.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How much is moved at once.
const MUCH: usize = 100_000;

/// What a stream may have more after it was used: registrations, the threads' queues; far less than
/// a buffer.
const LITTLE: isize = 4096;

/// How many bytes more are allocated after `use_it` than before.
async fn kept(use_it: impl AsyncFnOnce()) -> isize {
    let before = BYTES.load(Ordering::SeqCst);
    use_it().await;
    BYTES.load(Ordering::SeqCst) - before
}

/// Sends much through a pair of streams.
async fn through(mut writer: impl AsyncWrite + Unpin, mut reader: impl AsyncRead + Unpin) {
    let (bytes, mut got) = (vec![7; MUCH], vec![0; MUCH]);
    let (written, read) = futures::join!(writer.write_all(&bytes), reader.read_exact(&mut got));
    written.expect("it is written");
    read.expect("it is read");
    writer.flush().await.expect("it is flushed");
    assert!(bytes == got);
}

/// Writes much to a file, and reads it.
async fn write_and_read(file: &mut File) {
    file.write_all(&vec![7; MUCH]).await.expect("it is written");
    file.seek(SeekFrom::Start(0)).await.expect("it is a file");
    let mut got = vec![0; MUCH];
    file.read_exact(&mut got).await.expect("it is read");
    file.seek(SeekFrom::Start(0)).await.expect("it is a file");
}

#[test]
fn a_stream_that_nobody_uses_keeps_no_buffer() {
    let path = std::env::temp_dir().join(format!("wheelhouse-idle-{}", std::process::id()));
    run(async {
        let mut options = wheelhouse::fs::OpenOptions::new();
        options.read(true).write(true).create(true);
        let mut file = options.open(&path).await.expect("a file can be made");
        std::fs::remove_file(&path).expect("it was made");
        // Threads and queues are made by the first call.
        write_and_read(&mut file).await;
        let kept_by_file = kept(async || {
            file.seek(SeekFrom::Start(0)).await.expect("it is a file");
            let mut got = vec![0; MUCH];
            file.read_exact(&mut got).await.expect("it is read");
        });
        assert!(kept_by_file.await < LITTLE, "a file that was read");

        let (near, far) = UnixStream::pair().expect("a pair");
        through(&near, &far).await;
        assert!(
            kept(async || through(&near, &far).await).await < LITTLE,
            "a socket"
        );

        let mut cat = Command::new(installed("cat"));
        let cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cat.kill_on_drop(true).spawn().expect("cat can be started");
        let mut stdin = child.stdin.take().expect("it is piped");
        let mut stdout = child.stdout.take().expect("it is piped");
        through(&mut stdin, &mut stdout).await;
        let kept_by_pipes = kept(async || through(&mut stdin, &mut stdout).await);
        assert!(kept_by_pipes.await < LITTLE, "the pipes of a child");
    });
}
