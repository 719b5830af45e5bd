//! An idle stream keeps no buffer.
//!
//! What went wrong: an open file kept the buffer of its largest read, up to 128 KiB.
//!
//! All threads are counted, as a file is read on another one: the test runs in a process of its own.
//!
//! Wall time: the kernel decides when pipes and sockets are ready.

use std::io::SeekFrom;
use std::process::Stdio;

use futures::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use wheelhouse::fs::File;
use wheelhouse::net::UnixStream;
use wheelhouse::process::Command;
use wheelhouse::run;

use crate::again::by_itself;
use crate::installed::installed;
use crate::steps::counting::total_bytes;

/// The number of bytes to transfer.
const MUCH: usize = 100_000;

/// How many bytes more a stream may keep: registrations and queues of threads; far less than a
/// buffer.
const LITTLE: isize = 4096;

/// How many bytes more are allocated after `use_it` than before it.
async fn kept(use_it: impl AsyncFnOnce()) -> isize {
    let before = total_bytes();
    use_it().await;
    total_bytes() - before
}

/// Sends [`MUCH`] bytes through a pair of streams.
async fn through(mut writer: impl AsyncWrite + Unpin, mut reader: impl AsyncRead + Unpin) {
    let (bytes, mut got) = (vec![7; MUCH], vec![0; MUCH]);
    let (written, read) = futures::join!(writer.write_all(&bytes), reader.read_exact(&mut got));
    written.expect("it is written");
    read.expect("it is read");
    writer.flush().await.expect("it is flushed");
    assert!(bytes == got);
}

/// Writes [`MUCH`] bytes to a file, and reads them.
async fn write_and_read(file: &mut File) {
    file.write_all(&vec![7; MUCH]).await.expect("it is written");
    file.seek(SeekFrom::Start(0)).await.expect("it is a file");
    let mut got = vec![0; MUCH];
    file.read_exact(&mut got).await.expect("it is read");
    file.seek(SeekFrom::Start(0)).await.expect("it is a file");
}

#[test]
fn an_idle_stream_keeps_no_buffer() {
    let _alone = crate::alone();
    by_itself("idle_streams::an_idle_stream_keeps_no_buffer", uses);
}

fn uses() {
    let path = std::env::temp_dir().join(format!("wheelhouse-idle-{}", std::process::id()));
    run(async {
        let mut options = wheelhouse::fs::OpenOptions::new();
        options.read(true).write(true).create(true);
        let mut file = options.open(&path).await.expect("a file can be made");
        std::fs::remove_file(&path).expect("it was made");
        // The first call creates threads and queues.
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
