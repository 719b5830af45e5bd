//! `signal::unix`: listeners to any signal.

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

/// Sends SIGUSR1 and waits until `last`, the listener that was made last, has heard: so all have.
async fn send_and_hear(last: &mut Signal) {
    send_to_myself(Sent::USR1);
    last.recv().await.expect("it is at home");
}

/// Polls so often that the loop has looked at the sockets in between; true if there is something to hear.
async fn hears_something(listener: &mut Signal) -> bool {
    for _ in 0..LOOKED {
        if let Some(heard) = listener.recv().now_or_never() {
            heard.expect("it is at home");
            return true;
        }
        yield_now().await;
    }
    false
}

#[test]
fn a_listener_hears_what_would_have_ended_the_process() {
    let test = "listeners::a_listener_hears_what_would_have_ended_the_process";
    let program = other_half(test, || {
        run(async {
            let mut terminate = unix(SignalKind::terminate()).unwrap();
            for _ in 0..2 {
                say("ready");
                terminate.recv().await.unwrap();
                say("heard");
            }
        });
    });
    let Some(program) = program else { return };
    for _ in 0..2 {
        program.says(&["ready"]);
        program.signal(Sent::TERM);
        program.says(&["heard"]);
    }
    program.ends_well(&[]);
}

#[test]
fn two_listeners_both_hear_and_remember_until_they_are_asked() {
    let test = "listeners::two_listeners_both_hear_and_remember_until_they_are_asked";
    by_itself(test, || {
        run(async {
            let (mut waits, mut unpolled, mut last) = (listener(), listener(), listener());
            let waiting = spawn(async move { waits.recv().await });
            sleep(Duration::ZERO).await;
            send_and_hear(&mut last).await;
            waiting.await.unwrap().unwrap();
            unpolled.recv().await.unwrap();
            let mut late = listener();
            assert!(!hears_something(&mut late).await, "it came before that one");
        });
    });
}

#[test]
fn many_signals_are_one_until_they_are_asked_for() {
    let test = "listeners::many_signals_are_one_until_they_are_asked_for";
    by_itself(test, || {
        run(async {
            let (mut slow, mut last) = (listener(), listener());
            // More than fit into the socket: what does not fit is not missed.
            for _ in 0..2000 {
                send_and_hear(&mut last).await;
            }
            assert!(hears_something(&mut slow).await);
            assert!(!hears_something(&mut slow).await, "they were not one");
            send_and_hear(&mut last).await;
            assert!(
                hears_something(&mut slow).await,
                "it does not hear any more"
            );
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
            send_and_hear(&mut last).await;
            drop(signal.recv());
            assert!(hears_something(&mut signal).await);
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
                send_and_hear(&mut last).await;
                stream.next().await.unwrap().unwrap();
            }
            assert!(stream.next().await.is_none());
        });
    });
}

#[test]
fn two_runtimes_in_two_threads_both_hear() {
    by_itself("listeners::two_runtimes_in_two_threads_both_hear", || {
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
    });
}

#[test]
fn a_listener_made_anew_hears_and_the_last_one_gives_the_default_action_back() {
    let test =
        "listeners::a_listener_made_anew_hears_and_the_last_one_gives_the_default_action_back";
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

/// What happens to a process that listened once, when nobody listens any more.
fn ends_by_the_default_action(test: &str, listen_in_vain: impl FnOnce()) {
    let program = other_half(test, || {
        run(async {
            listen_in_vain();
            drop(listener());
            say("nobody listens");
            std::future::pending::<()>().await;
        });
    });
    let Some(program) = program else { return };
    program.says(&["nobody listens"]);
    program.signal(Sent::USR1);
    program.ended_by(Sent::USR1, &[]);
}

/// `/proc` could not be read then, and it was assumed for good that the signal had no default action.
#[test]
fn the_default_action_comes_back_where_descriptors_had_run_out_at_the_first_listening() {
    let test = "listeners::the_default_action_comes_back_where_descriptors_had_run_out_at_the_first_listening";
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
fn the_default_action_comes_back_where_there_is_no_proc() {
    // Only root may leave the tree of files.
    if !rustix::process::getuid().is_root() {
        return;
    }
    let test = "listeners::the_default_action_comes_back_where_there_is_no_proc";
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
fn a_dropped_listener_gives_its_descriptors_back() {
    let test = "listeners::a_dropped_listener_gives_its_descriptors_back";
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
            send_and_hear(&mut last).await;
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
                // This signal comes to the thread that writes, before the call returns.
                let error = writer.write_all(b"x").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                assert!(hears_something(&mut broken).await);
            });
            let error = writer.write_all(b"x").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        },
    );
}

#[test]
fn what_cannot_be_listened_to_is_refused_with_a_message() {
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
fn outside_of_a_runtime_it_is_an_error_and_the_signal_is_left_alone() {
    let test = "listeners::outside_of_a_runtime_it_is_an_error_and_the_signal_is_left_alone";
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
fn away_from_home_a_listener_gives_an_error_and_may_be_dropped() {
    let test = "listeners::away_from_home_a_listener_gives_an_error_and_may_be_dropped";
    let program = other_half(test, || {
        let home = Runtime::new().unwrap();
        let mut signal = home.block_on(async { listener() });
        let elsewhere = thread::spawn(move || run(async { signal.recv().await }));
        let message = elsewhere.join().unwrap().unwrap_err().to_string();
        assert!(message.contains("used away"), "{message}");
        // It has gone with that thread; its place at home is given to the next.
        home.block_on(async {
            let mut next = listener();
            send_and_hear(&mut next).await;
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
fn virtual_time_waits_for_a_listener() {
    let test = "listeners::virtual_time_waits_for_a_listener";
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
fn listeners_are_send_and_say_what_they_are() {
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
