//! The echo client for all servers: blocking sockets of the standard library.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The size of a request.
pub(crate) const REQUEST: usize = 64;

/// A number of connections to one echo server.
pub(crate) struct Client(Vec<TcpStream>);

impl Client {
    /// Connects, and waits for one echo on each connection, so that the server has accepted it.
    pub(crate) fn connect(server: SocketAddr, connections: usize) -> io::Result<Self> {
        let one = |_| {
            let mut stream = TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            write(&mut stream, 0)?;
            read(&mut stream, 0)?;
            Ok(stream)
        };
        (0..connections)
            .map(one)
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// Sends one request on every connection, then reads all answers; `rounds` times.
    pub(crate) fn play(&mut self, rounds: u64) -> io::Result<Duration> {
        let began = Instant::now();
        for round in 0..rounds {
            let tag = (round % 251) as u8;
            self.0
                .iter_mut()
                .try_for_each(|stream| write(stream, tag))?;
            self.0.iter_mut().try_for_each(|stream| read(stream, tag))?;
        }
        Ok(began.elapsed())
    }
}

/// Sends one request.
fn write(stream: &mut TcpStream, tag: u8) -> io::Result<()> {
    stream.write_all(&[tag; REQUEST])
}

/// Reads one answer and checks it.
fn read(stream: &mut TcpStream, tag: u8) -> io::Result<()> {
    let mut answer = [0; REQUEST];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer, [tag; REQUEST]);
    Ok(())
}
