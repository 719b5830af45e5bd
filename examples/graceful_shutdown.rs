//! A TCP server that ends well: on Ctrl-C it takes no new connections, lets the requests in
//! flight finish within a deadline, and cancels the rest, which roll back before they go.
//!
//! It answers each line with the same line; one that begins with a number takes that many
//! seconds to answer. Try it: `nc 127.0.0.1 7777`, type `60 transfer`, and press Ctrl-C in the
//! terminal of the server.
//!
//! asyncio says the same with `loop.add_signal_handler(SIGINT, stop.set)`, `server.close()`,
//! `asyncio.wait(tasks, timeout=deadline)`, `task.cancel()` for those that are left, and in
//! each of them `except CancelledError: await roll_back(); raise`. A program that wants no
//! more than its clean-ups on Ctrl-C is shorter: `Builder::cancel_on_ctrl_c`.

mod arguments;

use futures::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use futures::stream::TryStreamExt;
use std::cell::{Cell, RefCell};
use std::{io, net::SocketAddr, process::ExitCode, rc::Rc, time::Duration};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{JoinHandle, catch_cancel, run, signal, sleep, spawn, wait};

const USAGE: &str = "\
usage: graceful_shutdown [ADDRESS [DEADLINE]]

Sends each line back over TCP, until Ctrl-C; a line as `2.5 hello` after 2.5 seconds. Then
it takes no new connections, and requests that are not done by the deadline roll back.

  ADDRESS     an IP address and a port, as 127.0.0.1:7777 (taken if none is given)
              or [::1]:7777; port 0 lets the system choose a free one
  DEADLINE    how many seconds after Ctrl-C the requests may take; 10 if not given
  -h, --help  print this text";

/// What all connections know. One thread: no lock, no `Arc`.
#[derive(Default)]
struct Server {
    stopping: Cell<bool>,
    connections: RefCell<Vec<Connection>>,
}

struct Connection {
    task: JoinHandle<()>,
    busy: Rc<Cell<bool>>,
}

async fn serve(address: SocketAddr, deadline: Duration) -> io::Result<()> {
    // Before anybody can know that we are here: from now on no Ctrl-C is lost.
    let ctrl_c = signal::ctrl_c();
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let server = Rc::new(Server::default());
    let accepting = spawn(accept(listener, Rc::clone(&server)));
    ctrl_c.await?;

    accepting.cancel_and_wait().await.ok();
    server.stopping.set(true);
    let connections = server.connections.take();
    let mut tasks = Vec::new();
    for Connection { task, busy } in connections {
        // Who has not asked for anything has nothing to finish.
        if !busy.get() {
            task.cancel();
        }
        tasks.push(task);
    }
    println!("stopping: no new connections");
    let rest = wait(tasks).timeout(deadline).await.pending;
    println!("{} request(s) not done by the deadline", rest.len());
    for task in &rest {
        task.cancel_with("the deadline has passed");
    }
    wait(rest).await;
    println!("stopped");
    Ok(())
}

async fn accept(listener: TcpListener, server: Rc<Server>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let busy = Rc::new(Cell::new(false));
                let conversation = converse(stream, Rc::clone(&server), Rc::clone(&busy));
                let task = spawn(async move {
                    if let Err(error) = conversation.await {
                        eprintln!("{peer}: {error}");
                    }
                });
                let mut connections = server.connections.borrow_mut();
                connections.retain(|other| !other.task.is_finished());
                connections.push(Connection { task, busy });
            }
            Err(error) => {
                eprintln!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, server: Rc<Server>, busy: Rc<Cell<bool>>) -> io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    while !server.stopping.get()
        && let Some(line) = lines.try_next().await?
    {
        busy.set(true);
        println!("begun: {line}");
        if let Err(cancelled) = catch_cancel(work(&line)).await {
            println!("rolling back: {line} ({cancelled})");
            sleep(Duration::from_millis(100)).await; // a database would be asked here
            (&stream).write_all(b"rolled back\n").await?;
            println!("rolled back: {line}");
            cancelled.resume().await
        }
        (&stream).write_all(format!("{line}\n").as_bytes()).await?;
        println!("done: {line}");
        busy.set(false);
    }
    Ok(())
}

/// Takes as long as the line says.
async fn work(line: &str) {
    let seconds = line.split(' ').next().and_then(seconds);
    sleep(seconds.unwrap_or_default()).await;
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

fn main() -> ExitCode {
    let parse = |arguments: &[&str]| {
        let (address, deadline) = match *arguments {
            [] => (None, "10"),
            [address] => (Some(address), "10"),
            [address, deadline] => (Some(address), deadline),
            _ => return Err("more than two arguments".to_owned()),
        };
        let deadline = seconds(deadline).ok_or(format!("not a number of seconds: {deadline}"))?;
        Ok((arguments::address(address)?, deadline))
    };
    arguments::run(USAGE, parse, |(address, deadline)| {
        run(serve(address, deadline)).map_err(|error| format!("{address}: {error}"))
    })
}
