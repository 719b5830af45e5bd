//! Cancel at every step: what waits for a socket is ended at each of its suspensions, in five ways.
//! The harness, and what it checks in each scene without being asked, is described at
//! `testing::Steps`. Besides bytes it counts file descriptors, so only one test at a time runs.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, Shutdown, TcpListener as StdListener, TcpStream as StdStream};
use std::rc::Rc;
use std::time::Duration;

use crate::alone;
use crate::steps::counting::bytes;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use socket2::SockRef;
use wheelhouse::net::{OwnedReadHalf, ReadHalf, TcpListener, TcpStream};
use wheelhouse::sync::Lock;
use wheelhouse::testing::{Cut, Step, Steps};
use wheelhouse::{JoinHandle, spawn, yield_now};

/// How many descriptors are open.
fn descriptors() -> isize {
    let open = std::fs::read_dir("/proc/self/fd").expect("Linux has this");
    open.count().cast_signed()
}

/// Of the future with this name; bytes and descriptors must not grow.
fn steps_of(name: &'static str) -> Steps {
    let steps = Steps::of(name).real();
    steps
        .meter("bytes", bytes)
        .meter("descriptors", descriptors)
}

/// The two ends of a connection with small buffers, which leaves nothing behind in the system when
/// it closes.
fn pair() -> (TcpStream, TcpStream) {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let small = |socket: SockRef<'_>| {
        socket.set_send_buffer_size(4096)?;
        socket.set_recv_buffer_size(4096)
    };
    small(SockRef::from(&listener)).expect("sizes");
    let client = StdStream::connect(listener.local_addr().expect("an address"));
    let client = client.expect("a connection");
    small(SockRef::from(&client)).expect("sizes");
    let server = listener.accept().expect("a connection").0;
    let wrap = |stream: StdStream| {
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream)?;
        stream.set_linger(Some(Duration::ZERO)).map(|()| stream)
    };
    (wrap(client).expect("ours"), wrap(server).expect("ours"))
}

/// What a scene and its helper tell each other.
#[derive(Debug, Default)]
struct Progress {
    /// How much has arrived in the future under test.
    arrived: Cell<usize>,
    /// Set when that has ended, so that nothing has to be waited for.
    over: Cell<bool>,
}

impl Progress {
    /// Gives way until so much has arrived.
    async fn reaches(&self, count: usize) {
        while self.arrived.get() < count && !self.over.get() {
            yield_now().await;
        }
    }
}

/// Sends the words one by one, each when the one before has arrived, and ends the stream.
fn sends(
    stream: &Rc<TcpStream>,
    words: [&'static [u8]; 4],
    progress: &Rc<Progress>,
) -> JoinHandle<()> {
    let (stream, progress) = (Rc::clone(stream), Rc::clone(progress));
    spawn(async move {
        let mut sent = 0;
        for word in words {
            // Several turns of the loop: the reader is asleep by then.
            for _ in 0..130 {
                yield_now().await;
            }
            (&*stream).write_all(word).await.expect("it is open");
            sent += word.len();
            progress.reaches(sent).await;
        }
        stream.shutdown(Shutdown::Write).expect("it is open");
    })
}

/// Reads at most six bytes, in one way or the other.
async fn read_some(mut stream: &TcpStream, vectored: bool) -> io::Result<Vec<u8>> {
    let (mut first, mut second) = ([0; 2], [0; 4]);
    let count = if vectored {
        let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        stream.read_vectored(&mut parts).await?
    } else {
        stream.read(&mut first).await?
    };
    let bytes = first.iter().chain(&second).take(count);
    Ok(bytes.copied().collect())
}

/// Reads at every step; what the cut reader did not get, the scene does.
async fn reads(step: &Step, vectored: bool) {
    let words: [&[u8]; 4] = [b"a", b"bcd", b"efghi", b"j"];
    let (client, server) = pair();
    let (client, server) = (Rc::new(client), Rc::new(server));
    let progress = Rc::new(Progress::default());
    let got = Rc::new(RefCell::new(Vec::new()));
    let sending = sends(&client, words, &progress);
    let (theirs, bytes, told) = (Rc::clone(&server), Rc::clone(&got), Rc::clone(&progress));
    let cut = step.cut(async move {
        loop {
            let some = read_some(&theirs, vectored).await.expect("it is open");
            if some.is_empty() {
                return;
            }
            bytes.borrow_mut().extend(some);
            told.arrived.set(bytes.borrow().len());
        }
    });
    drop(cut.await);
    progress.over.set(true);
    sending.await.expect("it ends well");
    let mut rest = Vec::new();
    (&*server).read_to_end(&mut rest).await.expect("it is open");
    got.borrow_mut().extend(rest);
    assert_eq!(*got.borrow(), words.concat());
}

#[test]
fn a_read_that_is_cut_off_loses_no_byte() {
    let _alone = alone();
    let most = steps_of("read").run(async |step: &Step| reads(step, false).await);
    assert!(most >= 4, "{most}");
}

#[test]
fn a_vectored_read_that_is_cut_off_loses_no_byte() {
    let _alone = alone();
    let most = steps_of("read_vectored").run(async |step: &Step| reads(step, true).await);
    assert!(most >= 4, "{most}");
}

#[test]
fn a_peek_that_is_cut_off_takes_no_byte() {
    let _alone = alone();
    let most = steps_of("peek").run(async |step: &Step| {
        let (client, server) = pair();
        let (client, server) = (Rc::new(client), Rc::new(server));
        let progress = Rc::new(Progress::default());
        let sending = sends(&client, [b"ab", b"c", b"d", b"e"], &progress);
        let (theirs, told) = (Rc::clone(&server), Rc::clone(&progress));
        let cut = step.cut(async move {
            let mut bytes = [0; 8];
            let count = theirs.peek(&mut bytes).await.expect("it is open");
            told.over.set(true);
            bytes[..count].to_vec()
        });
        assert!(cut.await.ended().is_none_or(|bytes| bytes == b"ab"));
        progress.over.set(true);
        sending.await.expect("it ends well");
        let mut all = Vec::new();
        (&*server).read_to_end(&mut all).await.expect("it is open");
        assert_eq!(all, b"abcde");
    });
    assert_eq!(most, 1);
}

/// Writes at every step. As many bytes arrive as the writes returned.
async fn writes(step: &Step, vectored: bool) {
    let data: Rc<Vec<u8>> = Rc::new((0..30_000_u32).map(|number| number as u8).collect());
    let (client, server) = pair();
    let (client, server) = (Rc::new(client), Rc::new(server));
    let reading = spawn(async move {
        // Several turns of the loop: the writer is asleep by then.
        for _ in 0..130 {
            yield_now().await;
        }
        let mut got = Vec::with_capacity(30_000);
        (&*server).read_to_end(&mut got).await.map(|_| got)
    });
    let told = Rc::new(Cell::new(0));
    let (theirs, source, sent) = (Rc::clone(&client), Rc::clone(&data), Rc::clone(&told));
    let cut = step.cut(async move {
        while sent.get() < source.len() {
            let (first, second) = source[sent.get()..].split_at((source.len() - sent.get()) / 2);
            let count = if vectored {
                let parts = [IoSlice::new(first), IoSlice::new(second)];
                (&*theirs).write_vectored(&parts).await
            } else {
                (&*theirs).write(&source[sent.get()..]).await
            };
            sent.set(sent.get() + count.expect("it is open"));
        }
        (&*theirs).flush().await.expect("it is open");
    });
    drop(cut.await);
    client.shutdown(Shutdown::Write).expect("it is open");
    let got = reading.await.expect("it ends well").expect("it is open");
    assert!(got == data[..told.get()], "{} bytes", got.len());
}

#[test]
fn a_write_that_is_cut_off_has_written_nothing() {
    let _alone = alone();
    let steps = steps_of("write").most(6);
    let most = steps.run(async |step: &Step| writes(step, false).await);
    assert!(most >= 2, "{most}");
}

#[test]
fn a_vectored_write_that_is_cut_off_has_written_nothing() {
    let _alone = alone();
    let steps = steps_of("write_vectored").most(6);
    let most = steps.run(async |step: &Step| writes(step, true).await);
    assert!(most >= 2, "{most}");
}

#[test]
fn flush_and_close_need_no_wait() {
    let _alone = alone();
    let most = steps_of("close").run(async |step: &Step| {
        let (client, mut server) = pair();
        let client = Rc::new(client);
        let theirs = Rc::clone(&client);
        let cut = step.cut(async move {
            (&*theirs).flush().await.expect("it is open");
            (&*theirs).close().await.expect("it is open");
        });
        assert!(matches!(cut.await, Cut::Ended(())));
        let read = server.read(&mut [0]).await;
        assert_eq!(read.expect("it is open"), 0);
    });
    assert_eq!(most, 0);
}

#[test]
fn an_accept_that_is_cut_off_loses_no_connection() {
    let _alone = alone();
    let most = steps_of("accept").run(async |step: &Step| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = Rc::new(listener.expect("a free port"));
        let address = listener.local_addr().expect("an address");
        let progress = Rc::new(Progress::default());
        let (peers, told) = (Rc::new(RefCell::new(Vec::new())), Rc::clone(&progress));
        let connecting = spawn(async move {
            let mut clients = Vec::new();
            for number in 0..3 {
                for _ in 0..130 {
                    yield_now().await;
                }
                clients.push(StdStream::connect(address).expect("a connection"));
                told.reaches(number + 1).await;
            }
            clients
        });
        let (theirs, noted, told) = (
            Rc::clone(&listener),
            Rc::clone(&peers),
            Rc::clone(&progress),
        );
        let accept = async |listener: &TcpListener| {
            let (stream, peer) = listener.accept().await.expect("a connection");
            stream.set_linger(Some(Duration::ZERO)).expect("it is open");
            peer
        };
        let cut = step.cut(async move {
            for number in 0..3 {
                let peer = accept(&theirs).await;
                noted.borrow_mut().push(peer);
                told.arrived.set(number + 1);
            }
        });
        drop(cut.await);
        progress.over.set(true);
        let clients = connecting.await.expect("it ends well");
        while peers.borrow().len() < 3 {
            let peer = accept(&listener).await;
            peers.borrow_mut().push(peer);
        }
        let connected = clients.iter().map(|client| client.local_addr().unwrap());
        assert_eq!(*peers.borrow(), connected.collect::<Vec<_>>());
    });
    assert!(most >= 3, "{most}");
}

#[test]
fn a_connect_that_is_cut_off_closes_its_socket() {
    let _alone = alone();
    let most = steps_of("connect").run(async |step: &Step| {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let before = descriptors();
        let cut = step.cut(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_linger(Some(Duration::ZERO)).map(|()| stream)
        });
        let stream = cut
            .await
            .ended()
            .map(|stream| stream.expect("a connection"));
        let more = isize::from(stream.is_some());
        assert_eq!(descriptors(), before + more);
    });
    assert_eq!(most, 1);
}

#[test]
fn bind_needs_no_wait() {
    let _alone = alone();
    let most = steps_of("bind").run(async |step: &Step| {
        let cut = step.cut(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let bound = cut.await.ended().expect("it is never suspended");
        drop(bound.expect("a free port"));
    });
    assert_eq!(most, 0);
}

/// What an echo has read and written.
type Echoed = Rc<[RefCell<Vec<u8>>; 2]>;

/// Peeks, reads what was seen, and writes it back, until the end of the stream.
async fn echo<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    (read, write): (&mut R, &mut W),
    peek: impl AsyncFn(&R, &mut [u8]) -> io::Result<usize>,
    echoed: &Echoed,
    progress: &Progress,
) {
    let mut bytes = [0; 8];
    loop {
        let seen = peek(read, &mut bytes).await.expect("it is open");
        let count = read.read(&mut bytes[..seen]).await.expect("it is open");
        assert_eq!(count, seen);
        if count == 0 {
            return;
        }
        echoed[0].borrow_mut().extend(&bytes[..count]);
        progress.arrived.set(echoed[0].borrow().len());
        write.write_all(&bytes[..count]).await.expect("it is open");
        echoed[1].borrow_mut().extend(&bytes[..count]);
    }
}

/// Checks an echo that was cut off: what it has not read is there, and what it has written arrives.
async fn check_echo(echoed: &Echoed, mut read: impl AsyncRead + Unpin, client: &TcpStream) {
    let mut all = echoed[0].take();
    read.read_to_end(&mut all).await.expect("it is open");
    assert_eq!(all, b"abcdefghij");
    let (mut back, mut client) = (vec![0; echoed[1].borrow().len()], client);
    client.read_exact(&mut back).await.expect("it was written");
    assert_eq!(back, *echoed[1].borrow());
}

/// The words that are sent to an echo.
const WORDS: [&[u8]; 4] = [b"a", b"bcd", b"efghi", b"j"];

#[test]
fn lent_halves_that_are_cut_off_lose_no_byte() {
    let _alone = alone();
    let most = steps_of("split_mut").run(async |step: &Step| {
        let (client, server) = pair();
        let (client, server) = (Rc::new(client), Rc::new(Lock::new(server)));
        let (echoed, progress) = (Echoed::default(), Rc::new(Progress::default()));
        let sending = sends(&client, WORDS, &progress);
        let (theirs, noted, told) = (Rc::clone(&server), Rc::clone(&echoed), Rc::clone(&progress));
        let cut = step.cut(async move {
            let mut stream = theirs.lock().await;
            let (mut read, mut write) = stream.split_mut();
            let peek = async |read: &ReadHalf<'_>, bytes: &mut [u8]| read.peek(bytes).await;
            echo((&mut read, &mut write), peek, &noted, &told).await;
        });
        drop(cut.await);
        progress.over.set(true);
        sending.await.expect("it ends well");
        let mut server = server.try_lock().expect("nobody has it");
        check_echo(&echoed, &mut *server, &client).await;
    });
    assert!(most >= 4, "{most}");
}

#[test]
fn owned_halves_that_are_cut_off_lose_no_byte() {
    let _alone = alone();
    let most = steps_of("into_split").run(async |step: &Step| {
        let (client, server) = pair();
        let (client, halves) = (Rc::new(client), Rc::new(Lock::new(server.into_split())));
        let (echoed, progress) = (Echoed::default(), Rc::new(Progress::default()));
        let sending = sends(&client, WORDS, &progress);
        let (theirs, noted, told) = (Rc::clone(&halves), Rc::clone(&echoed), Rc::clone(&progress));
        let cut = step.cut(async move {
            let (read, write) = &mut *theirs.lock().await;
            let peek = async |read: &OwnedReadHalf, bytes: &mut [u8]| read.peek(bytes).await;
            echo((read, write), peek, &noted, &told).await;
        });
        drop(cut.await);
        progress.over.set(true);
        sending.await.expect("it ends well");
        let mut halves = halves.try_lock().expect("nobody has them");
        check_echo(&echoed, &mut halves.0, &client).await;
    });
    assert!(most >= 4, "{most}");
}
