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

/// A child process, from [`Command::spawn`](super::Command::spawn) (asyncio: `asyncio.subprocess.Process`).
///
/// When it is dropped before the child has ended, the child runs on, or is killed, if
/// [`kill_on_drop`](super::Command::kill_on_drop) says so; it is reaped in any case.
///
/// # Examples
/// A child that is asked to stop, and made to when it does not:
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
    /// The pipe to its standard input, if that was asked for.
    pub stdin: Option<ChildStdin>,
    /// The pipe from its standard output, if that was asked for.
    pub stdout: Option<ChildStdout>,
    /// The pipe from its standard error, if that was asked for.
    pub stderr: Option<ChildStderr>,
    /// What std knows of it; `None` once it is being dropped.
    process: Option<std::process::Child>,
    /// Readable when it has ended.
    exit: IoSource<ExitEvent>,
    /// Whether dropping this kills it.
    kill_on_drop: bool,
}

/// What std knows of a child whose handle is alive.
fn held(process: &mut Option<std::process::Child>) -> &mut std::process::Child {
    let held = process.as_mut();
    held.expect("it is taken only while the child's handle is dropped")
}

impl Child {
    /// Takes over a child of std. One that cannot be watched is killed.
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
                // Nobody will know of it, so it must not go on. If it has gone, its number may be another's.
                if error.raw_os_error() != Some(Errno::SRCH.raw_os_error()) {
                    process.kill().ok();
                }
                reaper::adopt(process);
                Err(error)
            }
        }
    }

    /// Puts everything that it has into the reactor.
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

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, std::process::Child::id)
    }

    /// Waits until it has ended. Its standard input is closed first, so that a child that reads to the end can end.
    ///
    /// Asked again it gives the same status.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Away from the runtime in which it was started. `ECHILD`, when somebody else took its status: see the [module](super).
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

    /// Gives the status if it has ended.
    ///
    /// # Errors
    /// Those of `waitid`, as `ECHILD` when somebody else took its status.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        held(&mut self.process).try_wait()
    }

    /// Waits until it has ended, and gives what it wrote meanwhile to those pipes that are still here.
    ///
    /// Both are read at the same time, so a child that writes much to either does not get stuck. They are read to their ends,
    /// which come when those to whom the child gave them, programs that it started, have gone, too.
    ///
    /// # Cancel safety
    /// What was read is lost, and the child is dropped.
    ///
    /// # Errors
    /// Those of reading and of [`wait`](Self::wait).
    #[doc(alias = "communicate")]
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let mut stdout = Collect::new(self.stdout.take());
        let mut stderr = Collect::new(self.stderr.take());
        poll_fn(|cx| {
            let (out, err) = (stdout.poll(cx)?, stderr.poll(cx)?);
            match out.is_ready() && err.is_ready() {
                true => Poll::Ready(Ok::<_, io::Error>(())),
                false => Poll::Pending,
            }
        })
        .await?;
        Ok(Output {
            status: self.wait().await?,
            stdout: stdout.bytes,
            stderr: stderr.bytes,
        })
    }

    /// Kills it (SIGKILL). [`wait`](Self::wait) tells when it has gone. One that has ended already is no error.
    ///
    /// # Errors
    /// When it runs as another user by now.
    pub fn kill(&mut self) -> io::Result<()> {
        self.signal(Signal::KILL)
    }

    /// Asks it to stop (SIGTERM), which it may do in its own time, or not. One that has ended already is no error.
    ///
    /// # Errors
    /// When it runs as another user by now.
    pub fn terminate(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends it a signal (asyncio: `send_signal`), by the system's number. One that has ended already is no error.
    ///
    /// # Errors
    /// `InvalidInput`, when the system has no such signal, or the C library keeps it for itself (32 and 33); when it runs as another
    /// user by now.
    pub fn send_signal(&mut self, number: i32) -> io::Result<()> {
        match signal_of(number) {
            Some(signal) => self.signal(signal),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is no signal {number}"),
            )),
        }
    }

    /// Sends a signal, by the pidfd if there is one, so that no other process gets it.
    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        let sent = match self.exit.get() {
            ExitEvent::Pidfd(pidfd) => pidfd_send_signal(pidfd, signal),
            ExitEvent::Thread(_) => Err(Errno::NOSYS),
        };
        let sent = match sent {
            // A sandbox may forbid this way only, with the error that another user's process gives.
            Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => self.signal_by_number(signal),
            sent => sent,
        };
        match sent {
            Err(Errno::SRCH) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a signal by the number of the process, which is its own until its status is taken.
    fn signal_by_number(&mut self, signal: Signal) -> Result<(), Errno> {
        let process = held(&mut self.process);
        match process.try_wait() {
            Ok(None) => kill_process(Pid::from_child(process), signal),
            // It has ended. If its status was taken by others, the number may be another's by now.
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.kill_on_drop {
            // It may have ended, or be another user's by now; there is nobody to be told.
            self.kill().ok();
        }
        if let Some(process) = self.process.take() {
            reaper::adopt(process);
        }
    }
}

/// Reads a pipe to its end.
struct Collect<R> {
    /// The pipe, until its end.
    pipe: Option<R>,
    /// What came.
    bytes: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Collect<R> {
    /// Of a pipe, if there is one.
    fn new(pipe: Option<R>) -> Self {
        let bytes = Vec::new();
        Self { pipe, bytes }
    }

    /// Reads what is there.
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
