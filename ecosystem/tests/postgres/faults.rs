//! Servers that go away, and clusters that have to.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt;
use rustix::process::{Pid, Signal, kill_process};
use wheelhouse::{catch_cancel, gather, sleep, spawn, timeout};
use wheelhouse_ecosystem::postgres::{Cluster, Error, Session, transaction};

use crate::harness::{activity, backend, living, rows, session, table, until_running, value};

pub(crate) async fn a_session_that_the_server_ends_gives_errors(cluster: &Cluster) {
    let watch = session(cluster).await;
    table(&watch, "terminated").await;
    let mut doomed = session(cluster).await;
    let number = backend(&doomed).await;
    let working = transaction(&mut doomed, async |tx| {
        tx.execute("INSERT INTO terminated VALUES (1)", &[]).await?;
        tx.execute("SELECT pg_sleep(3600)", &[]).await?;
        Ok::<_, Error>(())
    });
    let ending = async {
        until_running(&watch, number, "pg_sleep").await;
        let end = format!("SELECT pg_terminate_backend({number})");
        assert!(value::<bool>(&watch, &end).await);
    };
    let (outcome, ()) = gather((working, ending)).await;
    assert_eq!(outcome.unwrap_err().code().unwrap().code(), "57P01");
    let after = doomed.query("SELECT 1", &[]).await.unwrap_err();
    assert!(after.is_closed(), "{after}");
    doomed.close().await.unwrap_err();
    assert_eq!(
        value::<i64>(&watch, "SELECT count(*) FROM terminated").await,
        0
    );
}

/// The server's process for the session is stopped, as on a machine that is overloaded. The test
/// waits for the bound, twice.
pub(crate) async fn a_server_that_does_not_answer_holds_nobody_up(cluster: &Cluster) {
    let watch = session(cluster).await;
    table(&watch, "frozen").await;
    for cancel in [true, false] {
        let mut frozen = session(cluster).await;
        frozen.set_limit(Duration::from_millis(250));
        let process = Pid::from_raw(backend(&frozen).await).unwrap();
        let working = transaction(&mut frozen, async |tx| {
            tx.execute("INSERT INTO frozen VALUES (1)", &[]).await?;
            kill_process(process, Signal::STOP).unwrap();
            if cancel {
                std::future::pending().await
            } else {
                Ok::<_, Error>(())
            }
        });
        match timeout(Duration::from_millis(50), working).await {
            Err(_elapsed) => assert!(cancel),
            Ok(outcome) => assert!(!cancel && matches!(outcome, Err(Error::Unanswered(_)))),
        }
        let after = frozen.query("SELECT 1", &[]).await.unwrap_err();
        assert!(after.is_closed(), "{after}");
        kill_process(process, Signal::CONT).unwrap();
        let number = process.as_raw_nonzero().get();
        while activity(&watch, number).await.is_some() {}
        // What becomes of a COMMIT that was sent, nobody can tell.
        assert!(!cancel || rows(&watch, "frozen").await == 0);
    }
}

/// Fails unless a cluster has left nothing.
pub(crate) fn is_gone(folder: &Path) {
    assert!(!folder.exists(), "{} is there", folder.display());
    let living = living(folder);
    assert!(living.is_empty(), "{living:#?}");
}

pub(crate) async fn a_cluster_is_gone_after_a_panic(_: &Cluster) {
    let mut seen = None;
    let panics = Cluster::run(async |other| {
        session(other).await;
        // The first process, ours, and those that write to the disk.
        assert!(living(other.folder()).len() > 3);
        seen = Some(other.folder().to_owned());
        // Not `panic!`, which would print what looks like a failure.
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    let outcome = AssertUnwindSafe(panics).catch_unwind().await;
    let payload = outcome.map(drop).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
    is_gone(&seen.unwrap());
}

/// The folders of clusters of this process.
fn folders() -> Vec<PathBuf> {
    let ours = format!("wheelhouse-postgres-{}-", std::process::id());
    let entries = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let entries = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours));
    entries.map(|entry| entry.path()).collect()
}

/// Cut by time, which is no race: wherever it is, all must go. (The example is interrupted with its
/// server in full swing.)
pub(crate) async fn a_cluster_is_gone_when_it_is_cancelled_before_it_is_ready(_: &Cluster) {
    let before = folders();
    for millis in [0, 200] {
        let task = spawn(Cluster::run(async |_| std::future::pending::<()>().await));
        sleep(Duration::from_millis(millis)).await;
        task.cancel_and_wait().await.unwrap_err();
        assert_eq!(folders(), before, "after {millis} ms");
    }
}

pub(crate) async fn a_server_that_is_killed_gives_errors_and_nothing_hangs(cluster: &Cluster) {
    let mut sessions = Vec::new();
    for config in [cluster.tcp(), cluster.unix(), cluster.tcp()] {
        sessions.push(Session::connect(&config).await.unwrap());
    }
    let watch = session(cluster).await;
    let mut tasks = Vec::new();
    for mut session in sessions {
        let number = backend(&session).await;
        tasks.push(spawn(async move {
            let working = transaction(&mut session, async |tx| {
                tx.execute("SELECT pg_sleep(3600)", &[]).await?;
                Ok::<_, Error>(())
            });
            let outcome = catch_cancel(working).await;
            (outcome, session)
        }));
        until_running(&watch, number, "pg_sleep").await;
    }
    // The first process only: the others see that, and end without a word.
    let first = Pid::from_raw(cluster.id().try_into().unwrap()).unwrap();
    kill_process(first, Signal::KILL).unwrap();
    // One is cancelled at the same moment: nobody answers its cancel request.
    tasks[2].cancel();
    for (place, task) in tasks.into_iter().enumerate() {
        let (outcome, session) = task.await.unwrap();
        assert_eq!(outcome.is_err(), place == 2);
        if let Ok(outcome) = outcome {
            outcome.unwrap_err();
        }
        let after = session.query("SELECT 1", &[]).await.unwrap_err();
        assert!(after.is_closed(), "{after}");
        session.close().await.ok();
    }
    let gone = Session::connect(&cluster.tcp()).await.unwrap_err();
    assert!(matches!(gone, Error::Unreachable { .. }), "{gone}");
}
