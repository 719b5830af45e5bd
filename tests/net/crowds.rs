//! Any number of tasks may wait for one socket, and cost no time while they wait.
//!
//! What went wrong: with more than 32 waiters each new one woke the oldest, which came back and
//! woke the next, so an idle event loop was busy.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use wheelhouse::{JoinHandle, gather, sleep, spawn, timeout, yield_now};

use super::unix::Folder;
use super::{ANY, bounded, pair};

/// The number of waiting tasks.
const CROWD: usize = 300;

/// Counts the polls of a future in `polls`.
async fn counted<F: Future>(polls: Rc<Cell<usize>>, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

/// Makes a crowd of tasks wait, and fails unless they come to rest after a few polls each. Returns
/// the tasks.
async fn crowd<F>(wait: impl Fn() -> F) -> Vec<JoinHandle<F::Output>>
where
    F: Future<Output: 'static> + 'static,
{
    let polls = Rc::new(Cell::new(0));
    let tasks = (0..CROWD).map(|_| spawn(counted(Rc::clone(&polls), wait())));
    let tasks = tasks.collect();
    comes_to_rest(&polls).await;
    tasks
}

/// Fails unless each task is polled at most a few times, and then no more.
async fn comes_to_rest(polls: &Cell<usize>) {
    let mut before = usize::MAX;
    while polls.get() != before {
        before = polls.get();
        assert!(before <= 3 * CROWD, "{before} polls");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(before >= CROWD, "{before} polls");
    sleep(Duration::from_millis(20)).await;
    assert_eq!(polls.get(), before, "an idle loop polls no task");
}

/// Fails unless every task succeeds.
async fn all_end<T>(tasks: Vec<JoinHandle<std::io::Result<T>>>) {
    for ended in gather(tasks).await {
        ended.expect("no panic").expect("what it waited for came");
    }
}

#[test]
fn a_crowd_waits_in_the_accept_of_one_listener() {
    bounded(async {
        let listener = Rc::new(TcpListener::bind(ANY).await.unwrap());
        let address = listener.local_addr().unwrap();
        let tasks = crowd(|| {
            let listener = Rc::clone(&listener);
            async move { listener.accept().await.map(drop) }
        });
        let tasks = tasks.await;
        for _ in 0..CROWD {
            TcpStream::connect(address).await.unwrap();
        }
        all_end(tasks).await;
    });
}

#[test]
fn a_crowd_waits_in_the_accept_of_one_unix_listener() {
    let folder = Folder::new();
    let path = folder.path("socket");
    bounded(async {
        let listener = Rc::new(UnixListener::bind(&path).unwrap());
        let tasks = crowd(|| {
            let listener = Rc::clone(&listener);
            async move { listener.accept().await.map(drop) }
        });
        let tasks = tasks.await;
        for _ in 0..CROWD {
            UnixStream::connect(&path).await.unwrap();
        }
        all_end(tasks).await;
    });
}

#[test]
fn a_crowd_waits_for_the_datagrams_of_one_socket() {
    bounded(async {
        let socket = Rc::new(UdpSocket::bind(ANY).await.unwrap());
        let address = socket.local_addr().unwrap();
        let tasks = crowd(|| {
            let socket = Rc::clone(&socket);
            async move { socket.recv_from(&mut [0; 8]).await.map(drop) }
        });
        let tasks = tasks.await;
        let sender = UdpSocket::bind(ANY).await.unwrap();
        for number in 0..CROWD {
            // One after the other, because datagrams that do not fit into the queue are lost.
            sender.send_to(b"x", address).await.unwrap();
            while tasks.iter().filter(|task| task.is_finished()).count() <= number {
                sleep(Duration::from_micros(50)).await;
            }
        }
        all_end(tasks).await;
    });
}

#[test]
fn a_crowd_waits_for_the_datagrams_of_one_unix_socket() {
    bounded(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let other = Rc::new(other);
        let tasks = crowd(|| {
            let other = Rc::clone(&other);
            async move { other.recv(&mut [0; 8]).await.map(drop) }
        });
        let tasks = tasks.await;
        for _ in 0..CROWD {
            one.send(b"x").await.unwrap();
        }
        all_end(tasks).await;
    });
}

#[test]
fn a_crowd_reads_one_stream_through_references() {
    bounded(async {
        let (client, mut server) = pair().await;
        let client = Rc::new(client);
        let tasks = crowd(|| {
            let client = Rc::clone(&client);
            async move { (&*client).read(&mut [0]).await }
        });
        let tasks = tasks.await;
        server.write_all(&[0; CROWD]).await.unwrap();
        all_end(tasks).await;
    });
}

#[test]
fn a_crowd_writes_to_one_stream_that_is_full() {
    bounded(async {
        let (one, mut other) = UnixStream::pair().unwrap();
        let one = Rc::new(one);
        let full = timeout(Duration::ZERO, (&*one).write_all(&[0; 10 << 20])).await;
        assert!(full.is_err());
        let tasks = crowd(|| {
            let one = Rc::clone(&one);
            async move { (&*one).write_all(b"x").await }
        });
        let tasks = tasks.await;
        let reading =
            spawn(async move { futures::io::copy(&mut other, &mut futures::io::sink()).await });
        all_end(tasks).await;
        drop(one);
        reading.await.unwrap().unwrap();
    });
}

#[test]
fn a_crowd_waits_in_one_task() {
    bounded(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let polls = Rc::new(Cell::new(0));
        let receives = (0..CROWD).map(|_| {
            let (other, polls) = (&other, Rc::clone(&polls));
            counted(polls, async move { other.recv(&mut [0; 8]).await })
        });
        let watch = async {
            yield_now().await;
            comes_to_rest(&polls).await;
            for _ in 0..CROWD {
                one.send(b"x").await.unwrap();
            }
        };
        let (received, ()) = gather((gather(receives.collect::<Vec<_>>()), watch)).await;
        assert!(received.iter().all(Result::is_ok));
    });
}
