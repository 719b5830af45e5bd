//! Child processes without pidfds: before Linux 5.3, and in some sandboxes.
//!
//! What went wrong: no program could be started. The call failed, and killed the child.
#![allow(unsafe_code, reason = "`prctl`, which sets up the sandbox")]

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use wheelhouse::process::{Child, Command};
use wheelhouse::{gather, run, sleep, timeout};

use crate::again::by_itself;
use crate::installed::installed;
use crate::system::orphans::{all_gone, lasting};
use crate::system::threads::threads;

/// An instruction of a seccomp filter.
fn filter(code: u32, value: u32, skip_unless: u8) -> libc::sock_filter {
    libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt: 0,
        jf: skip_unless,
        k: value,
    }
}

/// Makes the system calls of pidfds fail on this thread, and on all that it starts.
fn forbid_pidfds(error: i32) {
    let load_number = filter(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0);
    let unless = |call: i64, skip| {
        let code = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        filter(code, call.try_into().unwrap(), skip)
    };
    let end = |value| filter(libc::BPF_RET | libc::BPF_K, value, 0);
    let fails = end(libc::SECCOMP_RET_ERRNO | u32::try_from(error).unwrap());
    let mut program = [
        load_number,
        unless(libc::SYS_pidfd_open, 1),
        fails,
        unless(libc::SYS_pidfd_send_signal, 1),
        fails,
        end(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: program.len().try_into().unwrap(),
        filter: program.as_mut_ptr(),
    };
    // SAFETY: all arguments are numbers.
    let is_set = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(is_set, 0);
    // SAFETY: the program is complete, and is only read during the call.
    let is_set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) };
    assert_eq!(is_set, 0, "{}", std::io::Error::last_os_error());
}

/// A shell that runs a script.
fn shell(script: &str) -> Command {
    let mut command = Command::new(installed("sh"));
    command.args(["-c", script]);
    command
}

/// The exit status of a child, from two waits.
async fn status(mut child: Child) -> (Option<i32>, Option<i32>) {
    let status = child.wait().await.unwrap();
    assert_eq!(child.wait().await.unwrap(), status);
    // A signal after the exit is no error, and reaches no other process.
    child.kill().unwrap();
    (status.code(), status.signal())
}

/// Checks the guarantees of child processes.
async fn child_processes_work() {
    let before = threads();
    let output = shell("echo said; exit 7").output().await.unwrap();
    assert_eq!(
        (output.status.code(), &*output.stdout),
        (Some(7), &b"said\n"[..])
    );

    let mut asked = lasting();
    asked.terminate().unwrap();
    assert_eq!(status(asked).await, (None, Some(15)));
    let mut real_time = lasting();
    real_time.send_signal(40).unwrap();
    assert_eq!(status(real_time).await, (None, Some(40)));

    let several = (0..5).map(|code| status(shell(&format!("exit {code}")).spawn().unwrap()));
    let codes = gather(several.collect::<Vec<_>>()).await;
    assert!(codes.into_iter().map(|(code, _)| code.unwrap()).eq(0..5));

    let mut long = lasting();
    let stdin = long.stdin.take();
    timeout(Duration::from_millis(1), long.wait())
        .await
        .unwrap_err();
    assert_eq!(long.try_wait().unwrap(), None);
    drop(stdin);
    assert_eq!(status(long).await, (Some(0), None));

    drop(lasting());
    let mut killed = shell("exec sleep 1000");
    let killed = killed.kill_on_drop(true).spawn();
    drop(killed.unwrap());
    all_gone().await;
    while threads() > before {
        sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn child_processes_work_on_a_kernel_without_pidfds() {
    let test = "system::no_pidfd::child_processes_work_on_a_kernel_without_pidfds";
    by_itself(test, || {
        forbid_pidfds(libc::ENOSYS);
        run(child_processes_work());
    });
}

#[test]
fn child_processes_work_in_a_sandbox_that_forbids_pidfds() {
    let test = "system::no_pidfd::child_processes_work_in_a_sandbox_that_forbids_pidfds";
    by_itself(test, || {
        forbid_pidfds(libc::EPERM);
        run(child_processes_work());
    });
}
