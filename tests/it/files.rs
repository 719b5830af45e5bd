//! Files and the standard streams, on a real file system. Reads, writes and seeks are compared with
//! those of std on another file.

use std::fs as std_fs;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use wheelhouse::fs::{self, File, OpenOptions};
use wheelhouse::process::Command;
use wheelhouse::stdio::{stderr, stdin, stdout};
use wheelhouse::{run, sleep, spawn, testing, timeout, yield_now};

/// A directory for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wheelhouse-files-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std_fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    /// Returns a path in the directory.
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std_fs::remove_dir_all(&self.0).expect("it is ours");
    }
}

/// Creates an empty file to read and write.
async fn fresh(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    options.open(path).await.expect("a new file")
}

/// Starts a read of `count` bytes at a position, and cancels it.
async fn cut_a_read(file: &mut File, place: u64, count: usize) {
    loop {
        file.seek(SeekFrom::Start(place)).await.unwrap();
        // The read may complete before the first poll returns.
        if file.read(&mut vec![0; count]).now_or_never().is_none() {
            return;
        }
    }
}

#[test]
fn written_bytes_can_be_read() {
    let folder = Folder::new();
    run(async {
        let mut file = fresh(&folder.path("file")).await;
        file.write_all(b"one\ntwo\n").await.unwrap();
        file.seek(SeekFrom::Start(4)).await.unwrap();
        file.write_all(b"TWO").await.unwrap();
        file.flush().await.unwrap();
        let lines = BufReader::new(File::open(folder.path("file")).await.unwrap()).lines();
        assert_eq!(lines.try_collect::<Vec<_>>().await.unwrap(), ["one", "TWO"]);
    });
}

#[test]
fn whole_files_are_read_written_copied_and_removed() {
    let folder = Folder::new();
    let path = |name| folder.path(name);
    run(async {
        fs::write(path("a"), "some text").await.unwrap();
        assert_eq!(fs::copy(path("a"), path("b")).await.unwrap(), 9);
        fs::rename(path("b"), path("c")).await.unwrap();
        assert_eq!(fs::read_to_string(path("c")).await.unwrap(), "some text");
        fs::symlink(path("c"), path("link")).await.unwrap();
        assert_eq!(fs::read_link(path("link")).await.unwrap(), path("c"));
        assert!(
            fs::symlink_metadata(path("link"))
                .await
                .unwrap()
                .is_symlink()
        );
        assert_eq!(fs::metadata(path("link")).await.unwrap().len(), 9);
        fs::create_dir_all(path("x/y")).await.unwrap();
        let entries = fs::read_dir(&folder.0).await.unwrap();
        let mut names: Vec<_> = entries.iter().map(std_fs::DirEntry::file_name).collect();
        names.sort();
        assert_eq!(names, ["a", "c", "link", "x"]);
        assert!(fs::remove_dir(path("x")).await.is_err(), "not empty");
        fs::remove_dir_all(path("x")).await.unwrap();
        assert!(!fs::exists(path("x")).await.unwrap());
        fs::remove_file(path("c")).await.unwrap();
        assert!(!fs::exists(path("link")).await.unwrap(), "it leads nowhere");
    });
}

#[test]
fn a_missing_file_is_an_error_and_so_is_a_call_outside_a_runtime() {
    let folder = Folder::new();
    run(async {
        let error = File::open(folder.path("nothing")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = fs::read(folder.path("nothing")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
    let outside = File::open(folder.path("nothing"));
    let error = futures::executor::block_on(outside).unwrap_err();
    assert!(error.to_string().contains("runtime"), "{error}");
}

/// `/dev/full` behaves like a full disk. The second flush used to succeed.
#[test]
fn a_full_disk_is_an_error_of_each_flush_and_once_of_the_next_call() {
    run(async {
        let mut options = OpenOptions::new();
        let mut full = options.write(true).open("/dev/full").await.unwrap();
        assert_eq!(full.write(b"taken").await.unwrap(), 5);
        assert_eq!(
            full.flush().await.unwrap_err().kind(),
            ErrorKind::StorageFull
        );
        for _ in 0..2 {
            let error = full.flush().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageFull);
            assert_eq!(error.raw_os_error(), Some(28), "ENOSPC");
            assert!(full.sync_all().await.is_err());
            assert!(full.close().await.is_err());
        }
        full.write_all(b"taken again").await.unwrap();
        let error = full.write_all(b"not taken").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        full.metadata().await.unwrap();
        full.flush().await.unwrap_err();
        full.write_all(b"taken once more").await.unwrap();
        full.metadata().await.unwrap_err();
        full.into_std().await.unwrap();
        let error = fs::write("/dev/full", "whole").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    });
}

#[test]
fn a_cancelled_read_loses_nothing() {
    let folder = Folder::new();
    run(async {
        fs::write(folder.path("file"), "abcdef").await.unwrap();
        let mut file = File::open(folder.path("file")).await.unwrap();
        let mut got = [0; 2];
        for (place, expected) in [(0, b"ab"), (2, b"cd"), (4, b"ef")] {
            cut_a_read(&mut file, place, 2).await;
            file.read_exact(&mut got).await.unwrap();
            assert_eq!(&got, expected);
        }
        assert_eq!(file.read(&mut got).await.unwrap(), 0);
        assert_eq!(file.read(&mut got).await.unwrap(), 0);
    });
}

#[test]
fn a_write_after_a_cancelled_read_is_made_at_the_position_before_it() {
    let folder = Folder::new();
    let path = folder.path("file");
    run(async {
        fs::write(&path, "abcdef").await.unwrap();
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).open(&path).await.unwrap();
        cut_a_read(&mut file, 0, 4).await;
        file.write_all(b"AB").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"ABcdef");
        cut_a_read(&mut file, 2, 2).await;
        assert_eq!(file.stream_position().await.unwrap(), 2);
    });
}

#[test]
fn a_cancelled_seek_is_done_once_when_repeated_and_not_confused_with_another() {
    let folder = Folder::new();
    run(async {
        fs::write(folder.path("file"), "0123456789").await.unwrap();
        let mut file = File::open(folder.path("file")).await.unwrap();
        while file.seek(SeekFrom::Current(3)).now_or_never().is_some() {
            file.seek(SeekFrom::Start(0)).await.unwrap();
        }
        assert_eq!(file.seek(SeekFrom::Current(3)).await.unwrap(), 3);
        while file.seek(SeekFrom::Current(2)).now_or_never().is_some() {}
        assert_eq!(file.seek(SeekFrom::Start(9)).await.unwrap(), 9);
        assert!(file.seek(SeekFrom::Current(-20)).await.is_err());
        let mut last = [0];
        file.read_exact(&mut last).await.unwrap();
        assert_eq!(&last, b"9");
    });
}

#[test]
fn a_file_that_is_dropped_without_a_flush_is_written() {
    let folder = Folder::new();
    run(async {
        let mut file = File::create(folder.path("file")).await.unwrap();
        assert_eq!(file.write(b"taken").await.unwrap(), 5);
    });
    // The end of the runtime waited for it.
    assert_eq!(std_fs::read(folder.path("file")).unwrap(), b"taken");
}

#[test]
fn metadata_and_length_are_those_after_all_writes() {
    let folder = Folder::new();
    let mut plain = run(async {
        let mut file = fresh(&folder.path("file")).await;
        file.write_all(b"0123456789").await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 10);
        file.set_len(5).await.unwrap();
        file.sync_all().await.unwrap();
        file.sync_data().await.unwrap();
        let mut permissions = file.metadata().await.unwrap().permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions).await.unwrap();
        file.write_all(b"!").await.unwrap();
        file.into_std().await.unwrap()
    });
    plain.rewind().unwrap();
    let mut text = Vec::new();
    plain.read_to_end(&mut text).unwrap();
    assert_eq!(text, b"01234\0\0\0\0\0!");
    assert!(plain.metadata().unwrap().permissions().readonly());
}

#[test]
fn files_work_on_virtual_time() {
    let folder = Folder::new();
    testing::run(async {
        fs::write(folder.path("file"), "x").await.unwrap();
        assert_eq!(fs::read(folder.path("file")).await.unwrap(), b"x");
    });
}

/// A step of a random program.
#[derive(Clone, Debug)]
enum Step {
    /// Reads at most this many bytes.
    Read(usize),
    /// Starts to read, and cancels it.
    ReadCut(usize),
    /// Writes bytes.
    Write(Vec<u8>),
    /// Seeks.
    Seek(SeekFrom),
    /// Truncates or extends the file.
    SetLen(u64),
    /// Flushes.
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let to = prop_oneof![
        (0..40_u64).prop_map(SeekFrom::Start),
        (-10..10_i64).prop_map(SeekFrom::Current),
        (-10..5_i64).prop_map(SeekFrom::End),
    ];
    prop_oneof![
        (1..12_usize).prop_map(Step::Read),
        (1..12_usize).prop_map(Step::ReadCut),
        prop::collection::vec(any::<u8>(), 1..12).prop_map(Step::Write),
        to.prop_map(Step::Seek),
        (0..30_u64).prop_map(Step::SetLen),
        Just(Step::Flush),
    ]
}

/// Does one step on both files, and compares the results.
async fn take(step: Step, file: &mut File, std: &mut std_fs::File) {
    match step {
        Step::Read(count) => {
            let (mut got, mut expected) = (vec![0; count], vec![0; count]);
            let mut filled = 0;
            // The bytes of a cancelled read may be fewer than those in the file.
            while filled < count {
                match file.read(&mut got[filled..]).await.unwrap() {
                    0 => break,
                    more => filled += more,
                }
            }
            let mut there = 0;
            while let Ok(more @ 1..) = std.read(&mut expected[there..]) {
                there += more;
            }
            assert_eq!((&got[..filled], filled), (&expected[..there], there));
        }
        Step::ReadCut(count) => {
            // Ready at once if an earlier cancelled read has read enough.
            if let Some(read) = file.read(&mut vec![0; count]).now_or_never() {
                let skipped = i64::try_from(read.unwrap()).unwrap();
                std.seek(SeekFrom::Current(skipped)).unwrap();
            }
        }
        Step::Write(bytes) => {
            file.write_all(&bytes).await.unwrap();
            std.write_all(&bytes).unwrap();
        }
        Step::Seek(to) => {
            let (place, expected) = (file.seek(to).await, std.seek(to));
            assert_eq!(place.ok(), expected.ok());
        }
        Step::SetLen(length) => {
            file.set_len(length).await.unwrap();
            std.set_len(length).unwrap();
        }
        Step::Flush => file.flush().await.unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_file_behaves_like_one_of_std_whatever_is_cancelled(
        steps in prop::collection::vec(step(), 1..40),
        appends in any::<bool>(),
    ) {
        let folder = Folder::new();
        run(async {
            let mut options = std_fs::OpenOptions::new();
            options.read(true).write(true).append(appends).create_new(true);
            let mut std = options.open(folder.path("std")).unwrap();
            let mut file = OpenOptions::from(options).open(folder.path("ours")).await.unwrap();
            for step in steps {
                take(step, &mut file, &mut std).await;
            }
            file.flush().await.unwrap();
            let ours = fs::read(folder.path("ours")).await.unwrap();
            assert_eq!(ours, std_fs::read(folder.path("std")).unwrap());
        });
    }
}

/// The next read returned the bytes of the cancelled one, which were no longer in the file, or the
/// end that it had found, which was no longer the end.
#[test]
fn set_len_discards_the_bytes_of_a_cancelled_read() {
    let folder = Folder::new();
    std_fs::write(folder.path("file"), "0123456789").unwrap();
    run(async {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let mut file = options.open(folder.path("file")).await.unwrap();
        cut_a_read(&mut file, 4, 8).await;
        file.set_len(6).await.unwrap();
        let mut rest = String::new();
        file.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "45");

        cut_a_read(&mut file, 6, 8).await;
        file.set_len(8).await.unwrap();
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, [0, 0]);
    });
}

/// A file that is removed when its handle is dropped, like `tempfile::NamedTempFile`.
struct Temporary(PathBuf);

impl Temporary {
    /// Creates a file with these contents.
    fn new(folder: &Folder, contents: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.path(&format!("temporary-{number}"));
        std_fs::write(&path, contents).unwrap();
        Self(path)
    }
}

impl AsRef<Path> for Temporary {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<[u8]> for Temporary {
    fn as_ref(&self) -> &[u8] {
        assert!(self.0.exists());
        b"contents"
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        std_fs::remove_file(&self.0).ok();
    }
}

/// The handle used to be dropped, and the file removed, before the call was made.
#[test]
fn a_path_passed_by_value_lives_until_the_call_has_returned() {
    let folder = Folder::new();
    let new = || Temporary::new(&folder, "text");
    run(async {
        assert_eq!(fs::read(new()).await.unwrap(), b"text");
        assert_eq!(fs::read_to_string(new()).await.unwrap(), "text");
        assert!(fs::exists(new()).await.unwrap());
        fs::canonicalize(new()).await.unwrap();
        let metadata = fs::metadata(new()).await.unwrap();
        fs::symlink_metadata(new()).await.unwrap();
        fs::set_permissions(new(), metadata.permissions())
            .await
            .unwrap();
        fs::remove_file(new()).await.unwrap();
        fs::copy(new(), new()).await.unwrap();
        fs::hard_link(new(), folder.path("link")).await.unwrap();
        fs::rename(new(), folder.path("renamed")).await.unwrap();
        fs::write(new(), new()).await.unwrap();
        File::open(new()).await.unwrap();
        File::create(new()).await.unwrap();
        let mut options = OpenOptions::new();
        options.append(true).open(new()).await.unwrap();
    });
    let link = |name| std_fs::read_to_string(folder.path(name)).unwrap();
    assert_eq!(
        (link("link"), link("renamed")),
        ("text".into(), "text".into())
    );
}

/// As in std, it is dropped before the caller gets the outcome.
#[test]
fn a_path_passed_by_value_is_dropped_before_the_outcome_and_with_the_future() {
    let folder = Folder::new();
    run(async {
        let (temporary, other) = (Temporary::new(&folder, ""), Temporary::new(&folder, ""));
        let path = temporary.0.clone();
        let mut call = fs::read(temporary);
        (&mut call).await.unwrap();
        assert!(!path.exists());

        let path = other.0.clone();
        drop(fs::read(other));
        assert!(!path.exists());
    });
}

/// Set in the child process of a test.
const ROLE: &str = "WHEELHOUSE_TEST_SHOUTS";

/// Answers each line of standard input with the line in capitals, and writes the number of lines to
/// standard error. Then it ends although a read is still waiting.
async fn shout() {
    let mut lines = BufReader::new(stdin()).lines();
    let (mut out, mut err) = (stdout(), stderr());
    for number in 1..=2 {
        let line = lines.next().await.unwrap().unwrap();
        out.write_all(format!("{}\n", line.to_uppercase()).as_bytes())
            .await
            .unwrap();
        out.flush().await.unwrap();
        err.write_all(format!("{number}").as_bytes()).await.unwrap();
    }
    err.close().await.unwrap();
    assert!(lines.next().now_or_never().is_none());
}

#[test]
fn the_standard_streams_transfer_lines_and_a_waiting_read_does_not_delay_the_end() {
    if std::env::var_os(ROLE).is_some() {
        return run(shout());
    }
    run(async {
        let test =
            "files::the_standard_streams_transfer_lines_and_a_waiting_read_does_not_delay_the_end";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--quiet"])
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stdin = child.stdin.take().unwrap();
        for (line, answer) in [("one\n", "ONE"), ("two\n", "TWO")] {
            stdin.write_all(line.as_bytes()).await.unwrap();
            // The test runner of the child writes lines, too.
            while lines.next().await.unwrap().unwrap() != answer {}
        }
        let mut errors = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut errors)
            .await
            .unwrap();
        assert_eq!(errors, "12");
        // Its standard input is still open: `wait` closes it only if it is in `child`.
        assert!(child.wait().await.unwrap().success());
        drop(stdin);
    });
}

/// The clock did not advance until the file was polled again, so a sleep before that took real
/// time.
#[test]
fn virtual_time_advances_after_a_write_that_is_not_awaited() {
    let folder = Folder::new();
    testing::run(async {
        let mut file = fresh(&folder.path("file")).await;
        file.write_all(b"text").await.unwrap();
        sleep(Duration::from_secs(1_000_000)).await;
        file.flush().await.unwrap();
    });
}

/// A file that behaves like a terminal: it has no position, and two directions.
fn without_position() -> (File, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    (File::from_std(OwnedFd::from(one).into()), other)
}

/// The write failed, because it tried to seek to the position before the read.
#[test]
fn a_write_after_a_cancelled_read_works_on_a_file_without_a_position() {
    run(async {
        let (mut file, mut peer) = without_position();
        assert!(file.read(&mut [0; 8]).now_or_never().is_none());
        peer.write_all(b"abcd").unwrap();
        let mut got = [0; 4];
        file.read_exact(&mut got[..1]).await.unwrap();
        file.write_all(b"text").await.unwrap();
        file.flush().await.unwrap();
        file.read_exact(&mut got[1..]).await.unwrap();
        assert_eq!(&got, b"abcd");
        peer.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"text");
    });
}

/// Its error was kept while buffered bytes were read, and returned by a seek to another position.
#[test]
fn the_error_of_a_cancelled_seek_is_discarded_by_a_read() {
    let folder = Folder::new();
    std_fs::write(folder.path("file"), "0123456789").unwrap();
    run(async {
        let mut file = File::open(folder.path("file")).await.unwrap();
        let back = SeekFrom::Current(-5);
        loop {
            cut_a_read(&mut file, 0, 8).await;
            file.read_exact(&mut [0; 1]).await.unwrap();
            if file.seek(back).now_or_never().is_none() {
                break;
            }
        }
        file.read_exact(&mut [0; 5]).await.unwrap();
        assert_eq!(file.seek(back).await.unwrap(), 1);
    });
}

/// The position of the std file was after the bytes of the cancelled read.
#[test]
fn into_std_keeps_the_position_before_a_cancelled_read() {
    let folder = Folder::new();
    std_fs::write(folder.path("file"), "0123456789").unwrap();
    run(async {
        let mut file = File::open(folder.path("file")).await.unwrap();
        cut_a_read(&mut file, 0, 8).await;
        file.read_exact(&mut [0; 2]).await.unwrap();
        let mut std = file.into_std().await.unwrap();
        assert_eq!(std.stream_position().unwrap(), 2);

        let (mut file, mut peer) = without_position();
        assert!(file.read(&mut [0; 8]).now_or_never().is_none());
        peer.write_all(b"abcd").unwrap();
        file.read_exact(&mut [0; 1]).await.unwrap();
        assert!(file.into_std().await.is_ok());
    });
}

/// Wall time: a timeout detects a hang.
///
/// The halves of a file may be two tasks that wait for one call. The waker of the second replaced
/// that of the first, which was never woken.
#[test]
fn both_halves_of_a_file_are_woken_by_the_end_of_a_call() {
    run(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let file = File::from_std(std_fs::File::from(OwnedFd::from(ours)));
        let (mut reader, mut writer) = file.split();
        let reading = spawn(async move {
            let mut got = [0; 1];
            reader.read_exact(&mut got).await.map(|()| got)
        });
        // The read has started, and waits.
        yield_now().await;
        let writing = spawn(async move {
            writer.write_all(b"y").await?;
            writer.flush().await
        });
        yield_now().await;
        theirs.write_all(b"x").unwrap();
        let read = timeout(Duration::from_secs(60), reading).await;
        assert_eq!(&read.expect("it was woken").unwrap().unwrap(), b"x");
        writing.await.unwrap().unwrap();
        let mut written = [0; 1];
        theirs.read_exact(&mut written).unwrap();
        assert_eq!(&written, b"y");
    });
}
