//! A TCP server that sends back everything it receives, with one task per connection.
//!
//! asyncio's `start_server` hides the loop that accepts connections. Here it is part of the
//! program, and so is the handling of its errors: if a connection breaks, or an accept fails (for
//! example because the process has no file descriptor left), the error is printed and the server
//! continues. It runs until it is killed. Its counterpart: `examples/asyncio/echo_server.py`.

mod arguments;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use std::{io, net::SocketAddr, process::ExitCode, time::Duration};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{run, sleep, spawn};

const USAGE: &str = "\
usage: echo_server [ADDRESS]

Sends back everything it receives over TCP, until it is killed.

  ADDRESS     an IP address and a port, such as 127.0.0.1:7777 (the default) or [::1]:7777;
              port 0 lets the system choose a free one
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
