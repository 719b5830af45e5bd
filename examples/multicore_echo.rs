//! The echo server on several cores: one runtime a thread, which share the port and nothing else.
//!
//! Each thread has a listener of its own on the same port (`SO_REUSEPORT`), over which the system spreads the connections.
//! A connection stays on the thread that took it: no lock, no `Send`, no work moved between cores. Ctrl-C stops
//! all of them, by their `Remote`s, and says how many connections each has had.
//!
//! asyncio does the same with one process a core.

use futures::io::{AsyncReadExt, AsyncWriteExt};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::{env, io, net::SocketAddr, num::NonZero, process::ExitCode, time::Duration};
use wheelhouse::net::{TcpListener, TcpSocket, TcpStream};
use wheelhouse::sync::{Event, oneshot};
use wheelhouse::{Remote, run, signal, sleep, task_group};

const USAGE: &str = "\
usage: multicore_echo [ADDRESS [THREADS]]

Sends back whatever it receives over TCP, on several cores, until Ctrl-C.

  ADDRESS     an IP address and a port, as 127.0.0.1:7777 (taken if none is given)
              or [::1]:7777; port 0 lets the system choose a free one
  THREADS     how many; as many as there are cores if not given
  -h, --help  print this text";

/// How many connections may wait to be accepted by one thread.
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

/// One of several listeners on the same port.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new(address)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes connections until it is told to stop; gives how many there were.
async fn serve(listener: TcpListener, stop: &Event) -> u64 {
    let mut served = 0;
    let serving = task_group(async |group| {
        group.spawn(async {
            stop.wait().await;
            group.cancel();
        });
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    served += 1;
                    group.spawn(async move {
                        if let Err(error) = echo(stream).await {
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
    });
    let stopped: Result<std::convert::Infallible, wheelhouse::GroupError<io::Error>> =
        serving.await;
    drop(stopped);
    served
}
