//! Parallel queries with tokio-postgres, and transactions that roll back when they are cancelled.
//!
//! The program shows three things. Several queries over one connection are sent together, without
//! waiting for earlier answers. Queries over several connections run in parallel on the server. And
//! a transaction that is cancelled, here by a timeout, stops its query on the server and rolls back
//! with awaits, before the code after the timeout continues. Ctrl-C has the same effect at any
//! time.
//!
//! In asyncio with asyncpg, this is `asyncio.gather(*(pool.fetchval(…) for …))`, and `async with
//! connection.transaction():` inside `async with asyncio.timeout(…):`.

use std::time::Duration;
use std::{env, process::ExitCode};
use tokio_postgres::Config;
use wheelhouse::{Runtime, catch_cancel, shield, time, timeout, try_gather};
use wheelhouse_ecosystem::postgres::{Cluster, Error, Peer, Session, transaction};

const USAGE: &str = "\
usage: database [QUERIES [SECONDS]]

Sends QUERIES queries to PostgreSQL: first quick ones over one connection, then slow ones of
SECONDS seconds, each over its own connection. Then it transfers money in a transaction that
exceeds its time limit and is rolled back.

It uses the server of DATABASE_URL, such as postgres://me@localhost/mine or
host=/run/postgresql user=me. Without DATABASE_URL it starts a server in a temporary folder,
which needs an installed PostgreSQL. The server and the folder are removed in the end and on
Ctrl-C; a second Ctrl-C does not wait for that.

  QUERIES     the number of queries, from 1 to 100; the default is 10
  SECONDS     the duration of a slow query; the default is 0.5
  -h, --help  print this text";

#[derive(Clone, Copy)]
struct Settings {
    queries: i32,
    seconds: f64,
}

/// The ways to reach the server. Connections use them in turn.
struct Server {
    ways: Vec<Config>,
}

impl Server {
    /// Connects in the next way.
    async fn connect(&self, number: i32) -> Result<Session, Error> {
        let place = usize::try_from(number).unwrap_or(0) % self.ways.len();
        Session::connect(&self.ways[place]).await
    }
}

async fn show(server: &Server, settings: Settings) -> Result<(), Error> {
    for config in &server.ways {
        let session = Session::connect(config).await?;
        let version = session.query_one("SHOW server_version", &[]).await?;
        let version: &str = version.get(0);
        println!("connected to PostgreSQL {version} at {}", session.peer());
        session.close().await?;
    }
    one_connection(server, settings.queries).await?;
    many_connections(server, settings).await?;
    too_slow(server, settings.seconds).await
}

/// Runs quick queries one after the other, then all at once.
async fn one_connection(server: &Server, queries: i32) -> Result<(), Error> {
    let session = server.connect(0).await?;
    let square = session.prepare("SELECT $1::int * $1::int").await?;
    let fetch = async |n| {
        let row = session.query_one(&square, &[&n]).await?;
        Ok::<i32, Error>(row.get(0))
    };

    let start = time::now();
    for n in 1..=queries {
        fetch(n).await?;
    }
    let in_turn = time::now() - start;

    let start = time::now();
    // All futures borrow one session. The results come in the order of the queries.
    let squares = try_gather((1..=queries).map(&fetch).collect::<Vec<_>>()).await?;
    let at_once = time::now() - start;
    let sum: i32 = squares.iter().sum();
    println!(
        "{queries} queries over one connection: {in_turn:.1?} one after the other, {at_once:.1?} at once; the sum is {sum}"
    );
    session.close().await
}

/// Runs slow queries, each over its own connection.
async fn many_connections(server: &Server, settings: Settings) -> Result<(), Error> {
    let Settings { queries, seconds } = settings;
    println!("{queries} queries of {seconds} s over as many connections ...");
    let start = time::now();
    let fetch = async |number| {
        let mut session = server.connect(number).await?;
        // In a transaction, so that Ctrl-C also stops the query on the server.
        transaction(&mut session, async |tx| {
            tx.execute("SELECT pg_sleep($1)", &[&seconds]).await?;
            Ok::<_, Error>(())
        })
        .await?;
        let over_tcp = matches!(session.peer(), Peer::Tcp(_));
        session.close().await?;
        Ok::<_, Error>(over_tcp)
    };
    let over_tcp = try_gather((0..queries).map(fetch).collect::<Vec<_>>()).await?;
    let tcp = over_tcp.iter().filter(|&&over_tcp| over_tcp).count();
    let unix = over_tcp.len() - tcp;
    let took = time::now() - start;
    println!("... took {took:.1?} in all: {tcp} over TCP, {unix} over Unix sockets");
    Ok(())
}

/// Runs a transaction that exceeds its time limit.
async fn too_slow(server: &Server, seconds: f64) -> Result<(), Error> {
    let mut session = server.connect(0).await?;
    let accounts = "CREATE TEMP TABLE account (name text, euros int);
        INSERT INTO account VALUES ('anna', 100), ('bert', 0)";
    session.batch_execute(accounts).await?;
    println!(
        "moving 60 euros, which takes too long: {}",
        balance(&session).await?
    );
    let limit = Duration::from_secs_f64(seconds / 2.0);
    let outcome = timeout(limit, transfer(&mut session, seconds)).await;
    match outcome {
        Ok(done) => done?,
        Err(elapsed) => println!("given up after {limit:.1?}: {elapsed}"),
    }
    // The connection can be used again.
    println!("in the end: {}", balance(&session).await?);
    session.close().await
}

/// Transfers money, slowly.
async fn transfer(session: &mut Session, seconds: f64) -> Result<(), Error> {
    let moving = transaction(session, async |tx| {
        let change = "UPDATE account SET euros = euros + $2 WHERE name = $1";
        tx.execute(change, &[&"anna", &-60]).await?;
        tx.execute(change, &[&"bert", &60]).await?;
        tx.execute("SELECT pg_sleep($1)", &[&seconds]).await?;
        Ok(())
    });
    match catch_cancel(moving).await {
        Ok(done) => done,
        Err(cancelled) => {
            // The server has rolled back by now. The code after a catch point may await.
            let looking = shield(timeout(Duration::from_secs(5), balance(session)));
            if let Ok(Ok(balance)) = looking.await {
                println!("rolled back ({cancelled}): {balance}");
            }
            cancelled.resume().await
        }
    }
}

/// Returns the balance of all accounts.
async fn balance(session: &Session) -> Result<String, Error> {
    let query = "SELECT string_agg(name || ' has ' || euros, ', ' ORDER BY name) FROM account";
    Ok(session.query_one(query, &[]).await?.get(0))
}

/// Runs all demonstrations, with the server of DATABASE_URL or one of our own.
async fn run(url: Option<Config>, settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(config) = url {
        let ways = vec![config];
        return Ok(show(&Server { ways }, settings).await?);
    }
    println!("DATABASE_URL is not set: starting a server");
    let with_server = Cluster::run(async |cluster| {
        println!("its files are in {}", cluster.folder().display());
        let ways = vec![cluster.tcp(), cluster.unix()];
        show(&Server { ways }, settings).await
    });
    match catch_cancel(with_server).await {
        Ok(outcome) => outcome??,
        Err(cancelled) => {
            println!("{cancelled}: the server is gone, and its files");
            cancelled.resume().await
        }
    }
    println!("the server is gone, and its files");
    Ok(())
}

fn settings(arguments: &[&str]) -> Result<Settings, String> {
    let (queries, seconds) = match *arguments {
        [] => ("10", "0.5"),
        [queries] => (queries, "0.5"),
        [queries, seconds] => (queries, seconds),
        _ => return Err("more than two arguments".to_owned()),
    };
    let number = queries
        .parse()
        .ok()
        .filter(|number| (1..=100).contains(number));
    // An upper limit that every clock can represent.
    let length = seconds
        .parse()
        .ok()
        .filter(|length| (0.0..=3600.0).contains(length));
    Ok(Settings {
        queries: number.ok_or(format!(
            "QUERIES must be a number from 1 to 100, not `{queries}`"
        ))?,
        seconds: length.ok_or(format!(
            "SECONDS must be a number up to 3600, not `{seconds}`"
        ))?,
    })
}

/// Returns the server of DATABASE_URL, if it is set.
fn url() -> Result<Option<Config>, String> {
    match env::var("DATABASE_URL") {
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(format!("DATABASE_URL: {error}")),
        Ok(url) => match url.parse() {
            Ok(config) => Ok(Some(config)),
            Err(error) => Err(format!("DATABASE_URL: {}", Error::from(error))),
        },
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let arguments: Vec<_> = arguments
        .iter()
        .map(|text| text.to_string_lossy())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    if let ["-h" | "--help"] = arguments[..] {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let (settings, url) = match (settings(&arguments), url()) {
        (Ok(settings), Ok(url)) => (settings, url),
        (Err(problem), _) | (_, Err(problem)) => {
            eprintln!("database: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Ctrl-C cancels main: transactions roll back, the server is stopped and its folder removed.
    let outcome = match Runtime::builder().cancel_on_ctrl_c().build() {
        Ok(runtime) => runtime.block_on(run(url, settings)),
        Err(error) => Err(error.into()),
    };
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    eprintln!("database: {error}");
    ExitCode::FAILURE
}
