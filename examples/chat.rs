//! A chat over TCP: every line goes to everybody else in the room.
//!
//! A reader who does not keep up holds up nobody: the room keeps the last lines for each, and
//! tells who fell behind how many were lost. Try it: `cargo run --example chat`, and in two
//! other terminals `nc 127.0.0.1 7777`. Ctrl-C says good-bye to everybody.
//!
//! In asyncio one would give each connection a `Queue` and a task that writes from it, and
//! think hard about what happens when a queue is full; `sync::broadcast` is that, thought
//! through. A connection is a task group of two, one that reads and one that writes: when
//! either ends, so does the other.

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

A chat room over TCP, until Ctrl-C. The first line that somebody sends is their name; after
that each line goes to all others. `/who` tells who is there, `/quit` leaves.

  ADDRESS     an IP address and a port, as 127.0.0.1:7777 (taken if none is given)
              or [::1]:7777; port 0 lets the system choose a free one
  -h, --help  print this text";

/// How many lines are kept for somebody who does not read.
const KEPT: usize = 256;

/// The longest line, in bytes.
const LONGEST: u64 = 1024;

/// Who says what the room says.
const NOBODY: u64 = 0;

/// A line, and who said it: they do not hear it again.
type Said = (u64, Rc<str>);

struct Room {
    talk: broadcast::Sender<Said>,
    names: RefCell<BTreeMap<u64, String>>,
}

impl Room {
    /// Lets everybody but `who` hear a line.
    fn say(&self, who: u64, line: String) {
        // Nobody else may be there to hear it.
        drop(self.talk.send((who, line.into())));
    }

    /// Lets somebody in, if nobody has that name.
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

/// The next line without its end; `None` when the other side has gone, or sends too long a one.
async fn line(from: &mut Lines) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let count = from.take(LONGEST).read_until(b'\n', &mut bytes).await?;
    let whole = bytes.ends_with(b"\n");
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    Ok((count > 0 && whole).then_some(text))
}

/// Asks for a name until somebody gives one that is free.
async fn introduce(
    who: u64,
    room: &Room,
    lines: &mut Lines,
    out: &mut OwnedWriteHalf,
) -> io::Result<Option<String>> {
    out.write_all(b"* your name?\n").await?;
    while let Some(name) = line(lines).await? {
        if room.enter(who, &name) {
            return Ok(Some(name));
        }
        out.write_all(b"* somebody has that name; another?\n")
            .await?;
    }
    Ok(None)
}

/// Says what somebody types.
async fn listen(who: u64, name: &str, room: &Room, mut lines: Lines) -> io::Result<()> {
    while let Some(text) = line(&mut lines).await? {
        match text.as_str() {
            "/quit" => break,
            "/who" => room.say(NOBODY, format!("* here: {}\n", room.who())),
            "" => {}
            text => room.say(who, format!("{name}: {text}\n")),
        }
    }
    Ok(())
}

/// Writes what the others say.
async fn tell(
    who: u64,
    mut heard: broadcast::Receiver<Said>,
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

/// One connection, from the name to the end.
async fn converse(who: u64, stream: TcpStream, room: Rc<Room>) -> io::Result<()> {
    let (reader, mut out) = stream.into_split();
    let mut lines = BufReader::new(reader);
    let Some(name) = introduce(who, &room, &mut lines, &mut out).await? else {
        return Ok(());
    };
    let heard = room.talk.subscribe();
    room.say(who, format!("* {name} has come\n"));
    let talking = task_group(async |group| {
        group.spawn(tell(who, heard, out));
        listen(who, &name, &room, lines).await?;
        group.cancel();
        Ok(())
    });
    let left = async {
        room.names.borrow_mut().remove(&who);
        room.say(who, format!("* {name} has gone\n"));
    };
    finally(talking, left).await.or_else(into_first)
}

/// Takes connections, for ever.
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
                    // In a task of its own: a panic ends this connection, and not the room.
                    if let Ok(Err(error)) = spawn(converse(who, stream, room)).await {
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
    // Before anybody can know that we are here: from now on no Ctrl-C is lost.
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
        room.say(NOBODY, "* the room closes\n".into());
        // Those who read have read it by then; nobody waits for the others.
        sleep(Duration::from_millis(100)).await;
        group.cancel();
        Ok(())
    });
    served.await.or_else(into_first)?;
    println!("closed");
    Ok(())
}

/// The first error of a group; that it was cancelled is none.
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
