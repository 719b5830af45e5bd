//! What to start, and how.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use super::Child;
use crate::runtime::require_runtime;

/// A program to start, and how: std's [`Command`](std::process::Command), with awaits.
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
    /// The settings.
    std: std::process::Command,
    /// Which of standard input, output and error were said something of.
    set: [bool; 3],
    /// Whether dropping the child kills it.
    kill_on_drop: Option<bool>,
}

impl Command {
    /// A program, looked for in `PATH` unless its name has a slash. Without more said it inherits all three standard
    /// streams, the environment and the working directory.
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

    /// Sets a variable of its environment.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.std.env(name, value);
        self
    }

    /// Sets variables of its environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of its environment.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.std.env_remove(name);
        self
    }

    /// Gives it an empty environment, but for what is set later.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// Sets its working directory.
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        self.std.current_dir(folder);
        self
    }

    /// Says what its standard input is.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.set[0] = true;
        self.std.stdin(stdin);
        self
    }

    /// Says what its standard output is.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.set[1] = true;
        self.std.stdout(stdout);
        self
    }

    /// Says what its standard error is.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.set[2] = true;
        self.std.stderr(stderr);
        self
    }

    /// Puts it into a process group, a new one for 0. A Ctrl-C at the terminal goes to the group in front only.
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        std::os::unix::process::CommandExt::process_group(&mut self.std, group);
        self
    }

    /// Says whether the child is killed when its handle, or the future that runs it, is dropped before it has ended, as by a
    /// cancellation.
    ///
    /// Without this setting a [`Child`] that is dropped leaves the process running, as in asyncio; a child of
    /// [`output`](Self::output) and [`status`](Self::status), which nobody else can reach, is killed.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.kill_on_drop = Some(kill);
        self
    }

    /// The settings in std's form, for what is not here (`CommandExt`). Say what the standard streams are by the methods here.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// Starts the program.
    ///
    /// # Errors
    /// Outside of a runtime; when there is no such program or it cannot be executed; when descriptors, processes or memory have
    /// run out.
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.start(self.kill_on_drop.unwrap_or(false))
    }

    /// Runs the program to its end.
    ///
    /// # Cancel safety
    /// Dropping the future kills the program, unless [`kill_on_drop`](Self::kill_on_drop) says otherwise.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub async fn status(&mut self) -> io::Result<ExitStatus> {
        let mut child = self.start(self.kill_on_drop.unwrap_or(true))?;
        // Pipes that nobody reads would hold it up.
        drop((child.stdout.take(), child.stderr.take()));
        child.wait().await
    }

    /// Runs the program to its end, and gives what it wrote. Its standard input is empty, unless said otherwise.
    ///
    /// # Cancel safety
    /// Dropping the future kills the program, unless [`kill_on_drop`](Self::kill_on_drop) says otherwise; what it wrote is lost.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); those of reading.
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

    /// Lets the next child inherit those standard streams of which nothing was said, as if [`output`](Self::output) had not been
    /// called.
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

    /// Starts the program.
    fn start(&mut self, kill_on_drop: bool) -> io::Result<Child> {
        require_runtime()?;
        Child::new(self.std.spawn()?, kill_on_drop)
    }
}

impl From<std::process::Command> for Command {
    /// Takes over settings. What they say of standard streams does not count for [`output`](Command::output), which std does not
    /// tell.
    fn from(std: std::process::Command) -> Self {
        Self {
            std,
            set: [false; 3],
            kill_on_drop: None,
        }
    }
}
