//! A temporary PostgreSQL server, for tests and examples.
//!
//! ```text
//!   folder ── initdb ── postgres ── ready ── body ── end ─┐
//!      │         │          │         │        │          │
//!      └─────────┴──────────┴─────────┴────────┴──────────┴──▶ the running
//!        cancelled, failed or panicked at any step             program is stopped,
//!                                                              the folder removed
//! ```

use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio_postgres::Config;
use wheelhouse::process::{Child, Command};
use wheelhouse::{finally_with, sleep, timeout};

use super::programs::{self, Account};

/// The superuser of the server, and the name of its database.
const USER: &str = "postgres";

/// The time limit until a server is ready.
const START: Duration = Duration::from_secs(60);

/// The interval of the checks whether it is ready.
const LOOK: Duration = Duration::from_millis(10);

/// How a server is stopped: the signals, in turn, and the time limit of each. The first one ends
/// the sessions and closes the files properly, the second one leaves that to the next start, which
/// never happens.
const STOP: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(10)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// Settings for speed: the data need not survive a crash.
const SETTINGS: [&str; 5] = [
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "shared_buffers=32MB",
    "max_connections=200",
];

/// The number of clusters in this process so far.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The error of starting a temporary server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// PostgreSQL is not installed.
    #[error(
        "no PostgreSQL here: `initdb` and `postgres` are neither in PATH nor in /usr/lib/postgresql/*/bin; \
         `apt-get install postgresql` brings them on Debian and its kin, `dnf install postgresql-server` on Fedora"
    )]
    NotInstalled,
    /// PostgreSQL does not run as root, and there is no other user to run it as.
    #[error("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` here")]
    NoAccount,
    /// A folder could not be created, or a program not started.
    #[error("{what}: {source}")]
    System {
        /// The operation that failed.
        what: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A program has ended with an error.
    #[error("{program} failed ({status}):\n{log}")]
    Failed {
        /// The name of the program.
        program: &'static str,
        /// Its exit status.
        status: ExitStatus,
        /// Its output.
        log: String,
    },
    /// The server was not ready in time. Contains its output.
    #[error("PostgreSQL was not ready within {START:?}:\n{0}")]
    NotReady(String),
}

impl ClusterError {
    /// Returns a function that adds the failed operation to an error of the system.
    fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::System { what, source }
    }
}

/// A temporary PostgreSQL server in its own folder. It listens on a port of 127.0.0.1 and on a Unix
/// socket, and accepts all connections. For speed, it does not protect its data against a crash.
///
/// The server is a process group of its own, so a Ctrl-C at the terminal reaches only this program,
/// which then stops the server.
#[derive(Debug)]
pub struct Cluster {
    /// Contains the data, the Unix socket and the logs.
    folder: PathBuf,
    /// The folder of PostgreSQL's programs.
    programs: PathBuf,
    /// The user that runs the server.
    account: Account,
    /// The port. The name of the Unix socket contains it, too.
    port: u16,
    /// The running program: first `initdb`, then the server.
    running: Option<Child>,
}

impl Cluster {
    /// Starts a server, runs `body` with it, then stops the server and removes its folder, also if
    /// the body was cancelled or panicked.
    ///
    /// # Cancel safety
    /// The server is stopped and its folder removed before the cancellation propagates. If
    /// third-party code drops this future (`select!`), the server is killed and the folder removed
    /// without waiting for it.
    ///
    /// # Errors
    /// [`ClusterError`] if the server cannot be started.
    ///
    /// # Panics
    /// If the body panics; after the server was stopped.
    pub async fn run<T>(body: impl AsyncFnOnce(&Self) -> T) -> Result<T, ClusterError> {
        finally_with(
            Self::prepare()?,
            async |cluster| {
                cluster.initialise().await?;
                cluster.start().await?;
                Ok(body(cluster).await)
            },
            async |cluster| cluster.remove().await,
        )
        .await
    }

    /// Returns the settings to connect over TCP.
    #[must_use]
    pub fn tcp(&self) -> Config {
        let mut config = self.config();
        config.host("127.0.0.1");
        config
    }

    /// Returns the settings to connect over the Unix socket.
    #[must_use]
    pub fn unix(&self) -> Config {
        let mut config = self.config();
        config.host_path(&self.folder);
        config
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.port(self.port).user(USER).dbname(USER);
        config
    }

    /// Returns the folder of the Unix socket.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the process id of the server.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.as_ref().map_or(0, Child::id)
    }

    /// Returns a command for a client program of PostgreSQL, such as `psql`, that connects to this
    /// server.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .env("PGHOST", &self.folder)
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", USER)
            .env("PGDATABASE", USER);
        command
    }

    /// Creates the folder. There is no await here, so after it the drop removes the folder.
    fn prepare() -> Result<Self, ClusterError> {
        let programs = programs::folder().ok_or(ClusterError::NotInstalled)?;
        let account = Account::choose().ok_or(ClusterError::NoAccount)?;
        let what = "cannot make a temporary folder";
        let folder = new_folder().map_err(ClusterError::system(what))?;
        let cluster = Self {
            folder,
            programs,
            account,
            port: 0,
            running: None,
        };
        let owned = cluster.account.own(&cluster.folder);
        owned.map_err(ClusterError::system(what))?;
        Ok(cluster)
    }

    /// Creates the files of the server with `initdb`.
    async fn initialise(&mut self) -> Result<(), ClusterError> {
        let mut initdb = self.program("initdb");
        initdb.args(["--no-sync", "--no-instructions", "--no-locale"]);
        initdb.args(["--encoding=UTF8", "--auth=trust", "--username", USER]);
        let child = self.spawn("initdb", &mut initdb)?;
        let status = child.wait().await.map_err(ClusterError::system("initdb"))?;
        if status.success() {
            Ok(())
        } else {
            Err(self.failed("initdb", status))
        }
    }

    /// Starts the server, and waits until it is ready.
    async fn start(&mut self) -> Result<(), ClusterError> {
        // Another program may take the port before the server does.
        for last in [false, false, true] {
            self.port = free_port().map_err(ClusterError::system("no port is free"))?;
            let mut postgres = self.program("postgres");
            postgres.arg("-k").arg(&self.folder);
            postgres.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
            for setting in SETTINGS {
                postgres.args(["-c", setting]);
            }
            self.spawn("postgres", &mut postgres)?;
            match timeout(START, self.ready()).await {
                Ok(Err(_)) if !last => {}
                Ok(outcome) => return outcome,
                Err(_elapsed) => return Err(ClusterError::NotReady(self.log("postgres"))),
            }
        }
        Ok(())
    }

    /// Waits until the lock file of the server says that it is ready, as `pg_ctl` does.
    async fn ready(&mut self) -> Result<(), ClusterError> {
        let lock = self.folder.join("data/postmaster.pid");
        loop {
            let status = self.running.as_mut().map(Child::try_wait).transpose();
            if let Some(status) = status.map_err(ClusterError::system("postgres"))?.flatten() {
                return Err(self.failed("postgres", status));
            }
            let lines = wheelhouse::fs::read_to_string(&lock).await;
            if lines.is_ok_and(|lines| lines.lines().any(|line| line.trim_end() == "ready")) {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    /// Returns a command for one of the programs of the server.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        self.account.run(&mut command);
        command
            .arg("-D")
            .arg(self.folder.join("data"))
            // The other user may not be allowed to read our folder.
            .current_dir(&self.folder)
            .env("LC_ALL", "C")
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    /// Starts a program whose output goes to a file.
    fn spawn(
        &mut self,
        name: &'static str,
        command: &mut Command,
    ) -> Result<&mut Child, ClusterError> {
        let mut started = || {
            let log = File::create(self.folder.join(name))?;
            command.stdin(std::process::Stdio::null());
            command.stdout(log.try_clone()?).stderr(log).spawn()
        };
        let child = started().map_err(ClusterError::system(format!("cannot start {name}")))?;
        Ok(self.running.insert(child))
    }

    /// Returns the error of a program that failed.
    fn failed(&self, program: &'static str, status: ExitStatus) -> ClusterError {
        ClusterError::Failed {
            program,
            status,
            log: self.log(program),
        }
    }

    /// Reads the output of a program.
    fn log(&self, program: &str) -> String {
        fs::read_to_string(self.folder.join(program)).unwrap_or_default()
    }

    /// Stops the running program and removes the folder. An error cannot be returned, so it is
    /// printed.
    async fn remove(mut self) {
        if let Some(running) = &mut self.running
            && let Err(error) = stop(running).await
        {
            eprintln!("cannot stop PostgreSQL: {error}");
        }
        self.running = None;
        if let Err(error) = wheelhouse::fs::remove_dir_all(&self.folder).await {
            eprintln!("cannot remove {}: {error}", self.folder.display());
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Killed first, since it would continue to write. After `remove`, both do nothing.
        self.running = None;
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Stops a server or an `initdb`.
async fn stop(running: &mut Child) -> io::Result<()> {
    for (signal, limit) in STOP {
        running.send_signal(signal.as_raw())?;
        if let Ok(ended) = timeout(limit, running.wait()).await {
            return ended.map(drop);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Creates a new temporary folder that only its owner can read.
fn new_folder() -> io::Result<PathBuf> {
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wheelhouse-postgres-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            // Left by a process that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Returns a port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
