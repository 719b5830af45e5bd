//! Queries, over each kind of connection, and what the protocol has besides.

use std::cell::Cell;
use std::fs::read_dir;
use std::rc::Rc;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use futures::{SinkExt, TryStreamExt};
use tokio_postgres::AsyncMessage;
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::sync::Queue;
use wheelhouse::{gather, spawn, try_gather};
use wheelhouse_ecosystem::postgres::{Cluster, Error, Peer, Session};

use crate::harness::{backend, session, table, value};

pub(crate) async fn over_tcp_and_over_a_unix_socket(cluster: &Cluster) {
    for config in [cluster.tcp(), cluster.unix()] {
        let session = Session::connect(&config).await.unwrap();
        let over_tcp: bool = value(&session, "SELECT inet_client_port() IS NOT NULL").await;
        assert_eq!(over_tcp, matches!(session.peer(), Peer::Tcp(_)));
        // More than any buffer on the way holds.
        let large = "x".repeat(3 << 20);
        let row = session.query_one("SELECT $1::text", &[&large]).await;
        assert!(row.unwrap().get::<_, String>(0) == large);
        session.close().await.unwrap();
    }
}

/// Passes bytes on and counts how often the client had something to say.
async fn relay(client: TcpStream, server: TcpStream, said: Rc<Cell<usize>>) {
    let (mut client_in, mut client_out) = client.into_split();
    let (mut server_in, mut server_out) = server.into_split();
    let there = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = client_in.read(&mut buffer).await {
            said.set(said.get() + 1);
            server_out.write_all(&buffer[..count]).await.unwrap();
        }
        server_out.close().await.ok();
    };
    let back = async { drop(futures::io::copy(&mut server_in, &mut client_out).await) };
    gather((there, back)).await;
}

/// Pipelining: the queries do not wait for each other's answers.
pub(crate) async fn queries_at_once_travel_together(cluster: &Cluster) {
    const COUNT: i32 = 100;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = TcpStream::connect(("127.0.0.1", cluster.port())).await;
    let said = Rc::new(Cell::new(0));
    let counts = Rc::clone(&said);
    let port = listener.local_addr().unwrap().port();
    let through = format!("host=127.0.0.1 port={port} user=postgres");
    let relaying = spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        relay(client, server.unwrap(), counts).await;
    });
    let session = Session::connect(&through.parse().unwrap()).await.unwrap();
    let square = session.prepare("SELECT $1::int * $1::int").await.unwrap();

    let before = said.get();
    let queries = (0..COUNT).map(async |n| session.query_one(&square, &[&n]).await);
    let squares = try_gather(queries.collect::<Vec<_>>()).await.unwrap();
    let together = said.get() - before;
    let squares = squares.iter().map(|row| row.get::<_, i32>(0));
    assert!(squares.eq((0..COUNT).map(|n| n * n)));

    let before = said.get();
    for n in 0..COUNT {
        session.query_one(&square, &[&n]).await.unwrap();
    }
    let one_by_one = said.get() - before;
    assert_eq!(one_by_one, 100);
    assert!(together < 10, "{together} pieces");
    session.close().await.unwrap();
    relaying.await.unwrap();
}

pub(crate) async fn an_error_in_one_of_several_queries_leaves_the_others_unharmed(
    cluster: &Cluster,
) {
    let session = session(cluster).await;
    let divide = session.prepare("SELECT 12 / $1::int").await.unwrap();
    let outcomes = gather([3, 0, 4].map(async |n| {
        let row = session.query_one(&divide, &[&n]).await?;
        Ok::<i32, Error>(row.get(0))
    }))
    .await;
    let [three, zero, four] = outcomes;
    assert_eq!((three.unwrap(), four.unwrap()), (4, 3));
    let error = zero.unwrap_err();
    assert_eq!(error.to_string(), "ERROR: division by zero");
    assert_eq!(error.code().unwrap().code(), "22012");
}

/// How many descriptors this process has.
fn descriptors() -> usize {
    read_dir("/proc/self/fd").unwrap().count()
}

pub(crate) async fn many_connections_at_once_leave_nothing_behind(cluster: &Cluster) {
    const COUNT: i64 = 100;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'many'";
    let watch = session(cluster).await;
    // Sessions of earlier cases say goodbye in their own time.
    let all = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    while value::<i64>(&watch, all).await > 1 {}
    let before = descriptors();
    for mut config in [cluster.tcp(), cluster.unix()] {
        config.application_name("many");
        let connecting = (0..COUNT).map(|_| Session::connect(&config));
        let sessions = try_gather(connecting.collect::<Vec<_>>()).await.unwrap();
        let numbers = sessions.iter().map(backend).collect::<Vec<_>>();
        let mut numbers = gather(numbers).await;
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 100);
        assert_eq!(value::<i64>(&watch, count).await, COUNT);
        let closing = sessions.into_iter().map(Session::close);
        try_gather(closing.collect::<Vec<_>>()).await.unwrap();
        // The server's processes end in their own time.
        while value::<i64>(&watch, count).await > 0 {}
    }
    assert_eq!(descriptors(), before);
}

pub(crate) async fn notifications_come_through_the_connection(cluster: &Cluster) {
    let heard = Rc::new(Queue::unbounded());
    let ear = Rc::clone(&heard);
    let config = cluster.tcp();
    let listening = Session::connect_with(&config, move |message| {
        if let AsyncMessage::Notification(notification) = message {
            ear.put_nowait(notification).unwrap();
        }
    });
    let listening = listening.await.unwrap();
    listening.batch_execute("LISTEN news").await.unwrap();

    let saying = session(cluster).await;
    for n in 0..3 {
        let text = format!("number {n}");
        let notify = "SELECT pg_notify('news', $1)";
        saying.execute(notify, &[&text]).await.unwrap();
        // The listening session sends nothing meanwhile.
        let notification = heard.get().await.unwrap();
        assert_eq!(notification.channel(), "news");
        assert_eq!(notification.payload(), text);
        assert_eq!(notification.process_id(), backend(&saying).await);
    }
}

pub(crate) async fn copy_moves_many_rows_both_ways(cluster: &Cluster) {
    const COUNT: i64 = 100_000;
    let session = session(cluster).await;
    table(&session, "copied").await;
    let mut sink = Box::pin(session.copy_in("COPY copied FROM STDIN").await.unwrap());
    for first in (0..COUNT).step_by(1000) {
        let lines: String = (first..first + 1000).map(|n| format!("{n}\n")).collect();
        let piece = std::io::Cursor::new(lines.into_bytes());
        sink.feed(piece).await.unwrap();
    }
    assert_eq!(sink.as_mut().finish().await.unwrap(), COUNT as u64);
    let sum: i64 = value(&session, "SELECT sum(n) FROM copied").await;
    assert_eq!(sum, COUNT * (COUNT - 1) / 2);

    let out = session.copy_out("COPY copied TO STDOUT").await.unwrap();
    let lines = out.try_fold(0, async |lines, piece| {
        Ok(lines + piece.iter().filter(|&&byte| byte == b'\n').count())
    });
    assert_eq!(lines.await.unwrap(), 100_000);
}

pub(crate) async fn the_hosts_of_the_settings_are_tried_in_turn(cluster: &Cluster) {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = nobody.local_addr().unwrap().port();
    drop(nobody);
    let folder = cluster.folder().display();
    let port = cluster.port();
    let text = format!("host=localhost,{folder} port={closed},{port} user=postgres");
    let session = Session::connect(&text.parse().unwrap()).await.unwrap();
    assert!(matches!(session.peer(), Peer::Unix(_)));

    let text = format!("postgres://postgres@localhost:{port}/postgres");
    let session = Session::connect(&text.parse().unwrap()).await.unwrap();
    assert!(matches!(session.peer(), Peer::Tcp(_)));

    let text = format!("host=127.0.0.1 port={closed}");
    let refused = Session::connect(&text.parse().unwrap()).await;
    let refused = refused.unwrap_err().to_string();
    let expected = format!("cannot reach the server at 127.0.0.1:{closed}: ");
    assert!(refused.starts_with(&expected), "{refused}");
    let nowhere = Session::connect(&"user=postgres".parse().unwrap()).await;
    assert!(matches!(nowhere.unwrap_err(), Error::NoHost));
}
