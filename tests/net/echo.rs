//! Echo with many bytes and with many connections.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::{spawn, yield_now};

use super::{ANY, bounded, echo, pair};

/// Serves `count` connections at the same time, until they have ended.
async fn serve(listener: TcpListener, count: usize) -> u64 {
    let mut tasks = Vec::new();
    for _ in 0..count {
        let (stream, _) = listener.accept().await.expect("a connection");
        tasks.push(spawn(echo(stream)));
    }
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await.expect("no panic").expect("no error");
    }
    bytes
}

/// Sends a line and checks the answer, `rounds` times.
async fn ask(stream: &mut TcpStream, name: usize, rounds: usize) {
    for round in 0..rounds {
        let question = format!("{name:06} asks {round:06}");
        stream.write_all(question.as_bytes()).await.expect("sent");
        let mut answer = vec![0; question.len()];
        stream.read_exact(&mut answer).await.expect("answered");
        assert_eq!(answer, question.as_bytes());
    }
}

/// Connects, waits until all `count` clients are connected, and then sends.
async fn talk(address: SocketAddr, name: usize, connected: Rc<Cell<usize>>, count: usize) {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    connected.set(connected.get() + 1);
    while connected.get() < count {
        // Other clients connect meanwhile.
        wheelhouse::sleep(std::time::Duration::from_millis(5)).await;
    }
    ask(&mut stream, name, 3).await;
}

#[test]
fn one_connection_receives_what_it_sent() {
    bounded(async {
        let (mut client, server) = pair().await;
        let server = spawn(echo(server));
        ask(&mut client, 0, 1000).await;
        drop(client);
        assert_eq!(server.await.unwrap().unwrap(), 1000 * 18);
    });
}

#[test]
fn two_thousand_connections_at_once_receive_what_they_sent() {
    const COUNT: usize = 2000;
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, most).expect("the limit may be raised to its maximum");
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(serve(listener, COUNT));
        let connected = Rc::new(Cell::new(0));
        let clients: Vec<_> = (0..COUNT)
            .map(|name| spawn(talk(address, name, Rc::clone(&connected), COUNT)))
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        assert_eq!(server.await.unwrap(), COUNT as u64 * 3 * 18);
    });
}

#[test]
fn megabytes_pass_in_both_directions_at_once_through_full_buffers() {
    const SIZE: usize = 8 << 20;
    bounded(async {
        let (mut client, server) = pair().await;
        let server = spawn(echo(server));
        let sent: Rc<Vec<u8>> = Rc::new((0..SIZE).map(|at| (at / 131) as u8).collect());
        let (mut reader, mut writer) = client.split_mut();
        let write = async {
            writer.write_all(&sent).await.expect("written");
            writer.close().await.expect("closed");
        };
        let mut got = Vec::new();
        let (_, read) = futures::join!(write, reader.read_to_end(&mut got));
        assert_eq!(read.expect("read"), SIZE);
        assert!(got == *sent, "the bytes came back as they were");
        assert_eq!(server.await.unwrap().unwrap(), SIZE as u64);
    });
}

#[test]
fn several_tasks_accept_from_one_listener() {
    bounded(async {
        let listener = Rc::new(TcpListener::bind(ANY).await.unwrap());
        let address = listener.local_addr().unwrap();
        let accepting: Vec<_> = (0..5)
            .map(|_| {
                let listener = Rc::clone(&listener);
                spawn(async move { listener.accept().await.expect("a connection").1 })
            })
            .collect();
        yield_now().await;
        let mut clients = Vec::new();
        for _ in 0..5 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        let mut peers = Vec::new();
        for task in accepting {
            peers.push(task.await.unwrap());
        }
        let mut expected: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
        peers.sort_unstable();
        expected.sort_unstable();
        assert_eq!(peers, expected);
    });
}
