//! Runs cases with one server, and says how each ended.

use std::fs;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio_postgres::types::FromSqlOwned;
use wheelhouse::{Runtime, sleep, timeout};
use wheelhouse_ecosystem::postgres::{Cluster, Session};

/// Longer than any healthy case takes; it only bounds a failing one.
const LIMIT: Duration = Duration::from_secs(60);

/// A case: its name, and what it does with the server.
pub(crate) type Case = (
    &'static str,
    for<'a> fn(&'a Cluster) -> Pin<Box<dyn Future<Output = ()> + 'a>>,
);

/// Makes [`Case`]s of async functions.
macro_rules! cases {
    ($($path:path),* $(,)?) => {
        &[$((stringify!($path), |cluster| Box::pin($path(cluster)))),*]
    };
}
pub(crate) use cases;

/// Runs the cases that the arguments ask for.
pub(crate) fn run(cases: &[Case]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let chosen = cases.iter().filter(|(name, _)| {
        wanted.is_empty() || wanted.iter().any(|&word| name.contains(word.as_str()))
    });
    let chosen: Vec<&Case> = chosen.collect();
    let list = arguments.iter().any(|argument| argument == "--list");
    if list || chosen.is_empty() {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    // So that no server is left behind when somebody gets impatient.
    let runtime = Runtime::builder().cancel_on_ctrl_c().build();
    let runtime = runtime.expect("a runtime can be made");
    let failed = runtime.block_on(Cluster::run(async |cluster| {
        let mut failed = 0;
        for case in &chosen {
            failed += usize::from(!passes(case, cluster).await);
        }
        failed
    }));
    let failed = failed.unwrap_or_else(|error| panic!("{error}"));
    println!("{} cases, {failed} failed", chosen.len());
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs one case.
async fn passes((name, case): &Case, cluster: &Cluster) -> bool {
    let start = Instant::now();
    let outcome = timeout(LIMIT, AssertUnwindSafe(case(cluster)).catch_unwind()).await;
    let (passed, how) = match outcome {
        Ok(Ok(())) => (true, "ok"),
        // The panic hook has said why.
        Ok(Err(_)) => (false, "FAILED"),
        Err(_) => (false, "HANGS"),
    };
    println!("test {name} ... {how} ({:.2?})", start.elapsed());
    passed
}

/// A session over the Unix socket.
pub(crate) async fn session(cluster: &Cluster) -> Session {
    let session = Session::connect(&cluster.unix()).await;
    session.expect("the server is there")
}

/// The one value that a query gives.
pub(crate) async fn value<T: FromSqlOwned>(session: &Session, query: &str) -> T {
    let row = session.query_one(query, &[]).await;
    row.expect("the query is right").get(0)
}

/// A new table of this name, with one column.
pub(crate) async fn table(session: &Session, name: &str) {
    let statement = format!("DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (n int)");
    let made = session.batch_execute(&statement).await;
    made.expect("the table can be made");
}

/// How many rows a table has.
pub(crate) async fn rows(session: &Session, table: &str) -> i64 {
    value(session, &format!("SELECT count(*) FROM {table}")).await
}

/// The number of the server's process for a session.
pub(crate) async fn backend(session: &Session) -> i32 {
    value(session, "SELECT pg_backend_pid()").await
}

/// What the server says that it does for that process: its state and its query; nothing when it has
/// gone.
pub(crate) async fn activity(session: &Session, backend: i32) -> Option<(String, String)> {
    let query = "SELECT state, query FROM pg_stat_activity WHERE pid = $1";
    let row = session.query_opt(query, &[&backend]).await;
    let row = row.expect("the query is right")?;
    Some((row.get(0), row.get(1)))
}

/// Waits until the server runs a query for that process that has this in it.
///
/// There is no event for that, so it asks again and again.
pub(crate) async fn until_running(session: &Session, backend: i32, part: &str) {
    loop {
        let activity = activity(session, backend).await;
        if activity.is_some_and(|(state, query)| state == "active" && query.contains(part)) {
            return;
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// The processes that work in a cluster's folder, which all of a server's do. They are no process
/// group: each of its children makes one of its own. (One that has ended and whose parent has gone
/// stays in the system's table until the first process looks; it works nowhere.)
pub(crate) fn living(folder: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let inside = processes.filter(|process| {
        // With the words `(deleted)` behind it, when the folder was removed.
        let works_in = fs::read_link(process.path().join("cwd")).unwrap_or_default();
        let folder = folder.to_string_lossy();
        works_in.to_string_lossy().starts_with(folder.as_ref())
    });
    inside.map(|process| process.path()).collect()
}
