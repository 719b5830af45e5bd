//! An echo server that consists of an epoll loop only: the cost of the system calls.

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

/// Accepts `connections` clients and echoes until all have closed, and returns the number of bytes.
pub(crate) fn echo_all(listener: &TcpListener, connections: usize) -> io::Result<usize> {
    let poller = epoll::create(CreateFlags::CLOEXEC)?;
    let mut streams = Vec::with_capacity(connections);
    let mut events = Vec::with_capacity(1024);
    epoll::add(&poller, listener, EventData::new_u64(0), EventFlags::IN)?;
    let (mut open, mut total) = (connections, 0);
    while open > 0 {
        events.clear();
        epoll::wait(&poller, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            match index(event) {
                0 => accept(listener, &poller, &mut streams)?,
                key => match echo(&mut streams[key - 1])? {
                    0 => {
                        epoll::delete(&poller, &streams[key - 1])?;
                        open -= 1;
                    }
                    got => total += got,
                },
            }
        }
    }
    Ok(total)
}

/// The source of an event: 0 for the listener, otherwise the index of the stream plus one.
fn index(event: &Event) -> usize {
    let data = event.data;
    usize::try_from(data.u64()).expect("an index was put in")
}

/// Accepts one client.
fn accept(
    listener: &TcpListener,
    poller: &OwnedFd,
    streams: &mut Vec<TcpStream>,
) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    streams.push(stream);
    let key = EventData::new_u64(streams.len() as u64);
    epoll::add(poller, &streams[streams.len() - 1], key, EventFlags::IN)?;
    Ok(())
}

/// Echoes once.
fn echo(stream: &mut TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 1024];
    let got = stream.read(&mut buffer)?;
    stream.write_all(&buffer[..got])?;
    Ok(got)
}
