//! What waits for the world outside is ended at each of its suspensions, in five ways: datagrams,
//! Unix sockets, threads, files, programs. The harness is `testing::Steps`; here nothing may be
//! lost, said twice, or left open.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{self, SeekFrom};
use std::net::Ipv4Addr;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::installed::installed;
use futures::FutureExt;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use wheelhouse::fs::{self, File, OpenOptions};
use wheelhouse::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use wheelhouse::process::Command;
use wheelhouse::testing::{Step, Steps, net::Network};
use wheelhouse::{JoinHandle, spawn, to_thread, yield_now};

/// Any free port.
const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A unique path.
fn path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("wh-steps-{}-{number}", std::process::id()))
}

/// Lets the event loop check the sockets several times, so that all tasks that wait for one are
/// parked.
async fn some_turns() {
    for _ in 0..130 {
        yield_now().await;
    }
}

/// Does `work` to each number below `count`, with some turns before each.
fn one_by_one<F>(count: u8, work: impl Fn(u8) -> F + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()>,
{
    spawn(async move {
        for number in 0..count {
            some_turns().await;
            work(number).await;
        }
    })
}

/// What has come, in order.
#[derive(Clone, Debug, Default)]
struct Numbers(Rc<RefCell<Vec<u8>>>);

impl Numbers {
    /// One more.
    fn push(&self, number: u8) {
        self.0.borrow_mut().push(number);
    }

    /// How many have come.
    fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Checks that everything below `count` has come, once and in order.
    #[track_caller]
    fn are_all_below(&self, count: u8) {
        assert_eq!(*self.0.borrow(), (0..count).collect::<Vec<_>>());
    }
}

/// Receives the numbers below `COUNT`, one datagram each, with a cut; what the cut receiver did not
/// get, the scene does.
async fn receives<R, F>(step: &Step, receive: R)
where
    R: Fn() -> F + Clone + 'static,
    F: Future<Output = u8>,
{
    let got = Numbers::default();
    let all = move |got: Numbers| async move {
        while got.len() < usize::from(COUNT) {
            got.push(receive().await);
        }
    };
    step.cut(all.clone()(got.clone())).await;
    all(got.clone()).await;
    got.are_all_below(COUNT);
}

/// How many things are sent.
const COUNT: u8 = 3;

#[test]
fn a_datagram_that_a_cut_receiver_did_not_get_is_there_for_the_next() {
    for way in ["recv_from", "recv", "peek_from"] {
        let most = Steps::of(way).real().run(async |step: &Step| {
            let one = Rc::new(UdpSocket::bind(ANY).await.unwrap());
            let other = Rc::new(UdpSocket::bind(ANY).await.unwrap());
            let (here, there) = (one.local_addr().unwrap(), other.local_addr().unwrap());
            one.connect(there).await.unwrap();
            other.connect(here).await.unwrap();
            let sending = one_by_one(COUNT, move |number| {
                let one = Rc::clone(&one);
                async move { assert_eq!(one.send(&[number]).await.unwrap(), 1) }
            });
            receives(step, move || {
                let other = Rc::clone(&other);
                async move {
                    let mut number = [0];
                    match way {
                        "recv_from" => {
                            assert_eq!(other.recv_from(&mut number).await.unwrap().1, here)
                        }
                        "recv" => assert_eq!(other.recv(&mut number).await.unwrap(), 1),
                        _ => {
                            other.peek_from(&mut number).await.unwrap();
                            other.recv(&mut number).now_or_never().unwrap().unwrap();
                        }
                    }
                    number[0]
                }
            })
            .await;
            sending.await.unwrap();
        });
        assert!(most >= usize::from(COUNT), "{way}: {most}");
    }
}

#[test]
fn binding_connecting_and_sending_by_udp_leave_no_doubt() {
    let most = Steps::of("UdpSocket::bind, connect, send_to")
        .real()
        .run(async |step: &Step| {
            let there = Rc::new(UdpSocket::bind(ANY).await.unwrap());
            let target = there.local_addr().unwrap();
            step.cut(async move {
                let one = UdpSocket::bind("localhost:0").await?;
                one.connect(("localhost", target.port())).await?;
                one.send(&[1]).await?;
                let plain = UdpSocket::bind(ANY).await?;
                plain.send_to(&[2], target).await
            })
            .await;
            some_turns().await;
            // What was sent whole is there, and nothing else.
            while let Some(received) = there.recv_from(&mut [0; 2]).now_or_never() {
                assert_eq!(received.unwrap().0, 1);
            }
        });
    // Two names are looked up; a thread that is quick enough has answered before anybody suspends.
    assert!(most >= 1, "{most}");
}

#[test]
fn a_unix_datagram_that_a_cut_receiver_did_not_get_is_there_for_the_next() {
    for named in [false, true] {
        let most = Steps::of("UnixDatagram::recv")
            .real()
            .run(async |step: &Step| {
                let (one, other) = UnixDatagram::pair().unwrap();
                let sending = one_by_one(COUNT, {
                    let one = Rc::new(one);
                    move |number| {
                        let one = Rc::clone(&one);
                        async move { assert_eq!(one.send(&[number]).await.unwrap(), 1) }
                    }
                });
                let other = Rc::new(other);
                receives(step, move || {
                    let other = Rc::clone(&other);
                    async move {
                        let mut number = [0];
                        if named {
                            assert_eq!(other.recv_from(&mut number).await.unwrap().0, 1)
                        } else {
                            assert_eq!(other.recv(&mut number).await.unwrap(), 1)
                        }
                        number[0]
                    }
                })
                .await;
                sending.await.unwrap();
            });
        assert!(most >= usize::from(COUNT), "{most}");
    }
}

/// Sends numbers into a queue that is drained slowly, with a cut; what arrives is what was said to
/// be sent.
async fn sends<S, F>(step: &Step, there: Rc<UnixDatagram>, send: S)
where
    S: Fn(u8) -> F + 'static,
    F: Future<Output = io::Result<usize>>,
{
    let sent = Rc::new(Cell::new(0_u8));
    let (count, mut got) = (Rc::clone(&sent), Vec::new());
    let mut sending = Box::pin(step.cut(async move {
        for number in 0..40 {
            assert_eq!(send(number).await.unwrap(), 1);
            count.set(number + 1);
        }
    }));
    let mut number = [0];
    while futures::poll!(&mut sending).is_pending() {
        some_turns().await;
        if let Some(received) = there.recv(&mut number).now_or_never() {
            received.unwrap();
            got.push(number[0]);
        }
    }
    some_turns().await;
    while let Some(received) = there.recv(&mut number).now_or_never() {
        received.unwrap();
        got.push(number[0]);
    }
    assert_eq!(got, (0..sent.get()).collect::<Vec<_>>());
}

/// Lets the system hold only a few datagrams of this sender, whatever the receiver's queue takes.
fn narrow(socket: UnixDatagram) -> Rc<UnixDatagram> {
    socket2::SockRef::from(&socket)
        .set_send_buffer_size(4096)
        .unwrap();
    Rc::new(socket)
}

#[test]
fn a_unix_datagram_is_sent_whole_or_not_at_all() {
    let most = Steps::of("UnixDatagram::send")
        .real()
        .most(4)
        .run(async |step: &Step| {
            let (one, other) = UnixDatagram::pair().unwrap();
            let one = narrow(one);
            let send = move |number| {
                let one = Rc::clone(&one);
                async move { one.send(&[number]).await }
            };
            sends(step, Rc::new(other), send).await;
        });
    assert_eq!(most, 4);
    let most = Steps::of("UnixDatagram::send_to")
        .real()
        .most(4)
        .run(async |step: &Step| {
            let path = path();
            let other = Rc::new(UnixDatagram::bind(&path).unwrap());
            let (one, to) = (narrow(UnixDatagram::unbound().unwrap()), path.clone());
            let send = move |number| {
                let (one, to) = (Rc::clone(&one), to.clone());
                async move { one.send_to(&[number], to).await }
            };
            sends(step, other, send).await;
            std::fs::remove_file(path).unwrap();
        });
    assert_eq!(most, 4);
}

#[test]
fn a_connection_that_a_cut_accept_did_not_take_is_there_for_the_next() {
    let most = Steps::of("UnixListener::accept, Incoming::next")
        .real()
        .run(async |step: &Step| {
            let path = path();
            let listener = Rc::new(UnixListener::bind(&path).unwrap());
            let to = path.clone();
            let connecting = one_by_one(COUNT, move |_| {
                let to = to.clone();
                async move { drop(UnixStream::connect(to).await.unwrap()) }
            });
            let taken = Rc::new(Cell::new(0));
            let all = |listener: Rc<UnixListener>, taken: Rc<Cell<u8>>| async move {
                while taken.get() < COUNT {
                    match taken.get() {
                        1 => drop(listener.incoming().next().await.unwrap().unwrap()),
                        _ => drop(listener.accept().await.unwrap()),
                    }
                    taken.set(taken.get() + 1);
                }
            };
            step.cut(all(Rc::clone(&listener), Rc::clone(&taken))).await;
            all(Rc::clone(&listener), taken).await;
            connecting.await.unwrap();
            some_turns().await;
            assert!(
                listener.accept().now_or_never().is_none(),
                "no more than were made"
            );
            std::fs::remove_file(path).unwrap();
        });
    assert!(most >= usize::from(COUNT), "{most}");
}

#[test]
fn a_cut_connect_to_a_full_queue_leaves_no_connection() {
    for by_address in [false, true] {
        let most = Steps::of("UnixStream::connect")
            .real()
            .most(3)
            .run(async |step: &Step| {
                let path = path();
                let socket =
                    socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
                let socket = socket.unwrap();
                socket
                    .bind(&socket2::SockAddr::unix(&path).unwrap())
                    .unwrap();
                socket.listen(0).unwrap();
                let listener = UnixListener::from_std(socket.into()).unwrap();
                let _first = UnixStream::connect(&path).await.unwrap();
                let to = path.clone();
                let cut = step.cut(async move {
                    if by_address {
                        UnixStream::connect_addr(&SocketAddr::from_pathname(to)?).await
                    } else {
                        UnixStream::connect(to).await
                    }
                });
                cut.await;
                drop(listener.accept().await.unwrap());
                some_turns().await;
                assert!(listener.accept().now_or_never().is_none());
                std::fs::remove_file(path).unwrap();
            });
        assert_eq!(most, 3);
    }
}

#[test]
fn a_cut_connect_by_a_prepared_socket_closes_it() {
    let most = Steps::of("TcpSocket::connect")
        .real()
        .run(async |step: &Step| {
            let listener = TcpListener::bind(ANY).await.unwrap();
            let to = listener.local_addr().unwrap();
            step.cut(async move { TcpSocket::new(to)?.connect(to).await.map(drop) })
                .await;
            let (mut served, _) = listener.accept().await.unwrap();
            // Closed or reset: it ends.
            drop(served.read(&mut [0]).await);
        });
    assert_eq!(most, 1);
}

#[test]
fn a_cut_call_to_a_thread_returns_nothing_or_its_value() {
    let most = Steps::of("to_thread").real().run(async |step: &Step| {
        let called = std::sync::Arc::new(AtomicU32::new(0));
        let calls = std::sync::Arc::clone(&called);
        step.cut(async move {
            to_thread(move || calls.fetch_add(1, Ordering::Relaxed)).await;
        })
        .await;
        assert!(called.load(Ordering::Relaxed) <= 1);
    });
    assert_eq!(most, 1);
}

#[test]
fn a_cut_wait_for_a_program_can_be_asked_again() {
    let most = Steps::of("Child::wait").real().run(async |step: &Step| {
        let mut child = Command::new(installed("cat"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let child = Rc::new(RefCell::new(child));
        let theirs = Rc::clone(&child);
        let ending = spawn(async move {
            some_turns().await;
            drop(stdin);
        });
        #[expect(
            clippy::await_holding_refcell_ref,
            reason = "nobody else looks before it is cut"
        )]
        let wait = async move { theirs.borrow_mut().wait().await.unwrap() };
        step.cut(wait).await;
        let mut child = Rc::into_inner(child)
            .expect("the cut future is gone")
            .into_inner();
        assert!(child.wait().await.unwrap().success());
        ending.await.unwrap();
    });
    assert_eq!(most, 1);
}

#[test]
fn a_cut_run_of_a_program_leaves_nothing_that_others_wait_for() {
    let most = Steps::of("Command::output, status, wait_with_output")
        .real()
        .run(async |step: &Step| {
            step.cut(async {
                let mut echo = Command::new(installed("echo"));
                assert_eq!(echo.arg("x").output().await?.stdout, b"x\n");
                assert!(Command::new(installed("true")).status().await?.success());
                let child = Command::new(installed("echo"))
                    .stdout(Stdio::piped())
                    .spawn()?;
                assert_eq!(child.wait_with_output().await?.stdout, b"\n");
                io::Result::Ok(())
            })
            .await;
        });
    assert!(most >= 3, "{most}");
}

#[test]
fn a_cut_use_of_a_file_has_done_a_part_of_it_in_order() {
    // A call that had begun may make a file after its test looked: so they are in a folder, which
    // goes at the end.
    let folder = path();
    std::fs::create_dir(&folder).unwrap();
    let file = || folder.join(path().file_name().unwrap());
    let most = Steps::of("File").real().run(async |step: &Step| {
        let path = file();
        let here = path.clone();
        step.cut(async move {
            let mut file = File::create(&here).await?;
            file.write_all(b"abc").await?;
            file.write_all(b"def").await?;
            file.sync_data().await?;
            file.sync_all().await?;
            file.set_len(5).await?;
            let permissions = file.metadata().await?.permissions();
            file.set_permissions(permissions).await?;
            drop(file.into_std().await?);
            let mut again = File::open(&here).await?;
            again.seek(SeekFrom::Start(1)).await?;
            let mut rest = String::new();
            again.read_to_string(&mut rest).await?;
            assert_eq!(rest, "bcde");
            let mut options = OpenOptions::new();
            drop(options.append(true).open(&here).await?);
            fs::write(&here, "new").await
        })
        .await;
        // A call that had begun is made to its end, so what is there may still change: to the next
        // state, and to no other.
        let states: [&[u8]; 6] = [b"", b"abc", b"abcdef", b"abcde", b"new", b"ne"];
        if let Ok(bytes) = fs::read(&path).await {
            assert!(
                states.contains(&&*bytes),
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    });
    std::fs::remove_dir_all(folder).unwrap();
    // A thread that is quick enough has done its part before anybody suspends.
    assert!(most >= 5, "{most}");
}

#[test]
fn a_cut_peek_at_halves_of_a_stream_takes_nothing_also_in_a_simulated_network() {
    let most = Steps::of("peek").run(async |step: &Step| {
        let network = Network::new();
        let listener = network.host("server").listen(80).unwrap();
        let client = network.host("client");
        let connecting = spawn(async move { client.connect("server:80").await.unwrap() });
        let (served, _) = listener.accept().await.unwrap();
        let client = Rc::new(connecting.await.unwrap());
        let sending = one_by_one(1, move |_| {
            let client = Rc::clone(&client);
            async move { (&*client).write_all(b"x").await.unwrap() }
        });
        let served = Rc::new(served);
        let theirs = Rc::clone(&served);
        step.cut(async move { theirs.peek(&mut [0]).await.unwrap() })
            .await;
        let mut got = [0];
        (&*served).read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"x");
        sending.await.unwrap();
    });
    assert!(most >= 1, "{most}");
}

#[test]
fn a_cut_connect_of_a_stream_of_tcp_by_name_leaves_none() {
    let most = Steps::of("TcpStream::connect, by name")
        .real()
        .run(async |step: &Step| {
            let listener = TcpListener::bind(ANY).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            step.cut(async move { TcpStream::connect(("localhost", port)).await.map(drop) })
                .await;
            some_turns().await;
            while let Some(accepted) = listener.accept().now_or_never() {
                drop(accepted.unwrap().0.read(&mut [0]).await);
            }
        });
    assert!(most >= 1, "{most}");
}
