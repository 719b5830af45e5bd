//! Cancelling: the server stops the query, the transaction is rolled back, and then the
//! cancellation goes on.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use wheelhouse::sync::Event;
use wheelhouse::{
    Reason, Runtime, catch_cancel, sleep, spawn, task_group, timeout, to_thread, yield_now,
};
use wheelhouse_ecosystem::postgres::{Cluster, Error, Session, transaction};

use crate::harness::{activity, backend, rows, session, table, until_running};
use crate::transactions::is_usable;

/// Puts a row into a table, then keeps the server busy for an hour.
async fn insert_and_sleep(session: &mut Session, table: &str) -> Result<(), Error> {
    transaction(session, async |tx| {
        tx.execute(&format!("INSERT INTO {table} VALUES (1)"), &[])
            .await?;
        tx.execute("SELECT pg_sleep(3600)", &[]).await?;
        Ok(())
    })
    .await
}

pub(crate) async fn a_cancelled_query_is_stopped_on_the_server_and_rolled_back(cluster: &Cluster) {
    for config in [cluster.tcp(), cluster.unix()] {
        let watch = session(cluster).await;
        table(&watch, "cancelled").await;
        let mut session = Session::connect(&config).await.unwrap();
        let number = backend(&session).await;
        let (tell, told) = wheelhouse::sync::oneshot();
        let task = spawn(async move {
            let working = insert_and_sleep(&mut session, "cancelled");
            let Err(cancelled) = catch_cancel(working).await else {
                panic!("nothing ends the query but the cancellation");
            };
            // The first moment after: all is over, and the same session answers.
            is_usable(&session).await;
            assert!(
                tell.send((rows(&session, "cancelled").await, session))
                    .is_ok()
            );
            cancelled.resume().await
        });
        until_running(&watch, number, "pg_sleep").await;
        task.cancel_with("the user has gone");
        let (count, session) = told.await.unwrap();
        assert_eq!(count, 0);
        assert!(task.await.is_err());
        // The server sees it, too: what ran last for that session was ours, and nothing runs.
        let (state, query) = activity(&watch, number).await.unwrap();
        assert_eq!((state.as_str(), query.contains("count(*)")), ("idle", true));
        assert_eq!(backend(&session).await, number);
        assert_eq!(rows(&watch, "cancelled").await, 0);
    }
}

/// The cancel request finds nothing to stop, and must not hit what comes next.
pub(crate) async fn a_cancelled_body_that_runs_no_query_is_rolled_back(cluster: &Cluster) {
    let mut session = session(cluster).await;
    table(&session, "idle").await;
    for _ in 0..20 {
        let begun = Rc::new(Event::new());
        let ready = Rc::clone(&begun);
        let task = spawn(async move {
            let idle = transaction(&mut session, async |tx| {
                tx.execute("INSERT INTO idle VALUES (1)", &[]).await?;
                ready.set();
                pending::<Result<(), Error>>().await
            });
            catch_cancel(idle).await.unwrap_err();
            session
        });
        begun.wait().await;
        task.cancel();
        session = task.await.unwrap();
        is_usable(&session).await;
    }
    assert_eq!(rows(&session, "idle").await, 0);
}

/// A query of its own, without a transaction. It waits for the deadline, a twentieth of a second.
pub(crate) async fn a_query_that_is_cancelled_holds_up_no_other(cluster: &Cluster) {
    for config in [cluster.tcp(), cluster.unix()] {
        let session = Session::connect(&config).await.unwrap();
        let number = backend(&session).await;
        let query = session.execute("SELECT pg_sleep(3600)", &[]);
        let interrupt = session.interrupt();
        let query = timeout(Duration::from_millis(50), interrupt.during(query));
        assert!(query.await.is_err());
        is_usable(&session).await;
        assert_eq!(backend(&session).await, number);
    }
}

/// The body leaves a query running, and fails: the rollback would wait behind it.
pub(crate) async fn a_query_that_a_failing_body_leaves_running_is_stopped(cluster: &Cluster) {
    let mut session = session(cluster).await;
    table(&session, "left_running").await;
    let working = transaction(&mut session, async |tx| {
        tx.execute("INSERT INTO left_running VALUES (1)", &[])
            .await?;
        let query = tx.execute("SELECT pg_sleep(3600)", &[]);
        let elapsed = timeout(Duration::from_millis(20), query).await;
        assert!(elapsed.is_err());
        Err::<(), _>(Error::NoHost)
    });
    assert!(matches!(working.await, Err(Error::NoHost)));
    is_usable(&session).await;
    assert_eq!(rows(&session, "left_running").await, 0);
}

/// It waits for the deadline, a tenth of a second; whether the server had begun by then does not
/// matter.
pub(crate) async fn a_timeout_gives_elapsed_after_the_rollback(cluster: &Cluster) {
    let mut session = session(cluster).await;
    table(&session, "late").await;
    let number = backend(&session).await;
    let log = RefCell::new(Vec::new());
    let working = async {
        let Err(cancelled) = catch_cancel(insert_and_sleep(&mut session, "late")).await else {
            panic!("nothing ends the query but the timeout");
        };
        assert!(matches!(cancelled.reason(), Reason::Timeout));
        is_usable(&session).await;
        log.borrow_mut().push("rolled back");
        cancelled.resume().await
    };
    let outcome = timeout(Duration::from_millis(100), working).await;
    log.borrow_mut().push("elapsed");
    outcome.map(|never: ()| never).unwrap_err();
    assert_eq!(*log.borrow(), ["rolled back", "elapsed"]);
    assert_eq!(rows(&session, "late").await, 0);
    assert_eq!(backend(&session).await, number);
}

pub(crate) async fn one_failed_transaction_of_a_group_rolls_the_others_back(cluster: &Cluster) {
    let watch = session(cluster).await;
    table(&watch, "grouped").await;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(session(cluster).await);
    }
    let mut failing = session(cluster).await;
    let outcome = task_group(async |group| {
        for session in &mut sessions {
            let number = backend(session).await;
            group.spawn(insert_and_sleep(session, "grouped"));
            until_running(&watch, number, "pg_sleep").await;
        }
        group.spawn(transaction(&mut failing, async |tx| {
            tx.execute("INSERT INTO grouped VALUES (1)", &[]).await?;
            tx.execute("SELECT 1 / 0", &[]).await?;
            Ok(())
        }));
        Ok::<_, Error>(())
    })
    .await;
    let error = outcome.unwrap_err();
    let errors: Vec<_> = error.errors().map(Error::to_string).collect();
    assert_eq!(errors, ["ERROR: division by zero"]);
    assert_eq!(rows(&watch, "grouped").await, 0);
    for session in sessions.iter().chain([&failing]) {
        is_usable(session).await;
    }
}

/// The tasks that drive the connections are cancelled together with those that roll back through
/// them.
pub(crate) async fn the_end_of_the_runtime_rolls_back(cluster: &Cluster) {
    let watch = session(cluster).await;
    table(&watch, "ended").await;
    let config = cluster.tcp();
    let ended = to_thread(move || {
        let begun = Rc::new(Event::new());
        let log = Rc::new(RefCell::new(Vec::new()));
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let (ready, log) = (Rc::clone(&begun), Rc::clone(&log));
            spawn(async move {
                let mut session = Session::connect(&config).await.unwrap();
                let number = backend(&session).await;
                let working = transaction(&mut session, async |tx| {
                    tx.execute("INSERT INTO ended VALUES (1)", &[]).await?;
                    ready.set();
                    tx.execute("SELECT pg_sleep(3600)", &[]).await?;
                    Ok::<_, Error>(())
                });
                let cancelled = catch_cancel(working).await.unwrap_err();
                assert!(matches!(cancelled.reason(), Reason::Shutdown));
                is_usable(&session).await;
                assert_eq!(backend(&session).await, number);
                log.borrow_mut().push("rolled back");
            })
            .detach();
            begun.wait().await;
        });
        drop(runtime);
        log.take()
    });
    assert_eq!(ended.await, ["rolled back"]);
    assert_eq!(rows(&watch, "ended").await, 0);
}

/// However many turns it is given before it is cancelled: either both rows are there and the value
/// is `Ok`, or none is.
pub(crate) async fn cancelled_at_any_moment_it_is_all_or_nothing(cluster: &Cluster) {
    let watch = session(cluster).await;
    table(&watch, "moments").await;
    let mut session = session(cluster).await;
    let (mut whole, mut none) = (0, 0);
    for round in 0u32..120 {
        watch.batch_execute("TRUNCATE moments").await.unwrap();
        let task = spawn(async move {
            let working = transaction(&mut session, async |tx| {
                tx.execute("INSERT INTO moments VALUES (1)", &[]).await?;
                tx.execute("INSERT INTO moments VALUES (2)", &[]).await?;
                Ok::<_, Error>(())
            });
            let committed = catch_cancel(working).await.is_ok();
            (committed, session)
        });
        for _ in 0..=round % 12 {
            yield_now().await;
        }
        // Beyond the first rounds time tells where it is cut, differently each time.
        sleep(Duration::from_micros(u64::from(round / 12) * 60)).await;
        task.cancel();
        let (committed, back) = task.await.unwrap();
        session = back;
        is_usable(&session).await;
        let expected = if committed { 2 } else { 0 };
        assert_eq!(rows(&watch, "moments").await, expected, "round {round}");
        *(if committed { &mut whole } else { &mut none }) += 1;
    }
    assert!(none > 0, "{whole} ended before they were cancelled");
}
