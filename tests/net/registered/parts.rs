//! Real parts of the system.

use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use futures::io::{AsyncReadExt, AsyncWriteExt};
use rustix::fs::inotify;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use wheelhouse::net::{Direction, Registered};
use wheelhouse::{gather, spawn, timeout, yield_now};

use super::{read_some, write_some};
use crate::bounded;
use crate::unix::Folder;

#[test]
fn inotify_reports_the_files_that_appear_in_a_directory() {
    let folder = Folder::new();
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).expect("an inotify descriptor");
    let events = inotify::WatchFlags::CLOSE_WRITE;
    inotify::add_watch(&watch, folder.path(""), events).expect("a watch");
    let files = ["one", "two", "three"].map(|name| folder.path(name));
    let names = bounded(async {
        let watch = Registered::new(watch).expect("registered");
        let writing = spawn(async move {
            for file in files {
                yield_now().await;
                fs::write(file, "text").expect("a new file");
            }
        });
        let mut names = Vec::new();
        while names.len() < 3 {
            watch.readable().await.expect("an event");
            let mut space = [MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(&watch, &mut space);
            // The reader's own reads: the registration sees none of them.
            while let Ok(event) = reader.next() {
                let name = event.file_name().expect("events of a directory have one");
                names.push(name.to_str().expect("a text").to_owned());
            }
        }
        writing.await.expect("no panic");
        names
    });
    assert_eq!(names, ["one", "two", "three"]);
}

/// A timerfd that expires once after `first`, and then after each `period`.
fn timer(first: Duration, period: Duration) -> OwnedFd {
    let timespec = |time: Duration| Timespec::try_from(time).expect("a short time");
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC);
    let timer = timer.expect("a timerfd");
    let times = Itimerspec {
        it_interval: timespec(period),
        it_value: timespec(first),
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times).expect("times");
    timer
}

#[test]
fn a_timerfd_is_readable_at_each_expiration() {
    let millisecond = Duration::from_millis(1);
    bounded(async {
        let start = Instant::now();
        let timer = Registered::new(timer(millisecond, millisecond)).expect("registered");
        let mut expirations = 0;
        while expirations < 5 {
            let count = read_some(&timer).await.expect("a count");
            expirations += u64::from_ne_bytes(count.try_into().expect("eight bytes"));
        }
        assert!(start.elapsed() >= 5 * millisecond);
    });
}

#[test]
fn a_terminal_and_its_other_end_exchange_lines() {
    bounded(async {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let controller = openpt(flags).expect("a pseudoterminal");
        grantpt(&controller).expect("permission");
        unlockpt(&controller).expect("unlocked");
        let name = ptsname(&controller, Vec::new()).expect("its name");
        let name = name.to_str().expect("a path");
        let terminal = File::options().read(true).write(true).open(name);
        let mut terminal = Registered::new(terminal.expect("it opens")).expect("registered");
        let mut controller = Registered::new(File::from(controller)).expect("registered");

        controller.write_all(b"ping\n").await.expect("it is open");
        let mut line = [0; 5];
        terminal.read_exact(&mut line).await.expect("a line");
        assert_eq!(&line, b"ping\n");
        // A terminal echoes, and ends lines in two characters.
        let mut echo = [0; 6];
        controller.read_exact(&mut echo).await.expect("the echo");
        assert_eq!(&echo, b"ping\r\n");

        terminal.write_all(b"pong").await.expect("it is open");
        let mut answer = [0; 4];
        controller.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"pong");
        drop(terminal);
        // The end of a terminal is an error.
        let end = controller.read(&mut answer).await.expect_err("an end");
        assert_eq!(
            end.raw_os_error(),
            Some(rustix::io::Errno::IO.raw_os_error())
        );
    });
}

/// Two connected SEQPACKET sockets.
fn seqpacket() -> (Registered<OwnedFd>, Registered<OwnedFd>) {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let pair = rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None);
    let (one, other) = pair.expect("two sockets");
    let register = |fd| Registered::new(fd).expect("registered");
    (register(one), register(other))
}

#[test]
fn packets_of_a_seqpacket_socket_stay_apart_and_a_full_queue_waits() {
    bounded(async {
        let (one, other) = seqpacket();
        let sending = spawn(async move {
            for number in 0_u32..5_000 {
                let packet = number.to_ne_bytes();
                let send = |fd: &_| Ok(rustix::net::send(fd, &packet, SendFlags::NOSIGNAL)?);
                one.async_io(Direction::Write, send).await?;
            }
            std::io::Result::Ok(())
        });
        for number in 0_u32..5_000 {
            let mut packet = [0; 16];
            let receive = |fd: &_| Ok(rustix::net::recv(fd, &mut packet, RecvFlags::empty())?.1);
            let length = other.async_io(Direction::Read, receive).await;
            let length = length.expect("a packet");
            assert_eq!(packet[..length], number.to_ne_bytes());
        }
        sending.await.expect("no panic").expect("all are sent");
        // The sender has gone.
        assert_eq!(read_some(&other).await.expect("the end"), b"");
    });
}

#[test]
fn a_blocking_descriptor_keeps_its_mode_and_is_waited_for() {
    bounded(async {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let reader = Registered::new_keeping_mode(reader).expect("registered");
        let flags = rustix::fs::fcntl_getfl(&reader).expect("flags");
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
        let short = Duration::from_millis(5);
        timeout(short, reader.readable())
            .await
            .expect_err("nothing is there");
        let writer = Registered::new(writer).expect("registered");
        assert_eq!(write_some(&writer, b"ab").await.expect("space"), 2);
        for byte in [b'a', b'b'] {
            reader.readable().await.expect("a byte");
            let mut got = [0];
            assert_eq!(rustix::io::read(&reader, &mut got), Ok(1));
            assert_eq!(got, [byte]);
        }
        timeout(short, reader.readable())
            .await
            .expect_err("all is read");
    });
}

#[test]
fn a_descriptor_of_epoll_is_one_like_any_other() {
    use rustix::event::epoll;
    bounded(async {
        let inner = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let data = epoll::EventData::new_u64(7);
        epoll::add(&inner, &reader, data, epoll::EventFlags::IN).expect("added");
        let inner = Registered::new(inner).expect("registered");
        for byte in [b'a', b'b', b'c'] {
            let (ready, written) = gather((inner.readable(), async {
                yield_now().await;
                rustix::io::write(&writer, &[byte])
            }))
            .await;
            ready.expect("the inner one has an event");
            written.expect("space");
            let mut got = [0];
            assert_eq!(rustix::io::read(&reader, &mut got), Ok(1));
            assert_eq!(got, [byte]);
        }
    });
}
