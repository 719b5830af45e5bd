//! The builder of a child process.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use super::Child;
use crate::runtime::require_runtime;

/// A program to run, with its arguments and settings: [`std::process::Command`] with async methods.
///
/// # Examples
/// ```
/// use wheelhouse::process::Command;
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let output = Command::new("echo").args(["hello", "world"]).output().await?;
///     assert_eq!(output.stdout, b"hello world\n");
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "create_subprocess_exec")]
#[doc(alias = "open_process")]
#[derive(Debug)]
pub struct Command {
    std: std::process::Command,
    /// Whether standard input, output and error were set.
    set: [bool; 3],
    /// Whether dropping the [`Child`] kills it; `None` if not set.
    kill_on_drop: Option<bool>,
}

impl Command {
    /// Creates the builder for a program, which is searched in `PATH` unless its name contains a
    /// slash. By default the child inherits the standard streams, the environment and the working
    /// directory.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        std::process::Command::new(program).into()
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I>(&mut self, args: I) -> &mut Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets an environment variable of the child.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.std.env(name, value);
        self
    }

    /// Sets environment variables of the child.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Removes an environment variable of the child.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.std.env_remove(name);
        self
    }

    /// Clears the environment of the child. Variables that are set after this call stay.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// Sets the working directory of the child.
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        self.std.current_dir(folder);
        self
    }

    /// Sets the standard input of the child. `Stdio::piped()` creates a pipe, [`Child::stdin`].
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.set[0] = true;
        self.std.stdin(stdin);
        self
    }

    /// Sets the standard output of the child. `Stdio::piped()` creates a pipe,
    /// [`Child::stdout`].
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.set[1] = true;
        self.std.stdout(stdout);
        self
    }

    /// Sets the standard error of the child. `Stdio::piped()` creates a pipe,
    /// [`Child::stderr`].
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.set[2] = true;
        self.std.stderr(stderr);
        self
    }

    /// Sets the process group, a new one for 0; see setpgid(2). A Ctrl-C at the terminal is sent to
    /// the foreground group only.
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        std::os::unix::process::CommandExt::process_group(&mut self.std, group);
        self
    }

    /// Sets whether the child is killed when its handle, or the future that runs it, is dropped
    /// before it has exited, for example by a cancellation.
    ///
    /// By default, dropping a [`Child`] leaves the process running, as in asyncio.
    /// [`output`](Self::output) and [`status`](Self::status) kill it, because no other handle of it
    /// exists.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.kill_on_drop = Some(kill);
        self
    }

    /// Returns the builder of std, for settings without a method here (`CommandExt`). Set the
    /// standard streams with the methods here, not through it.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// Starts the program.
    ///
    /// # Errors
    /// Fails outside a runtime, if the program does not exist or cannot be executed, or if no
    /// descriptor, process or memory is left.
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.start(self.kill_on_drop.unwrap_or(false))
    }

    /// Runs the program until it exits, and returns its exit status.
    ///
    /// # Cancel safety
    /// Dropping the future kills the program, unless [`kill_on_drop(false)`](Self::kill_on_drop)
    /// was called.
    ///
    /// # Errors
    /// As for [`spawn`](Self::spawn) and [`Child::wait`].
    pub async fn status(&mut self) -> io::Result<ExitStatus> {
        let mut child = self.start(self.kill_on_drop.unwrap_or(true))?;
        // Pipes that are never read would block the child.
        drop((child.stdout.take(), child.stderr.take()));
        child.wait().await
    }

    /// Runs the program until it exits, and returns its output and exit status. Its standard input
    /// is empty unless set otherwise.
    ///
    /// # Cancel safety
    /// Dropping the future kills the program, unless [`kill_on_drop(false)`](Self::kill_on_drop)
    /// was called. The output is lost.
    ///
    /// # Errors
    /// As for [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    #[doc(alias = "run_process")]
    pub async fn output(&mut self) -> io::Result<Output> {
        let [stdin, stdout, stderr] = self.set;
        if !stdin {
            self.stdin(Stdio::null());
        }
        if !stdout {
            self.stdout(Stdio::piped());
        }
        if !stderr {
            self.stderr(Stdio::piped());
        }
        let child = self.start(self.kill_on_drop.unwrap_or(true));
        self.restore_streams([stdin, stdout, stderr]);
        child?.wait_with_output().await
    }

    /// Makes the next child inherit the standard streams that were not set, as if
    /// [`output`](Self::output) had not been called.
    fn restore_streams(&mut self, said: [bool; 3]) {
        self.set = said;
        let [stdin, stdout, stderr] = said;
        if !stdin {
            self.std.stdin(Stdio::inherit());
        }
        if !stdout {
            self.std.stdout(Stdio::inherit());
        }
        if !stderr {
            self.std.stderr(Stdio::inherit());
        }
    }

    fn start(&mut self, kill_on_drop: bool) -> io::Result<Child> {
        require_runtime()?;
        Child::new(self.std.spawn()?, kill_on_drop)
    }
}

impl From<std::process::Command> for Command {
    /// Converts a builder of std. Its settings of the standard streams are not visible here, and
    /// [`output`](Command::output) overrides them.
    fn from(std: std::process::Command) -> Self {
        Self {
            std,
            set: [false; 3],
            kill_on_drop: None,
        }
    }
}
