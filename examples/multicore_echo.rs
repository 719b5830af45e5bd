//! The echo server on several cores, with one runtime per thread. The threads share only the port.
//!
//! Each thread has its own listener on the same port (`SO_REUSEPORT`), and the system distributes
//! the connections over them. A connection stays on the thread that accepted it, so the program
//! needs no locks and no `Send`. On Ctrl-C all threads stop and print how many connections they
//! have served.
//!
//! In asyncio this needs one process per core.

mod arguments;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::Cell;
use std::convert::Infallible;
use std::panic::resume_unwind;
use std::{io, net::SocketAddr, num::NonZero, process::ExitCode, thread, time::Duration};
use wheelhouse::net::{TcpListener, TcpSocket, TcpStream};
use wheelhouse::sync::inbox;
use wheelhouse::{Runtime, TaskGroup, run, signal, sleep, spawn, task_group};

const USAGE: &str = "\
usage: multicore_echo [ADDRESS [THREADS]]

Sends back everything it receives over TCP, on several cores, until Ctrl-C.

  ADDRESS     an IP address and a port, such as 127.0.0.1:7777 (the default) or [::1]:7777;
              port 0 lets the system choose a free one
  THREADS     the number of threads; the default is the number of cores
  -h, --help  print this text";

/// The number of connections that may wait to be accepted by one thread.
const BACKLOG: i32 = 1024;

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

/// Creates one of several listeners on the same port, for the runtime of another thread.
async fn share(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = TcpSocket::new(address)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Accepts and counts connections until it is cancelled.
async fn accept<'a>(listener: &TcpListener, served: &Cell<u64>, group: &'a Connections<'a, '_>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                served.set(served.get() + 1);
                group.spawn(async move {
                    // In a separate task, so that a panic ends this connection and not the group.
                    if let Ok(Err(error)) = spawn(echo(stream)).await {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            Err(error) => {
                eprintln!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

type Connections<'scope, 'env> = TaskGroup<'scope, 'env, Infallible>;

/// Serves connections on one thread until the sender of `stop` is dropped, and returns their
/// number.
async fn serve(
    listener: std::net::TcpListener,
    mut stop: inbox::Receiver<Infallible>,
) -> io::Result<u64> {
    let listener = TcpListener::from_std(listener)?;
    let served = Cell::new(0);
    let serving = task_group(async |group: &Connections<'_, '_>| {
        group.spawn(accept(&listener, &served, group));
        // Nothing is ever sent: this waits until the sender is dropped.
        stop.recv().await.ok();
        group.cancel();
    });
    // The group was cancelled, so its result is an error.
    drop(serving.await);
    Ok(served.get())
}

/// Serves on `threads` threads until Ctrl-C.
fn serve_all(address: SocketAddr, threads: usize) -> io::Result<()> {
    // Before the address is printed, so that no Ctrl-C is lost after that.
    let runtime = Runtime::new()?;
    let ctrl_c = runtime.block_on(async { signal::ctrl_c() });
    let first = runtime.block_on(share(address))?;
    let address = first.local_addr()?;
    let others = (1..threads).map(|_| runtime.block_on(share(address)));
    let listeners = [Ok(first)].into_iter().chain(others);
    let mut servers = Vec::new();
    for listener in listeners.collect::<io::Result<Vec<_>>>()? {
        let (stop, stopped) = inbox::unbounded();
        let thread = thread::spawn(move || run(serve(listener, stopped)));
        servers.push((stop, thread));
    }
    println!("listening on {address}, {threads} thread(s)");
    runtime.block_on(ctrl_c)?;
    let (stops, threads): (Vec<_>, Vec<_>) = servers.into_iter().unzip();
    drop(stops);
    for (number, thread) in threads.into_iter().enumerate() {
        let served = thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        println!("thread {number} has had {served} connection(s)");
    }
    Ok(())
}

fn main() -> ExitCode {
    let parse = |arguments: &[&str]| {
        let (address, threads) = match *arguments {
            [] => (None, None),
            [address] => (Some(address), None),
            [address, threads] => (Some(address), Some(threads)),
            _ => return Err("more than two arguments".to_owned()),
        };
        let threads = match threads {
            None => thread::available_parallelism().map_or(1, NonZero::get),
            Some(text) => match text.parse() {
                Ok(threads @ 1..) => threads,
                _ => return Err(format!("THREADS must be a number above 0, not `{text}`")),
            },
        };
        Ok((arguments::address(address)?, threads))
    };
    arguments::run(USAGE, parse, |(address, threads)| {
        serve_all(address, threads).map_err(|error| format!("{address}: {error}"))
    })
}
