//! A child process.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Output};
use std::task::{Context, Poll};

use futures_io::AsyncRead;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, pidfd_send_signal};

use super::exit_event::ExitEvent;
use super::reaper;
use super::{ChildStderr, ChildStdin, ChildStdout};
use crate::reactor::{Direction, Readiness};
use crate::runtime::IoSource;
use crate::util::{budget, signal_of};

/// A child process, from [`Command::spawn`](super::Command::spawn) (asyncio:
/// `asyncio.subprocess.Process`).
///
/// If it is dropped before the child has exited, the child continues to run, or is killed if
/// [`kill_on_drop`](super::Command::kill_on_drop) is set. It is reaped in both cases.
///
/// # Examples
/// Asks a child to stop, and kills it if it does not:
///
/// ```
/// use std::time::Duration;
/// use wheelhouse::process::Command;
/// use wheelhouse::timeout;
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let mut child = Command::new("sleep").arg("1000").spawn()?;
///     child.terminate()?;
///     let status = match timeout(Duration::from_secs(5), child.wait()).await {
///         Ok(status) => status?,
///         Err(_elapsed) => {
///             child.kill()?;
///             child.wait().await?
///         }
///     };
///     assert!(!status.success());
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct Child {
    /// The pipe to its standard input, if `Command::stdin` was set to `Stdio::piped()`.
    pub stdin: Option<ChildStdin>,
    /// The pipe from its standard output, if `Command::stdout` was set to `Stdio::piped()`.
    pub stdout: Option<ChildStdout>,
    /// The pipe from its standard error, if `Command::stderr` was set to `Stdio::piped()`.
    pub stderr: Option<ChildStderr>,
    /// `None` while this handle is being dropped.
    process: Option<std::process::Child>,
    /// Readable when the child has exited.
    exit: IoSource<ExitEvent>,
    kill_on_drop: bool,
}

/// Returns the handle of std, which a live `Child` has.
fn held(process: &mut Option<std::process::Child>) -> &mut std::process::Child {
    let held = process.as_mut();
    held.expect("the handle of the child is not being dropped")
}

impl Child {
    /// Takes over a child of std. Kills a child that cannot be watched.
    pub(super) fn new(mut process: std::process::Child, kill_on_drop: bool) -> io::Result<Self> {
        match Self::watch(&mut process) {
            Ok((exit, stdin, stdout, stderr)) => Ok(Self {
                stdin,
                stdout,
                stderr,
                process: Some(process),
                exit,
                kill_on_drop,
            }),
            Err(error) => {
                // The caller gets no handle, so the child must not run on. If it has been reaped
                // (`ESRCH`), its process id may belong to another process.
                if error.raw_os_error() != Some(Errno::SRCH.raw_os_error()) {
                    process.kill().ok();
                }
                reaper::adopt(process);
                Err(error)
            }
        }
    }

    /// Registers the exit event and the pipes.
    #[expect(clippy::type_complexity, reason = "taken apart at once, in one place")]
    fn watch(
        process: &mut std::process::Child,
    ) -> io::Result<(
        IoSource<ExitEvent>,
        Option<ChildStdin>,
        Option<ChildStdout>,
        Option<ChildStderr>,
    )> {
        Ok((
            IoSource::new(ExitEvent::of(process)?, Readiness::NONE)?,
            process.stdin.take().map(ChildStdin::new).transpose()?,
            process.stdout.take().map(ChildStdout::new).transpose()?,
            process.stderr.take().map(ChildStderr::new).transpose()?,
        ))
    }

    /// Returns the process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, std::process::Child::id)
    }

    /// Waits until the child has exited, and returns its exit status. Later calls return the same
    /// status.
    ///
    /// The pipe to its standard input is closed first, so that a child that reads to the end of its
    /// input can exit.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Fails outside the runtime in which the child was started. `ECHILD` means that another part
    /// of the process took the exit status; see the [module](super).
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        if let Some(status) = self.try_wait()? {
            poll_fn(|cx| budget::poll_spend(cx.waker())).await;
            return Ok(status);
        }
        let Self { process, exit, .. } = self;
        let ended = |_: &ExitEvent| {
            let status = held(process).try_wait()?;
            status.ok_or_else(|| io::ErrorKind::WouldBlock.into())
        };
        exit.when_ready(Direction::Read, ended).await
    }

    /// Returns the exit status, or `None` if the child has not exited.
    ///
    /// # Errors
    /// Fails with the errors of `waitid`. `ECHILD` means that another part of the process took the
    /// exit status.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        held(&mut self.process).try_wait()
    }

    /// Waits until the child has exited, and collects the output of its pipes meanwhile.
    ///
    /// Standard output and standard error are read at the same time, so the child does not block on
    /// either. Both are read to their end; if the child passed them on to processes that it
    /// started, the end comes when those have exited, too.
    ///
    /// # Cancel safety
    /// The output read so far is lost, and the child is dropped.
    ///
    /// # Errors
    /// Fails with the errors of reading and of [`wait`](Self::wait).
    #[doc(alias = "communicate")]
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let mut stdout = Collect::new(self.stdout.take());
        let mut stderr = Collect::new(self.stderr.take());
        poll_fn(|cx| {
            let (out, err) = (stdout.poll(cx)?, stderr.poll(cx)?);
            if out.is_ready() && err.is_ready() {
                Poll::Ready(Ok::<_, io::Error>(()))
            } else {
                Poll::Pending
            }
        })
        .await?;
        Ok(Output {
            status: self.wait().await?,
            stdout: stdout.bytes,
            stderr: stderr.bytes,
        })
    }

    /// Kills the child (SIGKILL); then [`wait`](Self::wait) for it. Returns `Ok` if it has exited
    /// before.
    ///
    /// # Errors
    /// Fails if the child has become a process of another user.
    pub fn kill(&mut self) -> io::Result<()> {
        self.signal(Signal::KILL)
    }

    /// Asks the child to stop (SIGTERM). It may take its time, or ignore the signal. Returns `Ok`
    /// if it has exited before.
    ///
    /// # Errors
    /// Fails if the child has become a process of another user.
    pub fn terminate(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends a signal, by its number, to the child (asyncio: `send_signal`). Returns `Ok` if it has
    /// exited before.
    ///
    /// # Errors
    /// Fails with `InvalidInput` if the system has no such signal or the C library reserves it (32
    /// and 33), and if the child has become a process of another user.
    pub fn send_signal(&mut self, number: i32) -> io::Result<()> {
        match signal_of(number) {
            Some(signal) => self.signal(signal),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is no signal {number}"),
            )),
        }
    }

    /// Sends a signal through the pidfd if there is one, so that it reaches no other process.
    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        let sent = match self.exit.get() {
            ExitEvent::Pidfd(pidfd) => pidfd_send_signal(pidfd, signal),
            ExitEvent::Thread(_) => Err(Errno::NOSYS),
        };
        let sent = match sent {
            // A sandbox may forbid only this call, with the same error as for a process of another
            // user.
            Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => self.signal_by_number(signal),
            sent => sent,
        };
        match sent {
            Err(Errno::SRCH) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a signal to the process id, which is valid until the exit status is taken.
    fn signal_by_number(&mut self, signal: Signal) -> Result<(), Errno> {
        let process = held(&mut self.process);
        match process.try_wait() {
            Ok(None) => kill_process(Pid::from_child(process), signal),
            // It has exited. If its status was taken elsewhere, the process id may be that of
            // another process.
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.kill_on_drop {
            // A destructor cannot return the error.
            self.kill().ok();
        }
        if let Some(process) = self.process.take() {
            reaper::adopt(process);
        }
    }
}

/// Reads a pipe to its end.
struct Collect<R> {
    /// `None` at the end, and without a pipe.
    pipe: Option<R>,
    bytes: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Collect<R> {
    fn new(pipe: Option<R>) -> Self {
        let bytes = Vec::new();
        Self { pipe, bytes }
    }

    /// Reads what has arrived.
    fn poll(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        let mut buffer = [0; 8 << 10];
        while let Some(pipe) = &mut self.pipe {
            match Pin::new(pipe).poll_read(cx, &mut buffer) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(count) => match count? {
                    0 => self.pipe = None,
                    count => self.bytes.extend_from_slice(&buffer[..count]),
                },
            }
        }
        Ok(Poll::Ready(()))
    }
}
