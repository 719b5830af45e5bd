//! A TCP server that sends back whatever it receives, one task a connection.
//!
//! asyncio's `start_server` makes a task for each connection and hides the loop that accepts
//! them; here the loop is yours, so that its errors are too: a connection that breaks, or an
//! accept that fails (no file descriptor left, say), is reported and the server goes on.
//! It runs until it is killed. Its counterpart: `examples/asyncio/echo_server.py`.

use futures::io::{AsyncReadExt, AsyncWriteExt};
use std::{env, io, net::SocketAddr, process::ExitCode, time::Duration};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{run, sleep, spawn};

const USAGE: &str = "\
usage: echo_server [ADDRESS]

Sends back whatever it receives over TCP, until it is killed.

  ADDRESS     an IP address and a port, as 127.0.0.1:7777 (taken if none is given)
              or [::1]:7777; port 0 lets the system choose a free one
  -h, --help  print this text";

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

async fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => spawn(async move {
                if let Err(error) = echo(stream).await {
                    eprintln!("{peer}: {error}");
                }
            })
            .detach(),
            Err(error) => {
                eprintln!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let arguments: Vec<_> = arguments
        .iter()
        .map(|text| text.to_string_lossy())
        .collect();
    let address = match arguments.iter().map(AsRef::as_ref).collect::<Vec<&str>>()[..] {
        ["-h" | "--help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [] => "127.0.0.1:7777",
        [address] => address,
        _ => return misused("more than one argument"),
    };
    let Ok(parsed) = address.parse() else {
        return misused(&format!("not an IP address with a port: {address}"));
    };
    let Err(error) = run(serve(parsed)) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("echo_server: {address}: {error}");
    ExitCode::FAILURE
}

fn misused(problem: &str) -> ExitCode {
    eprintln!("echo_server: {problem}\n\n{USAGE}");
    ExitCode::from(2)
}
