//! A TCP server that sends back whatever it receives, one task a connection.
//!
//! asyncio's `start_server` makes a task for each connection and hides the loop that accepts
//! them; here the loop is yours, so that its errors are too: a connection that breaks, or an
//! accept that fails (no file descriptor left, say), is reported and the server goes on.
//! It runs until it is killed. Its counterpart: `examples/asyncio/echo_server.py`.

mod arguments;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use std::{io, net::SocketAddr, process::ExitCode, time::Duration};
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
    let parse = |arguments: &[&str]| match *arguments {
        [] => arguments::address(None),
        [address] => arguments::address(Some(address)),
        _ => Err("more than one argument".to_owned()),
    };
    arguments::run(USAGE, parse, |address| {
        run(serve(address)).map_err(|error| format!("{address}: {error}"))
    })
}
