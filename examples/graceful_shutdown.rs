//! A TCP server with a graceful shutdown: on Ctrl-C it accepts no new connections, lets the
//! requests in flight finish within a deadline, and cancels the others, which roll back before they
//! end.
//!
//! It answers each line with the same line. If a line begins with a number, the answer takes that
//! many seconds. To try it, start `nc 127.0.0.1 7777`, type `60 transfer`, and press Ctrl-C in the
//! terminal of the server.
//!
//! In asyncio this is `loop.add_signal_handler(SIGINT, stop.set)`, `server.close()`,
//! `asyncio.wait(tasks, timeout=deadline)`, `task.cancel()` for the rest, and in each request
//! `except CancelledError: await roll_back(); raise`. A program that only needs its clean-ups to
//! run on Ctrl-C uses `Builder::cancel_on_ctrl_c`, which is shorter.

mod arguments;

use futures::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use futures::stream::TryStreamExt;
use std::cell::{Cell, RefCell};
use std::{io, net::SocketAddr, process::ExitCode, rc::Rc, time::Duration};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{JoinHandle, catch_cancel, run, signal, sleep, spawn, wait};

const USAGE: &str = "\
usage: graceful_shutdown [ADDRESS [DEADLINE]]

Sends each line back over TCP, until Ctrl-C; a line such as `2.5 hello` after 2.5 seconds.
After Ctrl-C it accepts no new connections, and requests that are not done by the deadline
roll back.

  ADDRESS     an IP address and a port, such as 127.0.0.1:7777 (the default) or [::1]:7777;
              port 0 lets the system choose a free one
  DEADLINE    the time for requests after Ctrl-C, in seconds; the default is 10
  -h, --help  print this text";

/// Shared by all connections. There is one thread, so no lock and no `Arc` is needed.
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
    // Before the address is printed, so that no Ctrl-C is lost after that.
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
        // A connection without a request has nothing to finish.
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
            sleep(Duration::from_millis(100)).await; // stands for a rollback of a database
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

/// Waits for the number of seconds at the beginning of the line.
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
        let deadline = seconds(deadline).ok_or(format!(
            "DEADLINE must be a number of seconds, not `{deadline}`"
        ))?;
        Ok((arguments::address(address)?, deadline))
    };
    arguments::run(USAGE, parse, |(address, deadline)| {
        run(serve(address, deadline)).map_err(|error| format!("{address}: {error}"))
    })
}
