//! Standard streams and files that another process has made non-blocking (`O_NONBLOCK` is a flag of
//! the open file, which processes share).
//!
//! What went wrong: a read returned `WouldBlock`, and a write that was refused halfway lost the
//! rest of its bytes.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::{fs as std_fs, thread};

use futures::io::{AsyncReadExt, AsyncWriteExt};
use rustix::io::ioctl_fionbio;
use wheelhouse::fs::File;
use wheelhouse::stdio::{stderr, stdin, stdout};
use wheelhouse::{gather, run};

use crate::again::{again, is_again};

/// More bytes than a pipe or a socket holds.
const MUCH: usize = 3 << 20;

/// Bytes that depend on their position.
fn pattern() -> Vec<u8> {
    (0..MUCH / 4)
        .flat_map(|at| u32::to_le_bytes(at as u32))
        .collect()
}

/// Makes the open file non-blocking, for all processes that share it.
fn make_non_blocking(descriptor: impl AsFd) {
    ioctl_fionbio(descriptor, true).unwrap();
}

/// Two connected ends, the second for the child process.
type Ends = (OwnedFd, OwnedFd);

/// Pipes and sockets, to read from and to write to.
fn kinds() -> [(Ends, Ends); 2] {
    let pipe = || std::io::pipe().unwrap();
    let socket = || UnixStream::pair().unwrap();
    let ((in_reader, in_writer), (out_reader, out_writer)) = (pipe(), pipe());
    let ((our_in, their_in), (our_out, their_out)) = (socket(), socket());
    [
        (
            (in_writer.into(), in_reader.into()),
            (out_reader.into(), out_writer.into()),
        ),
        (
            (our_in.into(), their_in.into()),
            (our_out.into(), their_out.into()),
        ),
    ]
}

/// Starts `test` in a child process with these streams.
fn start(test: &str, input: OwnedFd, output: OwnedFd, errors: Stdio) -> Child {
    let mut command: Command = again(test);
    command.arg("--quiet");
    command.stdin(input).stdout(output).stderr(errors);
    command.spawn().unwrap()
}

/// Returns the bytes between the two marks.
fn between_marks(all: &[u8]) -> &[u8] {
    let find = |mark: &[u8]| all.windows(mark.len()).position(|part| part == mark);
    let (begin, end) = (find(b"<begin>").unwrap(), find(b"<end>").unwrap());
    &all[begin + b"<begin>".len()..end]
}

/// Copies standard input to standard output, and writes to standard error.
async fn copy() {
    let mut input = vec![0; MUCH];
    // Nothing has arrived yet.
    let (read, ()) = gather((async { stdin().read_exact(&mut input).await }, async {
        stderr().write_all(b"ready\n").await.unwrap();
    }))
    .await;
    read.unwrap();
    let mut out = stdout();
    for part in [b"<begin>".as_slice(), &input, b"<end>"] {
        out.write_all(part).await.unwrap();
    }
    out.flush().await.unwrap();
}

#[test]
fn the_standard_streams_wait_until_they_are_ready_and_lose_nothing() {
    if is_again() {
        return run(copy());
    }
    let test =
        "system::nonblocking::the_standard_streams_wait_until_they_are_ready_and_lose_nothing";
    for ((input, their_input), (output, their_output)) in kinds() {
        for descriptor in [&their_input, &their_output] {
            make_non_blocking(descriptor);
        }
        let mut child = start(test, their_input, their_output, Stdio::piped());
        let mut said = [0; 6];
        child
            .stderr
            .as_mut()
            .unwrap()
            .read_exact(&mut said)
            .unwrap();
        let mut input = std_fs::File::from(input);
        let writer = thread::spawn(move || input.write_all(&pattern()));
        let mut all = Vec::new();
        std_fs::File::from(output).read_to_end(&mut all).unwrap();
        writer.join().unwrap().unwrap();
        assert!(child.wait().unwrap().success());
        assert!(between_marks(&all) == pattern());
    }
}

/// Another process makes the streams non-blocking during a write.
#[test]
fn a_stream_that_becomes_non_blocking_later_loses_nothing() {
    if is_again() {
        return run(async {
            let (mut out, mut errors) = (stdout(), stderr());
            let bytes = pattern();
            let text = async {
                out.write_all(b"<begin>").await?;
                out.write_all(&bytes).await?;
                out.write_all(b"<end>").await?;
                out.flush().await
            };
            let more = async {
                errors.write_all(b"<begin>").await?;
                errors.write_all(&bytes).await?;
                errors.write_all(b"<end>").await?;
                errors.flush().await
            };
            let (one, other) = gather((text, more)).await;
            one.and(other).unwrap();
        });
    }
    let test = "system::nonblocking::a_stream_that_becomes_non_blocking_later_loses_nothing";
    let (mut out, out_writer) = std::io::pipe().unwrap();
    let (mut errors, errors_writer) = std::io::pipe().unwrap();
    let (shared_out, shared_errors) = (
        out_writer.try_clone().unwrap(),
        errors_writer.try_clone().unwrap(),
    );
    let null = std_fs::File::open("/dev/null").unwrap();
    let errors_writer = Stdio::from(errors_writer);
    let mut child = start(test, null.into(), out_writer.into(), errors_writer);
    let mut all = vec![0; 40_000];
    out.read_exact(&mut all).unwrap();
    // The write is halfway, and blocks.
    make_non_blocking(&shared_out);
    make_non_blocking(&shared_errors);
    drop((shared_out, shared_errors));
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        errors.read_to_end(&mut all).map(|_| all)
    });
    out.read_to_end(&mut all).unwrap();
    let errors = reader.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(between_marks(&all) == pattern());
    assert!(between_marks(&errors) == pattern());
}

#[test]
fn a_file_that_is_a_non_blocking_pipe_or_socket_waits_and_loses_nothing() {
    for (input, output) in kinds() {
        make_non_blocking(&input.1);
        make_non_blocking(&output.1);
        let (mut peer_in, mut peer_out) =
            (std_fs::File::from(input.0), std_fs::File::from(output.0));
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            peer_out.read_to_end(&mut all).map(|_| all)
        });
        let mut from = File::from_std(input.1.into());
        let mut to = File::from_std(output.1.into());
        run(async {
            let mut got = vec![0; MUCH];
            // The read starts before the other side writes.
            let mut read = Box::pin(from.read_exact(&mut got));
            assert!(futures::poll!(&mut read).is_pending());
            let writer = thread::spawn(move || peer_in.write_all(&pattern()));
            read.await.unwrap();
            writer.join().unwrap().unwrap();
            to.write_all(&got).await.unwrap();
            to.flush().await.unwrap();
        });
        drop(to);
        assert!(reader.join().unwrap().unwrap() == pattern());
    }
}
