//! What is refused, and with which message.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use wheelhouse::net::{Direction, RegisterProblem, Registered, UseError};
use wheelhouse::{Runtime, gather, sleep, timeout};

use super::read_some;
use crate::bounded;

/// The misuse that an error tells of.
fn misuse(error: &io::Error) -> Option<UseError> {
    error.get_ref()?.downcast_ref().copied()
}

#[test]
fn outside_of_a_runtime_the_value_comes_back() {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let error = Registered::new(reader).expect_err("no runtime runs");
    assert!(matches!(error.problem(), RegisterProblem::NoRuntime(_)));
    assert!(error.to_string().contains("wheelhouse::run"), "{error}");
    writer.write_all(b"x").expect("space");
    assert_eq!(error.into_inner().read(&mut [0]).expect("a byte"), 1);
}

#[test]
fn a_descriptor_is_registered_once() {
    bounded(async {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let first = Registered::new(&reader).expect("registered");
        let error = Registered::new(&reader).expect_err("it is registered");
        assert!(matches!(
            error.problem(),
            RegisterProblem::AlreadyRegistered
        ));
        for part in ["share", "Rc", "try_clone"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert_eq!(io::Error::from(error).kind(), ErrorKind::AlreadyExists);
        Registered::new(reader.try_clone().expect("a duplicate")).expect("registered");
        drop(first);
        Registered::new(&reader).expect("registered");
    });
}

#[test]
fn a_regular_file_is_refused_and_the_message_names_the_way() {
    bounded(async {
        let file = File::open("/proc/self/exe").expect("the test itself");
        let error = Registered::new(file).expect_err("a file is always ready");
        assert!(matches!(error.problem(), RegisterProblem::NotPollable));
        for part in ["regular file", "fs::File", "to_thread"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let error = io::Error::from(error);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let problem = error.get_ref().and_then(|error| error.downcast_ref());
        assert!(matches!(problem, Some(RegisterProblem::NotPollable)));
    });
}

#[test]
fn on_another_thread_it_is_an_error_and_no_call_is_made() {
    bounded(async {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let reader = Registered::new(reader).expect("registered");
        let reader = thread::spawn(move || {
            let error = block_on(reader.readable()).expect_err("outside its runtime");
            assert_eq!(misuse(&error), Some(UseError::Elsewhere));
            assert!(error.to_string().contains("Remote::spawn"), "{error}");
            let called = Cell::new(false);
            let call = |_: &_| {
                called.set(true);
                Ok(())
            };
            let error = reader.try_io(Direction::Read, call).expect_err("away");
            assert_eq!(misuse(&error), Some(UseError::Elsewhere));
            let error = block_on(reader.async_io(Direction::Write, call));
            assert_eq!(misuse(&error.expect_err("away")), Some(UseError::Elsewhere));
            assert!(!called.get());
            reader
        });
        let reader = reader.join().expect("no panic");
        assert!(reader.readable().now_or_never().is_none());
    });
}

#[test]
fn a_descriptor_of_an_ended_runtime_fails_with_a_message_and_moves_to_the_next() {
    let runtime = Runtime::new().expect("a runtime");
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let reader = runtime.block_on(async { Registered::new(reader).expect("registered") });
    drop(runtime);
    let error = bounded(async { reader.readable().await.expect_err("it has ended") });
    assert_eq!(misuse(&error), Some(UseError::RuntimeEnded));
    for part in ["has ended", "into_inner", "Registered::new"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let reader = reader.into_inner();
    writer.write_all(b"x").expect("space");
    bounded(async {
        let reader = Registered::new(reader).expect("registered");
        assert_eq!(read_some(&reader).await.expect("a byte"), b"x");
    });
}

#[test]
fn a_replaced_descriptor_is_an_error_and_the_registration_of_another_stays() {
    bounded(async {
        let (reader, writer) = io::pipe().expect("a pipe");
        let (other, mut other_writer) = io::pipe().expect("a pipe");
        let watched = Registered::new(&other).expect("registered");
        let mut replaced = Registered::new(&reader).expect("registered");
        *replaced.get_mut() = &other;
        let error = replaced.readable().await.expect_err("nothing watches it");
        assert_eq!(misuse(&error), Some(UseError::Replaced));
        assert!(error.to_string().contains("into_inner"), "{error}");
        drop(replaced);
        // The other one is watched as before.
        let (ready, ()) = gather((watched.readable(), async {
            sleep(Duration::from_millis(5)).await;
            other_writer.write_all(b"x").expect("space");
        }))
        .await;
        ready.expect("a byte");
        drop((reader, writer));
    });
}

/// A value whose `as_fd` uses the runtime, and whose destructor does.
struct Meddler(OwnedFd);

impl AsFd for Meddler {
    fn as_fd(&self) -> BorrowedFd<'_> {
        meddle();
        self.0.as_fd()
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        meddle();
    }
}

/// Registers, waits and deregisters.
fn meddle() {
    let (reader, _writer) = io::pipe().expect("a pipe");
    if let Ok(reader) = Registered::new(reader) {
        assert!(reader.readable().now_or_never().is_none());
    }
    assert!(sleep(Duration::from_secs(1)).now_or_never().is_none());
}

#[test]
fn the_code_of_the_value_may_use_the_runtime() {
    bounded(async {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let reader = Registered::new(Meddler(reader.into())).expect("registered");
        timeout(Duration::from_millis(2), reader.readable())
            .await
            .expect_err("nothing is there");
        writer.write_all(b"x").expect("space");
        assert_eq!(read_some(&reader).await.expect("a byte"), b"x");
        drop(reader);
    });
}
