//! One server, one client, two networks: loopback sockets and the simulated one.
//!
//! The server answers each line in capitals. When it is stopped, it accepts no new connections,
//! lets the request in flight finish, and closes idle connections.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use futures::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use wheelhouse::net::{Listen, TcpListener, TcpStream};
use wheelhouse::sync::Event;
use wheelhouse::testing::net::{Link, Network};
use wheelhouse::{JoinHandle, gather, run, sleep, spawn, testing, timeout, wait};

use super::ms;

/// Longer than any request takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the tasks of the server share.
#[derive(Default)]
struct Server {
    stop: Event,
    /// Set while a request is in work.
    at_work: Event,
    connections: RefCell<Vec<Connection>>,
}

struct Connection {
    task: JoinHandle<()>,
    is_busy: Rc<Cell<bool>>,
}

/// Answers lines until the end, or until the server stops.
async fn converse<S>(stream: S, server: Rc<Server>, is_busy: Rc<Cell<bool>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (reads, mut writes) = stream.split();
    let mut reads = BufReader::new(reads);
    let mut line = String::new();
    while !server.stop.is_set() {
        line.clear();
        if reads.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        is_busy.set(true);
        if line.starts_with("slowly") {
            server.at_work.set();
            sleep(ms(20)).await;
        }
        let answer = line.to_uppercase();
        if writes.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        is_busy.set(false);
    }
}

/// Accepts until it is cancelled.
async fn accept(listener: impl Listen, server: Rc<Server>) {
    loop {
        let Ok((stream, _peer)) = listener.accept().await else {
            sleep(ms(100)).await;
            continue;
        };
        let is_busy = Rc::new(Cell::new(false));
        let task = spawn(converse(stream, Rc::clone(&server), Rc::clone(&is_busy)));
        let connection = Connection { task, is_busy };
        server.connections.borrow_mut().push(connection);
    }
}

/// Serves until it is stopped, and returns the number of requests that were not done by the
/// deadline.
async fn serve(listener: impl Listen + 'static, server: Rc<Server>) -> usize {
    let accepting = spawn(accept(listener, Rc::clone(&server)));
    server.stop.wait().await;
    accepting.cancel_and_wait().await.ok();
    let connections = server.connections.take();
    for connection in connections
        .iter()
        .filter(|connection| !connection.is_busy.get())
    {
        connection.task.cancel();
    }
    let tasks = connections.into_iter().map(|connection| connection.task);
    let rest = wait(tasks.collect::<Vec<_>>()).timeout(DEADLINE).await;
    rest.pending.len()
}

/// Sends some lines, and gives the answers.
async fn ask<S>(stream: &mut BufReader<S>, lines: &[&str]) -> io::Result<Vec<String>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut answers = Vec::new();
    for line in lines {
        stream.write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        answers.push(answer.trim_end().to_owned());
    }
    Ok(answers)
}

/// The whole story, over whatever network.
async fn scenario<S>(listener: impl Listen + 'static, connect: impl AsyncFn() -> io::Result<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let server = Rc::new(Server::default());
    let serving = spawn(serve(listener, Rc::clone(&server)));
    let client = async || BufReader::new(connect().await.expect("it listens"));

    let (mut first, mut second) = gather((client(), client())).await;
    let answers = gather((
        ask(&mut first, &["one", "two"]),
        ask(&mut second, &["three"]),
    ));
    let (of_first, of_second) = answers.await;
    assert_eq!(of_first.unwrap(), ["ONE", "TWO"]);
    assert_eq!(of_second.unwrap(), ["THREE"]);

    let stopping = async {
        server.at_work.wait().await;
        server.stop.set();
    };
    let (answer, ()) = gather((ask(&mut first, &["slowly"]), stopping)).await;
    assert_eq!(answer.unwrap(), ["SLOWLY"], "a request in work is finished");
    assert_eq!(serving.await.unwrap(), 0);
    assert_eq!(ask(&mut second, &[]).await.unwrap(), [""; 0]);
    let ended = second.read(&mut [0]).await.unwrap();
    assert_eq!(ended, 0, "who was idle reads the end");
    let refused = connect().await.err().expect("it has stopped");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn one_server_runs_on_loopback_and_on_the_simulated_network() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let played = scenario(listener, async || TcpStream::connect(address).await);
        timeout(DEADLINE, played).await.expect("it ends");
    });

    let simulated = async |link: Link| {
        let network = Network::new();
        network.set_link(link);
        let listener = network.host("server").listen(80).unwrap();
        let client = network.host("client");
        scenario(listener, async || client.connect("server:80").await).await;
    };
    testing::run(simulated(Link::new()));
    let slow = Link::new().latency_between(ms(0)..=ms(300)).window(3);
    testing::explore(0..100, || simulated(slow.clone()));
}
