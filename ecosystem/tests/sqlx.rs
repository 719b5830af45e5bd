//! A pool of sqlx on wheelhouse: `cargo test -p wheelhouse-ecosystem --features sqlx --test sqlx`.
//!
//! sqlx has sockets and timers of its own: with `runtime-smol` those of async-io, whose thread
//! watches them and wakes our tasks, and an executor with a thread that takes connections back into
//! the pool. So it runs here as under any executor, with wakes from elsewhere; `!Send` tasks are no
//! obstacle.

use std::fs;
use std::rc::Rc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use wheelhouse::{Runtime, gather, spawn, timeout, try_gather};
use wheelhouse_ecosystem::postgres::Cluster;

/// A pool of four connections.
async fn pool(cluster: &Cluster) -> sqlx::Result<PgPool> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(cluster.port())
        .username("postgres")
        .database("postgres");
    let pool = PgPoolOptions::new().max_connections(4);
    pool.connect_with(options).await
}

/// The one number that a query gives.
async fn number(pool: &PgPool, query: &'static str) -> sqlx::Result<i64> {
    sqlx::query_scalar(query).fetch_one(pool).await
}

/// What happens in the test, with `?`.
async fn use_it(cluster: &Cluster) -> sqlx::Result<()> {
    let pool = pool(cluster).await?;
    // More queries than connections, in one task.
    let squares = (0..20i64).map(|n| {
        sqlx::query_scalar("SELECT $1 * $1")
            .bind(n)
            .fetch_one(&pool)
    });
    let squares: Vec<i64> = try_gather(squares.collect::<Vec<_>>()).await?;
    assert!(squares.into_iter().eq((0..20).map(|n| n * n)));

    // And in several, which are not `Send`.
    sqlx::query("CREATE TABLE seen (n bigint)")
        .execute(&pool)
        .await?;
    let shared = Rc::new(pool.clone());
    let tasks = (0..8i64).map(|n| {
        let pool = Rc::clone(&shared);
        spawn(async move {
            let mut tx = pool.begin().await?;
            let insert = sqlx::query("INSERT INTO seen VALUES ($1)").bind(n);
            insert.execute(&mut *tx).await?;
            match n % 2 {
                0 => tx.commit().await,
                _ => tx.rollback().await,
            }
        })
    });
    for task in gather(tasks.collect::<Vec<_>>()).await {
        task.expect("no task is cancelled")?;
    }
    assert_eq!(number(&pool, "SELECT count(*) FROM seen").await?, 4);

    // A transaction that is cut off is rolled back by sqlx itself, behind the query.
    let mut tx = pool.begin().await?;
    sqlx::query("INSERT INTO seen VALUES (8)")
        .execute(&mut *tx)
        .await?;
    let slow = sqlx::query("SELECT pg_sleep(0.3)").execute(&mut *tx);
    assert!(timeout(Duration::from_millis(50), slow).await.is_err());
    drop(tx);
    assert_eq!(number(&pool, "SELECT count(*) FROM seen").await?, 4);
    pool.close().await;
    Ok(())
}

/// The names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.map(|task| fs::read_to_string(task.path().join("comm")));
    names.flatten().map(|name| name.trim().to_owned()).collect()
}

#[test]
fn a_pool_runs_on_wheelhouse_with_the_threads_of_smol_beside_it() {
    let runtime = Runtime::builder().cancel_on_ctrl_c().build().unwrap();
    let outcome = runtime.block_on(Cluster::run(async |cluster| {
        let limit = Duration::from_secs(60);
        timeout(limit, use_it(cluster)).await.expect("it hangs")
    }));
    outcome.unwrap().unwrap();
    let threads = threads();
    assert!(threads.iter().any(|name| name == "async-io"), "{threads:?}");
}
