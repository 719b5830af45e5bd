//! PostgreSQL's own clients beside ours, on the same server.

use std::cell::Cell;
use std::path::Path;

use wheelhouse::process::Command;
use wheelhouse::{Reason, catch_cancel, spawn};
use wheelhouse_ecosystem::postgres::{Cluster, Error, Session, transaction};

use crate::harness::{session, table, value};
use crate::installed::remedy;

/// One of PostgreSQL's clients, which some systems have in a package of its own.
fn client(cluster: &Cluster, program: &str) -> Command {
    let mut command = cluster.client(program);
    let path = Path::new(command.as_std_mut().get_program());
    assert!(path.is_file(), "{}: {}", path.display(), remedy(program));
    command
}

/// What psql prints for a statement.
async fn psql(cluster: &Cluster, statement: &str) -> String {
    let mut psql = client(cluster, "psql");
    psql.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement]);
    let output = psql.output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) async fn psql_sees_our_rows_and_we_see_those_of_psql(cluster: &Cluster) {
    let mut session = Session::connect(&cluster.tcp()).await.unwrap();
    table(&session, "shared").await;
    let seen = transaction(&mut session, async |tx| {
        let ours = "INSERT INTO shared SELECT generate_series(1, 10)";
        tx.execute(ours, &[]).await?;
        Ok::<_, Error>(psql(cluster, "SELECT count(*) FROM shared").await)
    });
    assert_eq!(seen.await.unwrap(), "0\n", "it is not committed then");
    let sum = psql(cluster, "SELECT count(*), sum(n) FROM shared").await;
    assert_eq!(sum, "10|55\n");
    psql(cluster, "INSERT INTO shared VALUES (45)").await;
    let sum: i64 = value(&session, "SELECT sum(n) FROM shared").await;
    assert_eq!(sum, 100);
}

/// The other program runs for two seconds, by its own clock; it has no other bound that is as
/// telling.
pub(crate) async fn pgbench_runs_beside_us_without_errors(cluster: &Cluster) {
    let mut init = client(cluster, "pgbench");
    let init = init.args(["-i", "-q", "-s", "1"]).output().await.unwrap();
    assert!(init.status.success(), "{init:?}");

    let mut session = session(cluster).await;
    let working = spawn(async move {
        let moved = Cell::new(0);
        let working = async {
            loop {
                // What pgbench does, too, so both wait for each other's locks.
                let ours = transaction(&mut session, async |tx| {
                    let update = "UPDATE pgbench_branches SET bbalance = bbalance + $1";
                    tx.execute(update, &[&1]).await?;
                    tx.query("SELECT count(*) FROM pgbench_history", &[])
                        .await?;
                    Ok::<_, Error>(())
                });
                ours.await.unwrap();
                moved.set(moved.get() + 1);
            }
        };
        let cancelled = catch_cancel(working).await.map(|never: ()| never);
        assert!(matches!(
            cancelled.unwrap_err().reason(),
            Reason::Explicit(_)
        ));
        (moved.get(), session)
    });
    let mut bench = client(cluster, "pgbench");
    let output = bench.args(["-c", "4", "-T", "2", "-n"]).output().await;
    working.cancel();
    let (moved, session) = working.await.unwrap();

    let output = output.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let failed = "number of failed transactions: 0 (0.000%)";
    assert!(report.contains(failed), "{report}");
    // Each of its transactions changed a branch's balance and an account's by the same amount, ours
    // only a branch's.
    let rest = "SELECT (SELECT sum(bbalance) FROM pgbench_branches)
        - (SELECT sum(abalance) FROM pgbench_accounts)";
    let rest: i64 = value(&session, rest).await;
    assert!(rest == moved || rest == moved + 1, "{rest} of {moved}");
    assert!(moved > 0);
}
