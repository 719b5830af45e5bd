//! The sockets of `floor`: one edge-triggered epoll registration each, with the readiness stored.

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

thread_local! {
    /// The sockets of this thread.
    static SOCKETS: Sockets = Sockets::new().expect("epoll works");
}

/// Processes events. If the executor is idle, waits for at most `next`, or forever without it.
pub(super) fn turn(idle: bool, next: Option<Duration>) {
    SOCKETS.with(|sockets| {
        if idle {
            sockets.turn(next);
        } else if !sockets.is_empty() {
            sockets.turn(Some(Duration::ZERO));
        }
    });
}

/// One registered socket.
#[derive(Default)]
struct Source {
    /// Whether a read may succeed.
    readable: Cell<bool>,
    /// Whether the peer has closed or broken the stream.
    closed: Cell<bool>,
    /// The waker of a waiting read.
    reader: Cell<Option<Waker>>,
    /// The waker of a waiting write.
    writer: Cell<Option<Waker>>,
}

/// The registered sockets.
struct Sockets {
    /// The epoll instance.
    poller: OwnedFd,
    /// The sockets by number.
    sources: RefCell<Vec<Option<Rc<Source>>>>,
    /// Numbers without a socket.
    free: RefCell<Vec<usize>>,
    /// The buffer of events.
    events: RefCell<Vec<Event>>,
}

impl Sockets {
    /// No sockets.
    fn new() -> io::Result<Self> {
        Ok(Self {
            poller: epoll::create(CreateFlags::CLOEXEC)?,
            sources: RefCell::default(),
            free: RefCell::default(),
            events: RefCell::new(Vec::with_capacity(1024)),
        })
    }

    /// Registers a socket for good, edge-triggered.
    fn add(&self, socket: impl AsFd) -> io::Result<(usize, Rc<Source>)> {
        let mut sources = self.sources.borrow_mut();
        let index = self.free.borrow_mut().pop().unwrap_or(sources.len());
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(
            &self.poller,
            socket,
            EventData::new_u64(index as u64),
            flags,
        )?;
        let source = Rc::new(Source::default());
        if index == sources.len() {
            sources.push(None);
        }
        sources[index] = Some(Rc::clone(&source));
        Ok((index, source))
    }

    /// Forgets a socket.
    fn remove(&self, index: usize) {
        let source = self.sources.borrow_mut()[index].take();
        self.free.borrow_mut().push(index);
        drop(source);
    }

    /// Whether nothing is registered.
    fn is_empty(&self) -> bool {
        self.sources.borrow().len() == self.free.borrow().len()
    }

    /// Processes events, and waits for at most `wait`; `None` waits forever.
    fn turn(&self, wait: Option<Duration>) {
        let zero = Timespec::default();
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            let limit = Timespec::try_from(wait).expect("short enough");
            let mut fds = [PollFd::new(&self.poller, PollFlags::IN)];
            poll(&mut fds, Some(&limit)).expect("poll works");
        }
        let mut events = self.events.borrow_mut();
        events.clear();
        let room = rustix::buffer::spare_capacity(&mut *events);
        epoll::wait(&self.poller, room, wait.and(Some(&zero))).expect("epoll works");
        for event in &*events {
            self.dispatch(event);
        }
    }

    /// Stores the readiness of an event, and wakes the waiting tasks.
    fn dispatch(&self, event: &Event) {
        let (data, flags) = (event.data, event.flags);
        let index = data.u64() as usize;
        let Some(source) = self.sources.borrow()[index].clone() else {
            return;
        };
        let ended = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        if ended {
            source.closed.set(true);
        }
        if ended || flags.contains(EventFlags::IN) {
            source.readable.set(true);
            source.reader.take().into_iter().for_each(Waker::wake);
        }
        if flags.contains(EventFlags::OUT) {
            source.writer.take().into_iter().for_each(Waker::wake);
        }
    }
}

/// A registered socket, which is removed when it is dropped.
pub(crate) struct Socket<S> {
    /// The socket.
    inner: S,
    /// Its readiness.
    source: Rc<Source>,
    /// Its number.
    index: usize,
}

impl<S: AsFd> Socket<S> {
    /// Registers a socket that does not block.
    fn new(inner: S) -> io::Result<Self> {
        let (index, source) = SOCKETS.with(|sockets| sockets.add(&inner))?;
        Ok(Self {
            inner,
            source,
            index,
        })
    }

    /// Runs `attempt` as soon as the socket is readable.
    fn readable<T>(
        &self,
        cx: &mut Context<'_>,
        attempt: impl FnOnce(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if self.source.readable.get() {
            match attempt(&self.inner) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            self.source.readable.set(self.source.closed.get());
        }
        self.source.reader.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl<S> Drop for Socket<S> {
    fn drop(&mut self) {
        let removed = SOCKETS.try_with(|sockets| sockets.remove(self.index));
        removed.ok(); // An error says that the thread ends and epoll is closed.
    }
}

impl Socket<TcpListener> {
    /// Listens on a free loopback port.
    pub(super) fn listen() -> io::Result<(Self, std::net::SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((Self::new(listener)?, address))
    }

    /// Accepts one connection.
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Socket<TcpStream>>> {
        let accepted = self.readable(cx, TcpListener::accept);
        accepted.map(|accepted| {
            let (stream, _) = accepted?;
            stream.set_nonblocking(true)?;
            Socket::new(stream)
        })
    }
}

impl Socket<TcpStream> {
    /// Reads available bytes. A read that does not fill the buffer has emptied the socket.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let got = self.readable(cx, |mut stream| stream.read(buffer));
        if let Poll::Ready(Ok(got)) = got
            && got < buffer.len()
        {
            self.source.readable.set(self.source.closed.get());
        }
        got
    }

    /// Writes all `bytes`.
    pub(super) fn poll_write_all(
        &self,
        cx: &mut Context<'_>,
        bytes: &mut &[u8],
    ) -> Poll<io::Result<()>> {
        while !bytes.is_empty() {
            match (&self.inner).write(bytes) {
                Ok(sent) => *bytes = &bytes[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.source.writer.set(Some(cx.waker().clone()));
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}
