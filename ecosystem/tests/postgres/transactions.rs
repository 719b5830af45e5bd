//! `transaction` ends as its body does.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio_postgres::SimpleQueryMessage;
use wheelhouse::{sleep, spawn};
use wheelhouse_ecosystem::postgres::{Cluster, Error, Session, transaction};

use crate::harness::{backend, rows, session, table, until_running};

/// Fails unless a session is out of any transaction and gives answers.
pub(crate) async fn is_usable(session: &Session) {
    // Outside of a transaction each statement has one of its own, which begins when it does.
    let query = "SELECT now() = statement_timestamp()";
    let messages = session.simple_query(query).await.unwrap();
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    assert_eq!(row, Some("t"));
}

pub(crate) async fn commits_what_the_body_did(cluster: &Cluster) {
    let (mut session, watch) = (session(cluster).await, session(cluster).await);
    table(&watch, "kept").await;
    let value = transaction(&mut session, async |tx| {
        tx.execute("INSERT INTO kept VALUES (1)", &[]).await?;
        assert_eq!(rows(&watch, "kept").await, 0, "others do not see it yet");
        Ok::<_, Error>("kept")
    });
    assert_eq!(value.await.unwrap(), "kept");
    assert_eq!(rows(&watch, "kept").await, 1);
    is_usable(&session).await;
}

/// An error that a body ends with for reasons of its own.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Database(#[from] Error),
    #[error("no")]
    No,
}

pub(crate) async fn rolls_back_on_an_error(cluster: &Cluster) {
    let mut session = session(cluster).await;
    table(&session, "refused").await;
    let refused = transaction(&mut session, async |tx| {
        let insert = tx.execute("INSERT INTO refused VALUES (1)", &[]).await;
        insert.map_err(Error::from)?;
        Err::<(), _>(Refused::No)
    });
    assert!(matches!(refused.await, Err(Refused::No)));
    is_usable(&session).await;
    assert_eq!(rows(&session, "refused").await, 0);

    // The server's own error likewise.
    let wrong = transaction(&mut session, async |tx| {
        tx.execute("INSERT INTO refused VALUES (1)", &[]).await?;
        tx.execute("INSERT INTO refused VALUES (1 / 0)", &[])
            .await?;
        Ok::<_, Error>(())
    });
    assert_eq!(wrong.await.unwrap_err().code().unwrap().code(), "22012");
    is_usable(&session).await;
    assert_eq!(rows(&session, "refused").await, 0);
}

pub(crate) async fn rolls_back_on_a_panic(cluster: &Cluster) {
    let mut session = session(cluster).await;
    table(&session, "panicked").await;
    let panics = transaction(&mut session, async |tx| {
        tx.execute("INSERT INTO panicked VALUES (1)", &[]).await?;
        // Not `panic!`, which would print what looks like a failure.
        std::panic::resume_unwind(Box::new("on purpose"));
        #[allow(unreachable_code, reason = "says the type")]
        Ok::<(), Error>(())
    });
    let payload = AssertUnwindSafe(panics).catch_unwind().await.unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
    is_usable(&session).await;
    assert_eq!(rows(&session, "panicked").await, 0);
}

pub(crate) async fn savepoints_nest(cluster: &Cluster) {
    let mut session = session(cluster).await;
    table(&session, "nested").await;
    let outer = transaction(&mut session, async |tx| {
        tx.execute("INSERT INTO nested VALUES (1)", &[]).await?;
        let inner = tx.transaction().await?;
        inner.execute("INSERT INTO nested VALUES (2)", &[]).await?;
        inner.rollback().await?;
        let inner = tx.transaction().await?;
        inner.execute("INSERT INTO nested VALUES (3)", &[]).await?;
        inner.commit().await?;
        Ok::<_, Error>(())
    });
    outer.await.unwrap();
    assert_eq!(rows(&session, "nested").await, 2);
}

/// PostgreSQL answers the COMMIT of such a transaction with success, and rolls back.
pub(crate) async fn an_error_that_the_body_swallows_is_no_commit(cluster: &Cluster) {
    let mut session = session(cluster).await;
    table(&session, "swallowed").await;
    let swallows = transaction(&mut session, async |tx| {
        tx.execute("INSERT INTO swallowed VALUES (1)", &[]).await?;
        tx.execute("SELECT 1 / 0", &[]).await.unwrap_err();
        Ok::<_, Error>(())
    });
    assert_eq!(swallows.await.unwrap_err().code().unwrap().code(), "25P02");
    is_usable(&session).await;
    assert_eq!(rows(&session, "swallowed").await, 0);
}

/// A trigger makes the COMMIT take its time, so that there is a moment to cancel in.
pub(crate) async fn a_commit_that_was_begun_is_not_cut_off(cluster: &Cluster) {
    let mut session = session(cluster).await;
    let watch = Session::connect(&cluster.tcp()).await.unwrap();
    table(&watch, "slow").await;
    let slow = "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION slow()";
    watch.batch_execute(slow).await.unwrap();
    let number = backend(&session).await;
    let task = spawn(async move {
        let value = transaction(&mut session, async |tx| {
            tx.execute("INSERT INTO slow VALUES (1)", &[]).await?;
            Ok::<_, Error>("committed")
        });
        let value = value.await.unwrap();
        assert_eq!(value, "committed");
        sleep(Duration::from_secs(3600)).await; // the cancellation arrives here
    });
    until_running(&watch, number, "COMMIT").await;
    assert!(task.cancel());
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(rows(&watch, "slow").await, 1);
}
