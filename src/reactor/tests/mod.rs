//! The reactor with real sockets of this machine.

mod awaited_edges;
mod edges;
mod waiters;
mod waiting;

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use super::Direction::{Read as Reading, Write as Writing};
use super::*;

/// Longer than any event takes. Only a failing test waits so long.
const LONG: Duration = Duration::from_secs(20);

/// The access of the runtime to its reactor, in short.
impl Access for RefCell<Reactor> {
    fn with_reactor<R>(&self, work: impl FnOnce(&mut Reactor) -> R) -> R {
        work(&mut self.borrow_mut())
    }
}

/// Counts the wakes of its waker.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Counter {
    /// Creates a counter and its waker.
    fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        (Arc::clone(&counter), Waker::from(counter))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A reactor, used as the event loop uses it.
struct World {
    driver: RefCell<Reactor>,
}

impl World {
    fn new() -> Self {
        let reactor = Reactor::new().expect("a reactor");
        Self {
            driver: RefCell::new(reactor),
        }
    }

    /// Registers a descriptor without initial readiness.
    fn register(&self, fd: &impl AsFd) -> Key {
        let mut reactor = self.driver.borrow_mut();
        reactor
            .register(fd.as_fd(), Readiness::NONE)
            .expect("registered")
    }

    /// Registers a TCP connection, whose short counts prove that a call would block.
    fn register_tcp(&self, stream: &TcpStream) -> Key {
        let mut reactor = self.driver.borrow_mut();
        reactor
            .register(stream.as_fd(), Readiness::SHORT_COUNTS)
            .expect("registered")
    }

    /// Waits once as the event loop does: collects wakers, releases the reactor, wakes.
    fn turn(&self, timeout: Duration) -> usize {
        let mut woken = Vec::new();
        self.driver.borrow_mut().begin_lap();
        let events = self
            .driver
            .borrow_mut()
            .wait(Some(timeout), &mut woken)
            .expect("waited");
        woken.into_iter().for_each(Waker::wake);
        events
    }

    /// Processes all events so far.
    fn catch_up(&self) {
        while self.turn(Duration::ZERO) > 0 {}
    }

    /// Returns `true` if a call would be made.
    fn is_ready(&self, key: Key, direction: Direction) -> bool {
        self.interest(key, direction) == Interest::Ready
    }

    /// Returns the interest of a task that does not wait.
    fn interest(&self, key: Key, direction: Direction) -> Interest {
        self.driver
            .borrow()
            .interest(Side { key, direction }, Waker::noop())
    }

    /// Waits until a direction is ready.
    fn until_ready(&self, key: Key, direction: Direction) {
        while !self.is_ready(key, direction) {
            assert!(self.turn(LONG) > 0, "nothing came");
        }
    }

    /// Reads with `poll_io`. Returns the outcome and the number of system calls.
    fn read(
        &self,
        key: Key,
        mut from: impl Read,
        size: usize,
        waker: &Waker,
    ) -> (Poll<io::Result<usize>>, usize) {
        let (mut calls, mut buffer) = (0, vec![0; size]);
        let result = poll_io(
            &self.driver,
            Side {
                key,
                direction: Reading,
            },
            waker,
            || {
                calls += 1;
                from.read(&mut buffer).map(|count| Done::bytes(count, size))
            },
        );
        (result, calls)
    }

    /// Writes with `poll_io`. Returns the outcome and the number of system calls.
    fn write(
        &self,
        key: Key,
        mut to: impl Write,
        bytes: &[u8],
        waker: &Waker,
    ) -> (Poll<io::Result<usize>>, usize) {
        let mut calls = 0;
        let result = poll_io(
            &self.driver,
            Side {
                key,
                direction: Writing,
            },
            waker,
            || {
                calls += 1;
                to.write(bytes).map(|count| Done::bytes(count, bytes.len()))
            },
        );
        (result, calls)
    }

    /// Reads to the end, and waits where needed.
    fn read_all(&self, key: Key, mut from: impl Read, size: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let mut buffer = vec![0; size];
        loop {
            let result = poll_io(
                &self.driver,
                Side {
                    key,
                    direction: Reading,
                },
                Waker::noop(),
                || from.read(&mut buffer).map(|count| Done::bytes(count, size)),
            );
            match result {
                Poll::Ready(Ok(0)) => return all,
                Poll::Ready(Ok(count)) => all.extend(&buffer[..count]),
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => assert!(self.turn(LONG) > 0, "the end was slept over"),
            }
        }
    }
}

/// Returns the output of a poll that must be ready.
fn ready<T>(result: (Poll<T>, usize)) -> T {
    match result.0 {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("pending"),
    }
}

/// Two connected, non-blocking Unix streams.
fn unix_pair() -> (UnixStream, UnixStream) {
    let pair = UnixStream::pair().expect("a pair");
    pair.0.set_nonblocking(true).expect("non-blocking");
    pair.1.set_nonblocking(true).expect("non-blocking");
    pair
}

/// Two connected TCP streams; the first is non-blocking.
fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let peer = TcpStream::connect(address).expect("connected");
    let (own, _) = listener.accept().expect("accepted");
    own.set_nonblocking(true).expect("non-blocking");
    (own, peer)
}

/// Writes until the buffers are full and the write is parked. Returns the number of bytes.
fn fill(world: &World, key: Key, to: &impl AsFd, waker: &Waker) -> usize {
    let socket = socket2::SockRef::from(to);
    let (block, mut sum) = (vec![7; 100_000], 0);
    loop {
        match world.write(key, &*socket, &block, waker).0 {
            Poll::Ready(count) => sum += count.expect("written"),
            Poll::Pending => return sum,
        }
    }
}
