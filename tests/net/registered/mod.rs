//! `Registered` with descriptors that this crate has no type for: inotify, timerfd, pseudoterminals,
//! SEQPACKET sockets; and what is done wrong with it.

mod misuse;
mod parts;
mod waiting;

use std::io;
use std::os::fd::AsFd;

use wheelhouse::net::{Direction, Registered};

/// Reads what there is into a small buffer.
async fn read_some<T: AsFd>(fd: &Registered<T>) -> io::Result<Vec<u8>> {
    let mut bytes = [0; 4096];
    let read = |fd: &T| Ok(rustix::io::read(fd, &mut bytes)?);
    let count = fd.async_io(Direction::Read, read).await?;
    Ok(bytes[..count].to_vec())
}

/// Writes some bytes.
async fn write_some<T: AsFd>(fd: &Registered<T>, bytes: &[u8]) -> io::Result<usize> {
    let write = |fd: &T| Ok(rustix::io::write(fd, bytes)?);
    fd.async_io(Direction::Write, write).await
}
