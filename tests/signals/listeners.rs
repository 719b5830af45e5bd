//! `signal::unix`: listening to any signal.

use std::io::{self, ErrorKind, Write};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use rustix::process::{Resource, Rlimit, Signal as Sent, getrlimit, setrlimit};
use wheelhouse::signal::{CtrlC, Signal, SignalKind, unix};
use wheelhouse::{Runtime, run, sleep, spawn, testing, time, timeout, yield_now};

use super::program::{by_itself, other_half, say};
use super::{LOOKED, send_to_myself};

/// Listens to SIGUSR1.
fn listener() -> Signal {
    unix(SignalKind::user_defined1()).expect("it can be listened to")
}

/// Sends SIGUSR1 and waits until `last`, the latest listener, has received it: then all have.
async fn send_and_receive(last: &mut Signal) {
    send_to_myself(Sent::USR1);
    last.recv().await.expect("it is in its runtime");
}

/// Polls until the event loop has checked the sockets. Returns `true` if a signal has arrived.
async fn receives(listener: &mut Signal) -> bool {
    for _ in 0..LOOKED {
        if let Some(outcome) = listener.recv().now_or_never() {
            outcome.expect("it is in its runtime");
            return true;
        }
        yield_now().await;
    }
    false
}

#[test]
fn a_listener_receives_a_signal_that_would_end_the_process() {
    let test = "listeners::a_listener_receives_a_signal_that_would_end_the_process";
    let program = other_half(test, || {
        run(async {
            let mut terminate = unix(SignalKind::terminate()).unwrap();
            for _ in 0..2 {
                say("ready");
                terminate.recv().await.unwrap();
                say("received");
            }
        });
    });
    let Some(program) = program else { return };
    for _ in 0..2 {
        program.says(&["ready"]);
        program.signal(Sent::TERM);
        program.says(&["received"]);
    }
    program.ends_well(&[]);
}

#[test]
fn two_listeners_both_store_the_signal_until_recv() {
    let test = "listeners::two_listeners_both_store_the_signal_until_recv";
    by_itself(test, || {
        run(async {
            let (mut waits, mut unpolled, mut last) = (listener(), listener(), listener());
            let waiting = spawn(async move { waits.recv().await });
            sleep(Duration::ZERO).await;
            send_and_receive(&mut last).await;
            waiting.await.unwrap().unwrap();
            unpolled.recv().await.unwrap();
            let mut late = listener();
            assert!(
                !receives(&mut late).await,
                "it was sent before the listener existed"
            );
        });
    });
}

#[test]
fn many_signals_before_a_recv_count_as_one() {
    let test = "listeners::many_signals_before_a_recv_count_as_one";
    by_itself(test, || {
        run(async {
            let (mut slow, mut last) = (listener(), listener());
            // More than the socket can hold. The others are not needed.
            for _ in 0..2000 {
                send_and_receive(&mut last).await;
            }
            assert!(receives(&mut slow).await);
            assert!(!receives(&mut slow).await, "they were not one");
            send_and_receive(&mut last).await;
            assert!(receives(&mut slow).await, "it receives no more signals");
        });
    });
}

#[test]
fn a_recv_that_is_dropped_loses_nothing() {
    by_itself("listeners::a_recv_that_is_dropped_loses_nothing", || {
        run(async {
            let (mut signal, mut last) = (listener(), listener());
            let short = Duration::from_millis(1);
            assert!(timeout(short, signal.recv()).await.is_err());
            send_and_receive(&mut last).await;
            drop(signal.recv());
            assert!(receives(&mut signal).await);
        });
    });
}

#[test]
fn a_listener_is_a_stream() {
    by_itself("listeners::a_listener_is_a_stream", || {
        run(async {
            let (signal, mut last) = (listener(), listener());
            let mut stream = signal.take(2);
            for _ in 0..2 {
                send_and_receive(&mut last).await;
                stream.next().await.unwrap().unwrap();
            }
            assert!(stream.next().await.is_none());
        });
    });
}

#[test]
fn a_signal_arrives_in_two_runtimes_on_two_threads() {
    by_itself(
        "listeners::a_signal_arrives_in_two_runtimes_on_two_threads",
        || {
            let ready = Barrier::new(3);
            let main = || {
                run(async {
                    let mut signal = listener();
                    ready.wait();
                    signal.recv().await.unwrap();
                });
            };
            thread::scope(|scope| {
                scope.spawn(main);
                scope.spawn(main);
                ready.wait();
                send_to_myself(Sent::USR1);
            });
        },
    );
}

#[test]
fn a_new_listener_receives_and_the_last_one_restores_the_default_action() {
    let test = "listeners::a_new_listener_receives_and_the_last_one_restores_the_default_action";
    let program = other_half(test, || {
        run(async {
            drop(listener());
            let (other, mut again) = (listener(), listener());
            drop(other);
            say("one is left");
            again.recv().await.unwrap();
            drop(again);
            say("none is left");
            std::future::pending::<()>().await;
        });
    });
    let Some(program) = program else { return };
    program.says(&["one is left"]);
    program.signal(Sent::USR1);
    program.says(&["none is left"]);
    program.signal(Sent::USR1);
    program.ended_by(Sent::USR1, &[]);
}

/// Checks the default action in a process whose only listener was dropped.
fn ends_by_the_default_action(test: &str, fail_to_listen: impl FnOnce()) {
    let program = other_half(test, || {
        run(async {
            fail_to_listen();
            drop(listener());
            say("no listener");
            std::future::pending::<()>().await;
        });
    });
    let Some(program) = program else { return };
    program.says(&["no listener"]);
    program.signal(Sent::USR1);
    program.ended_by(Sent::USR1, &[]);
}

/// `/proc` could not be read, and it was assumed from then on that the signal had no default
/// action.
#[test]
fn the_default_action_is_restored_although_no_descriptor_was_left_at_first() {
    let test = "listeners::the_default_action_is_restored_although_no_descriptor_was_left_at_first";
    ends_by_the_default_action(test, || {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let (few, many) = (Some(40), maximum);
        let limit = |current| setrlimit(Resource::Nofile, Rlimit { current, maximum });
        limit(few).unwrap();
        let all: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        unix(SignalKind::user_defined1()).unwrap_err();
        drop(all);
        limit(many).unwrap();
    });
}

#[test]
fn the_default_action_is_restored_without_proc() {
    // Only root may call chroot(2).
    if !rustix::process::getuid().is_root() {
        return;
    }
    let test = "listeners::the_default_action_is_restored_without_proc";
    ends_by_the_default_action(test, || {
        let name = format!("wheelhouse-no-proc-{}", std::process::id());
        let empty = std::env::temp_dir().join(name);
        std::fs::create_dir(&empty).unwrap();
        std::env::set_current_dir(&empty).unwrap();
        std::fs::remove_dir(&empty).unwrap();
        std::os::unix::fs::chroot(".").unwrap();
        assert!(!std::fs::exists("/proc").unwrap());
    });
}

#[test]
fn a_dropped_listener_closes_its_descriptors() {
    let test = "listeners::a_dropped_listener_closes_its_descriptors";
    by_itself(test, || {
        let few = Rlimit {
            current: Some(60),
            maximum: Some(60),
        };
        setrlimit(Resource::Nofile, few).unwrap();
        run(async {
            for _ in 0..100 {
                drop(listener());
            }
            let mut last = listener();
            send_and_receive(&mut last).await;
        });
    });
}

#[test]
fn a_signal_that_was_ignored_is_ignored_again() {
    by_itself(
        "listeners::a_signal_that_was_ignored_is_ignored_again",
        || {
            let (reader, mut writer) = io::pipe().unwrap();
            drop(reader);
            run(async {
                let mut broken = unix(SignalKind::pipe()).unwrap();
                // SIGPIPE is delivered to the thread that writes, before the call returns.
                let error = writer.write_all(b"x").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                assert!(receives(&mut broken).await);
            });
            let error = writer.write_all(b"x").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        },
    );
}

#[test]
fn a_signal_that_cannot_be_listened_to_is_refused_with_a_message() {
    run(async {
        for number in [9, 19, 11, 4, 8, 0, -1, 33, 65, i32::MAX, i32::MIN] {
            let kind = SignalKind::from_raw(number);
            assert_eq!(kind.as_raw(), number);
            let error = unix(kind).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{kind:?}: {error}");
            let text = error.to_string();
            assert!(text.contains(&number.to_string()), "{text}");
            assert!(text.contains("cannot be listened to"), "{text}");
        }
    });
}

#[test]
fn outside_a_runtime_it_is_an_error_and_the_signal_is_unchanged() {
    let test = "listeners::outside_a_runtime_it_is_an_error_and_the_signal_is_unchanged";
    let program = other_half(test, || {
        let error = unix(SignalKind::user_defined2()).unwrap_err();
        say(&error.to_string());
        loop {
            thread::park();
        }
    });
    let Some(program) = program else { return };
    let line = program.line();
    assert!(line.contains("no wheelhouse runtime"), "{line}");
    program.signal(Sent::USR2);
    program.ended_by(Sent::USR2, &[]);
}

#[test]
fn outside_its_runtime_a_listener_returns_an_error_and_may_be_dropped() {
    let test = "listeners::outside_its_runtime_a_listener_returns_an_error_and_may_be_dropped";
    let program = other_half(test, || {
        let home = Runtime::new().unwrap();
        let mut signal = home.block_on(async { listener() });
        let elsewhere = thread::spawn(move || run(async { signal.recv().await }));
        let message = elsewhere.join().unwrap().unwrap_err().to_string();
        assert!(message.contains("used outside"), "{message}");
        // It was dropped on that thread. A new listener reuses its slot in the reactor.
        home.block_on(async {
            let mut next = listener();
            send_and_receive(&mut next).await;
        });
        say("none is left");
        home.block_on(std::future::pending::<()>());
    });
    let Some(program) = program else { return };
    program.says(&["none is left"]);
    program.signal(Sent::USR1);
    program.ended_by(Sent::USR1, &[]);
}

#[test]
fn virtual_time_does_not_advance_while_a_task_waits_for_a_signal() {
    let test = "listeners::virtual_time_does_not_advance_while_a_task_waits_for_a_signal";
    let program = other_half(test, || {
        testing::run(async {
            let hour = Duration::from_secs(3600);
            let (start, mut signal) = (time::now(), listener());
            say("with a timer");
            timeout(hour, signal.recv()).await.unwrap().unwrap();
            assert!(time::now() - start < hour);
            say("without one");
            signal.recv().await.unwrap();
        });
    });
    let Some(program) = program else { return };
    for line in ["with a timer", "without one"] {
        program.says(&[line]);
        program.signal(Sent::USR1);
    }
    program.ends_well(&[]);
}

#[test]
fn listeners_are_send_and_have_a_debug_form() {
    fn is_send<T: Send>(_: &T) {}
    fn is_send_too<T: Send + Sync + Unpin>() {}
    is_send_too::<CtrlC>();
    is_send_too::<Signal>();
    run(async {
        let mut signal = unix(SignalKind::window_change()).unwrap();
        is_send(&signal.recv());
        assert_eq!(signal.kind(), SignalKind::window_change());
        assert!(format!("{signal:?}").contains("SIGWINCH"));
        assert_eq!(format!("{:?}", SignalKind::from_raw(40)), "SignalKind(40)");
    });
}

#[test]
fn waits_for_a_signal_survive_wakers_that_attack_them() {
    use crate::common::attack::{Boxed, attack};
    let test = "listeners::waits_for_a_signal_survive_wakers_that_attack_them";
    by_itself(test, || {
        run(attack(async || {
            let mut listener = unix(SignalKind::interrupt()).unwrap();
            let futures: Vec<Boxed> = vec![
                Box::pin(async { wheelhouse::signal::ctrl_c().await.unwrap() }),
                Box::pin(async move { listener.recv().await.unwrap() }),
                Box::pin(async { wheelhouse::signal::ctrl_c().await.unwrap() }),
            ];
            let event = async {
                // Created before the signal comes: a new `ctrl_c` would be for the next one.
                super::Witness::of_ctrl_c().press().await;
            };
            (futures, event)
        }));
    });
}
