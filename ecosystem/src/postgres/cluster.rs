//! A throw-away PostgreSQL server.
//!
//! ```text
//!   a folder ── initdb ── postgres ── ready ── body ──┐
//!      │           │          │         │             │  and wherever it is cancelled, fails or panics:
//!      └───────────┴──────────┴─────────┴─────────────┴──▶ what runs is stopped, the folder is removed
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

/// The server's superuser, and its database.
const USER: &str = "postgres";

/// How long a server may take until it is ready.
const START: Duration = Duration::from_secs(60);

/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(10);

/// How a server is stopped: the signals, in turn, and how long each may take. The first ends its sessions and closes the
/// files well, the second leaves that to the next start, which there will not be.
const STOP: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(10)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// Nothing that it writes has to outlive it.
const SETTINGS: [&str; 5] = [
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "shared_buffers=32MB",
    "max_connections=200",
];

/// Numbers the clusters of this process.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Why there is no throw-away server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// There are no programs to run.
    #[error(
        "no PostgreSQL here: `initdb` and `postgres` are neither in PATH nor in /usr/lib/postgresql/*/bin; \
         `apt-get install postgresql` brings them on Debian and its kin, `dnf install postgresql-server` on Fedora"
    )]
    NotInstalled,
    /// We are root, which PostgreSQL refuses to run as, and found nobody else.
    #[error("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` here")]
    NoAccount,
    /// A folder or a program could not be made or started.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// A program ended that should not have.
    #[error("{program} failed ({status}):\n{log}")]
    Failed {
        /// Its name.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote.
        log: String,
    },
    /// The server did not get ready.
    #[error("PostgreSQL was not ready within {START:?}:\n{0}")]
    NotReady(String),
}

impl ClusterError {
    /// Makes an error of the system's, with what was tried.
    fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::System { what, source }
    }
}

/// A throw-away PostgreSQL server, in a temporary folder, that listens at a port of 127.0.0.1 and at a Unix socket and
/// lets everybody in. It forgets all on a crash, for speed.
///
/// It is a process group of its own: a Ctrl-C at the terminal reaches this program only, which stops the server in its time.
#[derive(Debug)]
pub struct Cluster {
    /// Holds the data, the Unix socket and the logs.
    folder: PathBuf,
    /// Where PostgreSQL's programs are.
    programs: PathBuf,
    /// Whom it runs as.
    account: Account,
    /// The port, which names the Unix socket, too.
    port: u16,
    /// What runs: first initdb, then the server.
    running: Option<Child>,
}

impl Cluster {
    /// Makes a server, runs `body` with it, then stops it and removes all that it wrote, however the body ended: with a
    /// value, by a cancellation or by a panic.
    ///
    /// # Cancel safety
    /// The server is stopped and removed before the cancellation goes on. Foreign code that drops this (`select!`) kills the
    /// server, and removes its folder without waiting for it.
    ///
    /// # Errors
    /// When there is no server; what that is, the error says.
    ///
    /// # Panics
    /// When the body does, after the server is gone.
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

    /// How to reach it over TCP.
    #[must_use]
    pub fn tcp(&self) -> Config {
        let mut config = self.config();
        config.host("127.0.0.1");
        config
    }

    /// How to reach it over its Unix socket.
    #[must_use]
    pub fn unix(&self) -> Config {
        let mut config = self.config();
        config.host_path(&self.folder);
        config
    }

    /// What both have in common.
    fn config(&self) -> Config {
        let mut config = Config::new();
        config.port(self.port).user(USER).dbname(USER);
        config
    }

    /// The folder of the Unix socket.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The port at 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The number of the server's first process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.as_ref().map_or(0, Child::id)
    }

    /// One of PostgreSQL's own clients, as `psql`, set up to talk to this server.
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

    /// Makes the folder. No awaits: from here on somebody is there to remove it.
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

    /// Makes the files of a server.
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
        // Between the choice of the port and the server's use of it another program may take it.
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

    /// Waits until the server says in its lock file that it is ready, as `pg_ctl` does.
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

    /// A program of the server's own.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        self.account.run(&mut command);
        command
            .arg("-D")
            .arg(self.folder.join("data"))
            // Ours may be closed to the other user.
            .current_dir(&self.folder)
            .env("LC_ALL", "C")
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    /// Starts it; what it writes goes to a file.
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

    /// Says how a program failed.
    fn failed(&self, program: &'static str, status: ExitStatus) -> ClusterError {
        ClusterError::Failed {
            program,
            status,
            log: self.log(program),
        }
    }

    /// What a program wrote.
    fn log(&self, program: &str) -> String {
        fs::read_to_string(self.folder.join(program)).unwrap_or_default()
    }

    /// Stops what runs, and removes the folder. There is nobody to give an error to, so it is printed.
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
        // Killed first, else it would go on writing. After `remove` there is nothing to do for either.
        self.running = None;
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Stops a server, or an initdb.
async fn stop(running: &mut Child) -> io::Result<()> {
    for (signal, patience) in STOP {
        running.send_signal(signal.as_raw())?;
        if let Ok(ended) = timeout(patience, running.wait()).await {
            return ended.map(drop);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// A temporary folder that was not there, for its owner only.
fn new_folder() -> io::Result<PathBuf> {
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wheelhouse-postgres-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            // Somebody was killed before it could be removed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// A port that nobody listens at, a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
