//! Child processes. They run until the test ends them, so no test depends on how long a program
//! takes.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::installed::installed;
use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use futures::{FutureExt, StreamExt};
use rustix::process::{Pid, WaitOptions, waitpid};
use wheelhouse::process::{Child, Command};
use wheelhouse::{Runtime, gather, run, sleep, spawn, testing, timeout};

/// A shell that runs `script`.
fn shell(script: &str) -> Command {
    let mut command = Command::new(installed("sh"));
    command.args(["-c", script]);
    command
}

/// A program that runs until it is killed or its standard input ends.
fn lasting() -> Command {
    let mut command = Command::new(installed("cat"));
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command
}

/// The state of a process, its letter in `/proc`; `None` if there is no such process.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.chars().next()
}

/// Waits until a process has been reaped. A test that hangs here has found a zombie.
async fn gone(pid: u32) {
    while state(pid).is_some() {
        sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn output_returns_the_written_bytes_and_the_status() {
    let output = run(shell("echo out; echo err >&2; exit 3").output()).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b"out\n"[..], &b"err\n"[..])
    );
}

#[test]
fn a_child_that_fills_both_pipes_does_not_block() {
    let script =
        "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero";
    let output = run(shell(script).output()).unwrap();
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (2_000_000, 1_000_000)
    );
}

/// Wall time: a timeout detects a hang.
///
/// If the writer has set `O_DIRECT`, a read returns one packet. The short read was taken as proof
/// that the pipe is empty, and `output` hung.
#[test]
fn the_packets_of_a_child_are_read_to_the_end() {
    for size in [1, 4_096, 60_000, 131_072] {
        let mut dd = Command::new(installed("dd"));
        dd.args(["if=/dev/zero", "oflag=direct", "count=1"]);
        dd.arg(format!("bs={size}"));
        let output = run(async { timeout(Duration::from_secs(60), dd.output()).await });
        let output = output.expect("it does not hang").unwrap();
        assert_eq!(output.stdout.len(), size, "{output:?}");
    }
}

#[test]
fn status_does_not_wait_for_pipes_that_are_not_read() {
    let status = run(async { shell("yes; exit 4").stdout(Stdio::piped()).status().await });
    assert_eq!(status.unwrap().code(), Some(4));
}

#[test]
fn lines_pass_through_a_child() {
    run(async {
        let mut child = Command::new(installed("cat"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in ["one", "two"] {
            stdin
                .write_all(format!("{line}\n").as_bytes())
                .await
                .unwrap();
            assert_eq!(lines.next().await.unwrap().unwrap(), line);
        }
        stdin.close().await.unwrap();
        assert_eq!(
            stdin.write(b"more").await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        assert!(lines.next().await.is_none());
        assert!(child.wait().await.unwrap().success());
        assert!(child.wait().await.unwrap().success(), "asked again");
    });
}

/// Waits for a child outside a runtime.
fn ended(mut child: Child) -> std::process::ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Wall time: only the child runs.
///
/// The pipe used to be closed only when the event loop ran again.
#[test]
fn a_child_sees_the_end_of_a_pipe_that_is_dropped_outside_the_event_loop() {
    let runtime = Runtime::new().unwrap();
    let start = |command: &mut Command| runtime.block_on(async { command.spawn() }).unwrap();
    let mut reader = start(&mut lasting());
    drop(reader.stdin.take());
    assert!(ended(reader).success());

    let mut elsewhere = start(&mut lasting());
    let stdin = elsewhere.stdin.take();
    std::thread::spawn(move || drop(stdin)).join().unwrap();
    assert!(ended(elsewhere).success());

    let mut writer = start(shell("while echo x; do :; done").stdout(Stdio::piped()));
    let out = writer.stdout.take().unwrap();
    drop(out.into_stdio().unwrap());
    ended(writer);
}

#[test]
fn the_pipe_of_one_child_is_the_input_of_the_next() {
    let count = run(async {
        let mut seq = Command::new(installed("seq"))
            .arg("1000")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let numbers = seq.stdout.take().unwrap().into_stdio().unwrap();
        let count = Command::new(installed("wc"))
            .arg("-l")
            .stdin(numbers)
            .output()
            .await
            .unwrap();
        assert!(seq.wait().await.unwrap().success());
        String::from_utf8(count.stdout).unwrap()
    });
    assert_eq!(count.trim(), "1000");
}

#[test]
fn wait_closes_the_standard_input() {
    let status = run(async { lasting().spawn().unwrap().wait().await });
    assert!(status.unwrap().success());
}

#[test]
fn signals_arrive_and_a_signal_after_the_exit_is_no_error() {
    run(async {
        let mut child = lasting().spawn().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        child.terminate().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(15));
        child.kill().unwrap();
        let mut child = lasting().spawn().unwrap();
        child.send_signal(10).unwrap();
        assert_eq!(
            child.send_signal(9999).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        assert_eq!(child.wait().await.unwrap().signal(), Some(10));
    });
}

/// All signals from 32 on used to be refused.
#[test]
fn real_time_signals_arrive_except_those_reserved_by_the_c_library() {
    run(async {
        for number in [34, 40, 64] {
            let mut child = lasting().stdin(Stdio::piped()).spawn().unwrap();
            child.send_signal(number).unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(number));
        }
        let mut child = lasting().spawn().unwrap();
        for number in [i32::MIN, -1, 0, 32, 33, 65, i32::MAX] {
            let error = child.send_signal(number).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}");
        }
    });
}

#[test]
fn a_child_that_ignores_sigterm_can_be_killed() {
    run(async {
        let mut child = shell("trap '' TERM; echo ready; while :; do read line; done")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .await
            .unwrap();
        child.terminate().unwrap();
        // Wall time: a child that does not ignore the signal exits meanwhile. Its input stays open.
        let stdin = child.stdin.take();
        assert!(
            timeout(Duration::from_millis(50), child.wait())
                .await
                .is_err()
        );
        child.kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        drop(stdin);
    });
}

#[test]
fn wait_can_be_called_again_after_a_cancellation() {
    run(async {
        let mut child = lasting().spawn().unwrap();
        let stdin = child.stdin.take();
        assert!(child.wait().now_or_never().is_none());
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn a_cancelled_output_kills_its_child_and_leaves_no_zombie() {
    run(async {
        let (tell, told) = wheelhouse::sync::oneshot();
        let folder = std::env::temp_dir().join(format!("wh-pid-{}", std::process::id()));
        let path = folder.clone();
        let task = spawn(async move {
            tell.send(()).ok();
            let script = format!("echo $$ > {}; exec sleep 1000", path.display());
            shell(&script).output().await
        });
        told.await.unwrap();
        let pid = loop {
            match fs::read_to_string(&folder)
                .ok()
                .and_then(|pid| pid.trim().parse().ok())
            {
                Some(pid) => break pid,
                // Wall time: the child writes it.
                None => sleep(Duration::from_millis(1)).await,
            }
        };
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
        gone(pid).await;
        fs::remove_file(&folder).unwrap();
    });
}

#[test]
fn a_dropped_child_continues_and_is_reaped_when_it_exits() {
    run(async {
        let mut child = lasting().spawn().unwrap();
        let (pid, stdin) = (child.id(), child.stdin.take());
        drop(child);
        assert!(matches!(state(pid), Some('R' | 'S')), "{:?}", state(pid));
        drop(stdin);
        gone(pid).await;
    });
}

#[test]
fn kill_on_drop_works_on_another_thread_and_after_the_runtime_too() {
    let kept = |child: &mut Child| (child.id(), child.stdin.take());
    let (one, two, pids) = run(async {
        let mut children = [0; 3].map(|_| lasting().kill_on_drop(true).spawn().unwrap());
        let pids = children.each_mut().map(kept);
        let [here, elsewhere, later] = children;
        drop(here);
        (elsewhere, later, pids)
    });
    std::thread::spawn(move || drop(one)).join().unwrap();
    drop(two);
    run(async {
        for (pid, _stdin) in pids {
            gone(pid).await;
        }
    });
}

#[test]
fn thousands_of_children_leave_no_zombie() {
    run(async {
        let mut pids = BTreeSet::new();
        for round in 0..20 {
            let mut children = Vec::new();
            for number in 0..100 {
                let child = Command::new(installed("true"))
                    .stdin(Stdio::null())
                    .spawn()
                    .unwrap();
                pids.insert(child.id());
                // Some are awaited, some are dropped while they run, some after they have exited.
                match number % 3 {
                    0 => drop(child),
                    _ => children.push(child),
                }
            }
            let waits = children.iter_mut().step_by(2).map(Child::wait);
            for status in gather(waits.collect::<Vec<_>>()).await {
                assert!(status.unwrap().success(), "in round {round}");
            }
        }
        for pid in pids {
            gone(pid).await;
        }
    });
}

#[test]
fn virtual_time_does_not_advance_while_a_task_waits_for_a_child() {
    let outcome = testing::run(async {
        let mut child = shell("sleep 0.05; exit 7").spawn().unwrap();
        timeout(Duration::from_secs(3600), child.wait()).await
    });
    assert_eq!(outcome.unwrap().unwrap().code(), Some(7));
}

#[test]
fn all_settings_take_effect() {
    let output = run(async {
        shell("pwd; echo $GREETING; env | grep -c HOME")
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs([("GREETING", "hello"), ("HOME", "/nowhere")])
            .env_remove("HOME")
            .process_group(0)
            .output()
            .await
    });
    assert_eq!(
        String::from_utf8(output.unwrap().stdout).unwrap(),
        "/\nhello\n0\n"
    );
}

#[test]
fn a_missing_program_is_an_error_and_so_is_a_call_outside_a_runtime() {
    let error = run(async { Command::new("/no/such/program").status().await }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = Command::new(installed("true")).spawn().unwrap_err();
    assert!(error.to_string().contains("runtime"), "{error}");
}

/// The settings of `output` stayed, and the next child wrote into a pipe that was not read.
#[test]
fn output_does_not_change_the_command() {
    run(async {
        let mut command = shell("echo out; echo err >&2");
        assert_eq!(command.output().await.unwrap().stdout, b"out\n");
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        assert!(child.wait().await.unwrap().success());
        assert_eq!(command.output().await.unwrap().stderr, b"");
    });
}

#[test]
fn a_child_that_was_reaped_elsewhere_is_an_error_and_wait_does_not_hang() {
    run(async {
        let mut child = Command::new(installed("true")).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        waitpid(pid, WaitOptions::empty()).unwrap();
        assert_eq!(child.wait().await.unwrap_err().raw_os_error(), Some(10));
        assert_eq!(child.wait().await.unwrap_err().raw_os_error(), Some(10));
        child.kill().unwrap();
    });
}

#[test]
fn while_sigchld_is_ignored_wait_returns_an_error() {
    const ROLE: &str = "WHEELHOUSE_TEST_IGNORES";
    let test = "processes::while_sigchld_is_ignored_wait_returns_an_error";
    if std::env::var_os(ROLE).is_none() {
        let mut again = std::process::Command::new(installed("env"));
        again.arg("--ignore-signal=CHLD");
        again.arg(std::env::current_exe().unwrap());
        again.args(["--exact", test, "--nocapture"]).env(ROLE, "1");
        let output = again.output().unwrap();
        return assert!(output.status.success(), "{output:?}");
    }
    run(async {
        let mut child = lasting().spawn().unwrap();
        let stdin = child.stdin.take();
        assert!(child.wait().now_or_never().is_none());
        drop(stdin);
        assert_eq!(child.wait().await.unwrap_err().raw_os_error(), Some(10));
        child.kill().unwrap();
        // The system reaps a child that is dropped.
        let mut child = lasting().spawn().unwrap();
        let (pid, stdin) = (child.id(), child.stdin.take());
        drop((child, stdin));
        gone(pid).await;
    });
}

/// Waits for the exit of one child, for the output of another, and for the pipe of a third, whose wakers attack each other.
/// What they drop is reaped.
#[test]
fn waits_for_children_survive_wakers_that_attack_them() {
    use crate::common::attack::{Boxed, attack};
    run(attack(async || {
        let [mut waited, mut read] = [(); 2].map(|()| {
            let mut command = lasting();
            command.stdout(Stdio::piped()).spawn().unwrap()
        });
        let (ends, closes) = (waited.stdin.take(), read.stdin.take());
        let pid = waited.id();
        let mut output = read.stdout.take().unwrap();
        let futures: Vec<Boxed> = vec![
            Box::pin(async move { assert!(waited.wait().await.unwrap().success()) }),
            Box::pin(async move { assert_eq!(output.read(&mut [0; 8]).await.unwrap(), 0) }),
            Box::pin(async move { assert!(read.wait().await.unwrap().success()) }),
            Box::pin(async { drop(shell("sleep 0.01; echo x").output().await.unwrap()) }),
        ];
        let event = async move {
            drop((ends, closes));
            exited(pid).await;
        };
        (futures, event)
    }));
}

/// Waits until a process has exited; its parent may not have reaped it.
async fn exited(pid: u32) {
    while !matches!(state(pid), None | Some('Z')) {
        sleep(Duration::from_millis(1)).await;
    }
}
