//! A chat room over TCP: every line that a client sends goes to all other clients.
//!
//! A client that does not read fast enough does not delay the others: the room keeps the last lines
//! for it, and tells it how many it has missed. To try it, start `cargo run --example chat`, and in
//! two other terminals `nc 127.0.0.1 7777`. Ctrl-C closes the room.
//!
//! In asyncio, each connection would have a `Queue` and a task that writes from it, and code for
//! the case that the queue is full. `sync::broadcast` does this. A connection is a task group with
//! two members, a reader and a writer: when one of them ends, the other one is cancelled.

mod arguments;

use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::{io, net::SocketAddr, process::ExitCode, rc::Rc, time::Duration};
use wheelhouse::net::{OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream};
use wheelhouse::sync::{BroadcastError, broadcast};
use wheelhouse::{GroupError, TaskGroup, finally, run, signal, sleep, spawn, task_group};

const USAGE: &str = "\
usage: chat [ADDRESS]

A chat room over TCP, until Ctrl-C. The first line of a client is its name; every later line
goes to all other clients. `/who` lists the clients, and `/quit` leaves.

  ADDRESS     an IP address and a port, such as 127.0.0.1:7777 (the default) or [::1]:7777;
              port 0 lets the system choose a free one
  -h, --help  print this text";

/// The number of lines that are kept for a client that does not read.
const KEPT: usize = 256;

/// The maximum length of a line, in bytes.
const LONGEST: u64 = 1024;

/// The number of the sender for messages of the room itself.
const ROOM: u64 = 0;

/// A line and the number of its sender, to whom it is not sent back.
type Message = (u64, Rc<str>);

struct Room {
    talk: broadcast::Sender<Message>,
    names: RefCell<BTreeMap<u64, String>>,
}

impl Room {
    /// Sends a line to all clients but `who`.
    fn say(&self, who: u64, line: String) {
        // It fails if there is no other client.
        drop(self.talk.send((who, line.into())));
    }

    /// Adds a client. Returns `false` if the name is empty or in use.
    fn enter(&self, who: u64, name: &str) -> bool {
        let mut names = self.names.borrow_mut();
        let free = !name.is_empty() && names.values().all(|other| other != name);
        if free {
            names.insert(who, name.to_owned());
        }
        free
    }

    fn who(&self) -> String {
        let names = self.names.borrow();
        names.values().cloned().collect::<Vec<_>>().join(", ")
    }
}

type Lines = BufReader<OwnedReadHalf>;

/// Reads a line. Returns `None` if the client has closed the connection or sends a line that is too
/// long.
async fn read_line(from: &mut Lines) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let count = from.take(LONGEST).read_until(b'\n', &mut bytes).await?;
    let whole = bytes.ends_with(b"\n");
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    Ok((count > 0 && whole).then_some(text))
}

/// Asks for a name until the client gives a free one.
async fn ask_name(
    who: u64,
    room: &Room,
    lines: &mut Lines,
    out: &mut OwnedWriteHalf,
) -> io::Result<Option<String>> {
    out.write_all(b"* your name?\n").await?;
    while let Some(name) = read_line(lines).await? {
        if room.enter(who, &name) {
            return Ok(Some(name));
        }
        out.write_all(b"* somebody has that name; another?\n")
            .await?;
    }
    Ok(None)
}

/// Passes the lines of a client on to the others.
async fn read_from_client(who: u64, name: &str, room: &Room, mut lines: Lines) -> io::Result<()> {
    while let Some(text) = read_line(&mut lines).await? {
        match text.as_str() {
            "/quit" => break,
            "/who" => room.say(ROOM, format!("* here: {}\n", room.who())),
            "" => {}
            text => room.say(who, format!("{name}: {text}\n")),
        }
    }
    Ok(())
}

/// Writes the lines of the other clients.
async fn write_to_client(
    who: u64,
    mut heard: broadcast::Receiver<Message>,
    mut out: OwnedWriteHalf,
) -> io::Result<()> {
    loop {
        let text = match heard.recv().await {
            Ok((speaker, _)) if speaker == who => continue,
            Ok((_, line)) => line,
            Err(BroadcastError::Lagged(lost)) => format!("* you missed {lost} lines\n").into(),
            Err(_) => return Ok(()),
        };
        out.write_all(text.as_bytes()).await?;
    }
}

/// Serves one connection.
async fn serve_client(who: u64, stream: TcpStream, room: Rc<Room>) -> io::Result<()> {
    let (reader, mut out) = stream.into_split();
    let mut lines = BufReader::new(reader);
    let Some(name) = ask_name(who, &room, &mut lines, &mut out).await? else {
        return Ok(());
    };
    let heard = room.talk.subscribe();
    room.say(who, format!("* {name} has come\n"));
    let talking = task_group(async |group| {
        group.spawn(write_to_client(who, heard, out));
        read_from_client(who, &name, &room, lines).await?;
        group.cancel();
        Ok(())
    });
    let left = async {
        room.names.borrow_mut().remove(&who);
        room.say(who, format!("* {name} has gone\n"));
    };
    finally(talking, left).await.or_else(into_first)
}

/// Accepts connections until it is cancelled.
async fn accept<'a>(
    listener: &'a TcpListener,
    room: &'a Rc<Room>,
    group: &'a TaskGroup<'a, '_, io::Error>,
) {
    let mut who = 0;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                who += 1;
                let room = Rc::clone(room);
                group.spawn(async move {
                    // In a separate task, so that a panic ends this connection and not the room.
                    if let Ok(Err(error)) = spawn(serve_client(who, stream, room)).await {
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

async fn serve(address: SocketAddr) -> io::Result<()> {
    // Before the address is printed, so that no Ctrl-C is lost after that.
    let ctrl_c = signal::ctrl_c();
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let room = Rc::new(Room {
        talk: broadcast(KEPT).0,
        names: RefCell::default(),
    });
    let served = task_group(async |group| {
        group.spawn(accept(&listener, &room, group));
        ctrl_c.await?;
        room.say(ROOM, "* the room closes\n".into());
        // Time for the clients to read it. A client that does not read is not waited for.
        sleep(Duration::from_millis(100)).await;
        group.cancel();
        Ok(())
    });
    served.await.or_else(into_first)?;
    println!("closed");
    Ok(())
}

/// Returns the first error of a group. A group that was cancelled has none.
fn into_first(error: GroupError<io::Error>) -> io::Result<()> {
    error.into_first().map_or(Ok(()), Err)
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
