//! A TCP proxy: forwards the bytes of each connection to another address, and the answers back.
//!
//! `copy_bidirectional` also forwards a half-close: a client may end its request and still read the
//! answer. An idle connection is closed. asyncio has no such function; a program there uses a pair
//! of tasks that copy.

mod arguments;

use std::{io, net::SocketAddr, process::ExitCode, time::Duration};
use wheelhouse::net::{TcpListener, TcpStream, copy_bidirectional};
use wheelhouse::{run, sleep, spawn, timeout};

const USAGE: &str = "\
usage: tcp_proxy ADDRESS TARGET [SECONDS]

Forwards each connection to TARGET, and the answers back, until it is killed.

  ADDRESS     the address to listen on, such as 127.0.0.1:7777; port 0 lets the system
              choose a free port
  TARGET      a host and a port, such as example.org:80 or 127.0.0.1:8080
  SECONDS     the time after which an idle connection is closed; the default is 60
  -h, --help  print this text";

/// The time limit for connecting to the target.
const CONNECT: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Settings {
    target: String,
    address: SocketAddr,
    idle: Duration,
}

/// Forwards one connection, and returns the number of bytes there and back.
async fn forward(near: TcpStream, settings: &Settings) -> io::Result<(u64, u64)> {
    let far = timeout(CONNECT, TcpStream::connect(&*settings.target)).await;
    let far = far.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let copy = copy_bidirectional(near, far);
    copy.idle_timeout(settings.idle).await
}

async fn serve(settings: &Settings) -> io::Result<()> {
    let listener = TcpListener::bind(settings.address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (near, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                eprintln!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let settings = settings.clone();
        spawn(async move {
            match forward(near, &settings).await {
                Ok((there, back)) => println!("{peer}: {there} bytes there, {back} back"),
                Err(error) => eprintln!("{peer}: {error}"),
            }
        })
        .detach();
    }
}

fn settings(arguments: &[&str]) -> Result<Settings, String> {
    let (address, target, seconds) = match *arguments {
        [] | [_] => return Err("ADDRESS and TARGET are required".to_owned()),
        [address, target] => (address, target, "60"),
        [address, target, seconds] => (address, target, seconds),
        _ => return Err("more than three arguments".to_owned()),
    };
    let has_port = target.rsplit_once(':');
    if has_port.is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
        return Err(format!("not a host and a port: {target}"));
    }
    let seconds: Option<u64> = seconds.parse().ok().filter(|&seconds| seconds > 0);
    let seconds = seconds.ok_or("SECONDS must be a number above 0")?;
    Ok(Settings {
        target: target.to_owned(),
        address: arguments::address(Some(address))?,
        idle: Duration::from_secs(seconds),
    })
}

fn main() -> ExitCode {
    arguments::run(USAGE, settings, |settings| {
        run(serve(&settings)).map_err(|error| format!("{}: {error}", settings.address))
    })
}
