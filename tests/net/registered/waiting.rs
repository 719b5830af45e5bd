//! When `readable` and `writable` return, and when they wait.

use std::cell::Cell;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use wheelhouse::net::{Direction, Registered};
use wheelhouse::{gather, sleep, spawn, timeout, yield_now};

use super::read_some;
use crate::bounded;

/// A time in which the loop looks at its descriptors.
const SHORT: Duration = Duration::from_millis(5);

/// Both ends of a pipe.
fn pipe() -> (Registered<PipeReader>, Registered<PipeWriter>) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let reader = Registered::new(reader).expect("registered");
    (reader, Registered::new(writer).expect("registered"))
}

/// Fails if the descriptor is ready to be read.
async fn waits<T: AsFd>(fd: &Registered<T>) {
    timeout(SHORT, fd.readable()).await.expect_err("it waits");
}

#[test]
fn a_descriptor_that_is_ready_is_ready_at_once() {
    bounded(async {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        writer.write_all(b"x").expect("space");
        let reader = Registered::new(reader).expect("registered");
        let mut cx = Context::from_waker(Waker::noop());
        assert!(reader.poll_readable(&mut cx).is_ready());
        let writer = Registered::new(writer).expect("registered");
        assert!(writer.poll_writable(&mut cx).is_ready());
    });
}

#[test]
fn a_descriptor_that_was_read_in_part_is_still_readable() {
    bounded(async {
        let (reader, writer) = pipe();
        writer.get_ref().write_all(b"abc").expect("space");
        for _ in 0..3 {
            reader.readable().await.expect("a byte");
            sleep(SHORT).await;
            assert_eq!(reader.get_ref().read(&mut [0]).expect("a byte"), 1);
        }
        waits(&reader).await;
    });
}

#[test]
fn reads_that_the_registration_does_not_see_make_it_wait_all_the_same() {
    bounded(async {
        let (reader, writer) = pipe();
        for _ in 0..3 {
            writer.get_ref().write_all(b"abc").expect("space");
            reader.readable().await.expect("bytes");
            assert_eq!(reader.get_ref().read(&mut [0; 8]).expect("bytes"), 3);
            waits(&reader).await;
        }
    });
}

#[test]
fn only_would_block_makes_try_io_forget_that_a_descriptor_is_ready() {
    bounded(async {
        let (reader, writer) = pipe();
        writer.get_ref().write_all(b"x").expect("space");
        for kind in [ErrorKind::Interrupted, ErrorKind::InvalidData] {
            let fails = |_: &PipeReader| Err::<(), _>(io::Error::from(kind));
            let error = reader
                .try_io(Direction::Read, fails)
                .expect_err("the call's");
            assert_eq!(error.kind(), kind);
            reader.readable().await.expect("the byte is there");
        }
        let read = |mut pipe: &PipeReader| pipe.read(&mut [0; 8]);
        assert_eq!(reader.try_io(Direction::Read, read).expect("a byte"), 1);
        let error = reader.try_io(Direction::Read, read).expect_err("empty");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let (ready, ()) = gather((reader.readable(), async {
            sleep(SHORT).await;
            writer.get_ref().write_all(b"y").expect("space");
        }))
        .await;
        ready.expect("a byte");
    });
}

#[test]
fn a_writer_waits_while_the_buffer_is_full() {
    bounded(async {
        let (reader, writer) = pipe();
        let fill = |mut pipe: &PipeWriter| pipe.write(&[0; 4096]);
        while writer.try_io(Direction::Write, fill).is_ok() {}
        timeout(SHORT, writer.writable())
            .await
            .expect_err("it is full");
        let (ready, read) = gather((writer.writable(), async {
            sleep(SHORT).await;
            let mut bytes = vec![0; 1 << 20];
            reader.get_ref().read(&mut bytes)
        }))
        .await;
        assert!(read.expect("bytes") > 4096);
        ready.expect("space");
    });
}

#[test]
fn the_end_of_the_other_side_is_ready_in_both_directions() {
    bounded(async {
        let (reader, writer) = pipe();
        let (ready, ()) = gather((reader.readable(), async {
            sleep(SHORT).await;
            drop(writer);
        }))
        .await;
        ready.expect("the end");
        assert_eq!(read_some(&reader).await.expect("the end"), b"");
        let (reader, writer) = pipe();
        let fill = |mut pipe: &PipeWriter| pipe.write(&[0; 4096]);
        while writer.try_io(Direction::Write, fill).is_ok() {}
        let (ready, ()) = gather((writer.writable(), async {
            sleep(SHORT).await;
            drop(reader);
        }))
        .await;
        ready.expect("the end");
        let error = writer.try_io(Direction::Write, fill).expect_err("the end");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn any_number_of_tasks_wait_and_each_is_woken() {
    bounded(async {
        let (reader, writer) = pipe();
        let (reader, woken) = (Rc::new(reader), Rc::new(Cell::new(0)));
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let (reader, woken) = (Rc::clone(&reader), Rc::clone(&woken));
                spawn(async move {
                    reader.readable().await.expect("a byte");
                    woken.set(woken.get() + 1);
                })
            })
            .collect();
        sleep(SHORT).await;
        assert_eq!(woken.get(), 0);
        writer.get_ref().write_all(b"x").expect("space");
        gather(tasks).await;
        assert_eq!(woken.get(), 200);
    });
}

#[test]
fn a_task_with_a_descriptor_that_is_always_ready_yields() {
    bounded(async {
        let (reader, writer) = pipe();
        writer.get_ref().write_all(b"x").expect("space");
        let other = spawn(async { yield_now().await });
        while !other.is_finished() {
            reader.readable().await.expect("a byte");
        }
    });
}

#[test]
fn dropping_closes_at_once_on_any_thread() {
    bounded(async {
        let (reader, writer) = pipe();
        thread::scope(|scope| {
            scope.spawn(|| drop(writer));
        });
        assert_eq!(reader.get_ref().read(&mut [0]).expect("the end"), 0);
        let (reader, writer) = pipe();
        drop(reader);
        let error = writer.get_ref().write(b"x").expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_value_that_is_taken_out_can_be_registered_again() {
    bounded(async {
        let (reader, writer) = pipe();
        let reader = thread::spawn(|| reader.into_inner())
            .join()
            .expect("no panic");
        let mut reader = Registered::new(reader).expect("registered");
        writer.get_ref().write_all(b"xy").expect("space");
        reader.readable().await.expect("bytes");
        assert_eq!(reader.get_mut().read(&mut [0]).expect("a byte"), 1);
        let mut reader = reader.into_inner();
        assert_eq!(reader.read(&mut [0]).expect("a byte"), 1);
    });
}

#[test]
fn a_borrowed_descriptor_stays_open() {
    bounded(async {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let borrowed: Registered<BorrowedFd<'_>> =
            Registered::new(reader.as_fd()).expect("registered");
        waits(&borrowed).await;
        writer.write_all(b"x").expect("space");
        assert_eq!(read_some(&borrowed).await.expect("a byte"), b"x");
        drop(borrowed);
        Registered::new(&reader).expect("the registration has ended");
    });
}
