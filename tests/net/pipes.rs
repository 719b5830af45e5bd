//! Pipes and FIFOs by readiness.

use std::io::{ErrorKind, Write};
use std::process::Command;
use std::time::Duration;

use futures::FutureExt;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{PipeReader, PipeWriter, pipe};
use wheelhouse::{gather, sleep, spawn, timeout};

use super::bounded;
use super::unix::Folder;
use crate::installed::installed;

/// A time in which the loop looks at its descriptors.
const SHORT: Duration = Duration::from_millis(5);

/// Makes a FIFO.
fn fifo(folder: &Folder) -> std::path::PathBuf {
    let path = folder.path("fifo");
    let made = Command::new(installed("mkfifo")).arg(&path).status();
    assert!(made.expect("mkfifo starts").success());
    path
}

#[test]
fn more_than_a_pipe_holds_goes_through_it() {
    bounded(async {
        let (mut reader, mut writer) = pipe().expect("a pipe");
        let data: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
        let sent = data.clone();
        let writing = spawn(async move {
            writer.write_all(&sent).await?;
            writer.close().await?;
            let error = writer.write(b"x").await.expect_err("it is closed");
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            std::io::Result::Ok(())
        });
        let mut got = Vec::new();
        reader.read_to_end(&mut got).await.expect("the end");
        assert!(got == data, "{} bytes", got.len());
        writing.await.expect("no panic").expect("all is written");
    });
}

#[test]
fn a_pipe_is_read_and_written_without_waiting() {
    bounded(async {
        let (reader, writer) = pipe().expect("a pipe");
        let error = reader.try_read(&mut [0]).expect_err("it is empty");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        timeout(SHORT, reader.readable())
            .await
            .expect_err("it is empty");
        let mut count = 0;
        while let Ok(written) = writer.try_write(&[0; 4096]) {
            count += written;
        }
        timeout(SHORT, writer.writable())
            .await
            .expect_err("it is full");
        let mut bytes = vec![0; count];
        let (ready, read) = gather((writer.writable(), (&reader).read_exact(&mut bytes))).await;
        ready.expect("space");
        read.expect("bytes");
        drop(writer);
        reader.readable().await.expect("the end");
        assert_eq!(reader.try_read(&mut [0]).expect("the end"), 0);
    });
}

#[test]
fn a_writer_notices_that_its_reader_has_gone_also_while_the_pipe_is_full() {
    bounded(async {
        for is_full in [false, true] {
            let (reader, writer) = pipe().expect("a pipe");
            while is_full && writer.try_write(&[0; 4096]).is_ok() {}
            let (closed, ()) = gather((writer.closed(), async {
                sleep(SHORT).await;
                drop(reader);
            }))
            .await;
            closed.expect("it has gone");
            let error = writer.try_write(b"x").expect_err("it has gone");
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
    });
}

#[test]
fn a_pipe_becomes_one_of_std_and_back() {
    bounded(async {
        let (reader, writer) = pipe().expect("a pipe");
        let mut plain = writer.into_std().expect("ours");
        plain.write_all(b"x").expect("space");
        let reader = PipeReader::from_std(reader.into_std().expect("ours")).expect("taken");
        let writer = PipeWriter::from_std(plain).expect("taken");
        assert_eq!(writer.try_write(b"y").expect("space"), 1);
        reader.readable().await.expect("bytes");
        assert_eq!(reader.try_read(&mut [0; 8]).expect("bytes"), 2);
    });
}

#[test]
fn the_first_read_of_a_fifo_waits_for_a_writer_and_a_writer_waits_for_a_reader() {
    let folder = Folder::new();
    let path = fifo(&folder);
    bounded(async {
        let opening = spawn(PipeWriter::open(path.clone()));
        sleep(SHORT).await;
        assert!(!opening.is_finished(), "there is no reader");
        let mut reader = PipeReader::open(&path).expect("a FIFO");
        let mut byte = [0];
        assert!(reader.read(&mut byte).now_or_never().is_none());
        let mut writer = opening.await.expect("no panic").expect("a reader");
        timeout(SHORT, reader.read(&mut byte))
            .await
            .expect_err("nothing is written");
        writer.write_all(b"hello").await.expect("space");
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).await.expect("the end");
        assert_eq!(text, "hello");

        // The next writer.
        let mut writer = PipeWriter::open(&path).await.expect("a reader");
        writer.write_all(b"again").await.expect("space");
        drop(writer);
        reader.read_to_string(&mut text).await.expect("the end");
        assert_eq!(text, "helloagain");
    });
}

#[test]
fn another_program_writes_into_a_fifo() {
    let folder = Folder::new();
    let path = fifo(&folder);
    bounded(async {
        let mut reader = PipeReader::open(&path).expect("a FIFO");
        let script = format!("seq 1 1000 > {}", path.display());
        let mut shell = Command::new(installed("sh"));
        let mut shell = shell.args(["-c", &script]).spawn().expect("sh starts");
        let mut text = String::new();
        reader.read_to_string(&mut text).await.expect("the end");
        let sum: u32 = text.lines().map(|line| line.parse::<u32>().unwrap()).sum();
        assert_eq!(sum, 500_500);
        assert!(shell.wait().expect("it ends").success());
    });
}

#[test]
fn a_file_that_is_no_fifo_is_refused() {
    bounded(async {
        let missing = PipeReader::open("/no/such/fifo").expect_err("nothing is there");
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let errors = [
            PipeReader::open("/proc/self/exe").map(drop),
            PipeWriter::open("/dev/null").await.map(drop),
        ];
        for error in errors {
            let error = error.expect_err("it is no FIFO");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with("not a FIFO: /"), "{error}");
        }
    });
}
