//! TCP echo with the client in another process: CPU time of the server per request. `bare` is an
//! epoll loop without a runtime. `syscalls.sh` runs each server under `strace -c`.

mod common;

use common::client::{Client, REQUEST};
use common::cpu::{self, micros};
use common::program::{self, Figure, Order, figure};
use common::{PEERS, Peer, bare, for_the_peer, work};
use std::env;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The number of requests of a case.
const REQUESTS: usize = 200_000;

/// Returns the rounds of a case and their number of requests.
fn rounds(order: &Order, connections: usize) -> usize {
    let share = if order.smoke { 1000 } else { 1 };
    (REQUESTS / share / connections.max(5)).max(1)
}

/// Starts the client.
fn client(server: SocketAddr, connections: usize, rounds: usize) -> Child {
    let this = env::current_exe().expect("the program has a path");
    let words = [
        server.to_string(),
        connections.to_string(),
        rounds.to_string(),
    ];
    let mut command = Command::new(this);
    command.arg("--client").args(words).stdout(Stdio::null());
    command.spawn().expect("the client starts")
}

/// The program of the client process.
fn play(words: &[String]) {
    let [server, connections, rounds] = words else {
        panic!("--client takes an address, connections and rounds");
    };
    let server = server.parse().expect("an address");
    let mut client =
        Client::connect(server, connections.parse().expect("a number")).expect("it listens");
    client
        .play(rounds.parse().expect("a number"))
        .expect("it answers");
}

/// Serves one client on a runtime, and returns the CPU time and the number of bytes.
fn serve<P: Peer>(connections: usize, rounds: usize) -> (Duration, usize, Child) {
    let peer = P::new();
    peer.block_on(async {
        let (listener, address) = P::listen().await.expect("a free port");
        let client = client(address, connections, rounds);
        let began = cpu::of_process();
        let bytes = work::echo_all(&peer, &listener, connections).await;
        (cpu::of_process() - began, bytes, client)
    })
}

/// Serves one client with the bare loop, and returns the same.
fn serve_bare(connections: usize, rounds: usize) -> (Duration, usize, Child) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let client = client(address, connections, rounds);
    let began = cpu::of_process();
    let bytes = bare::echo_all(&listener, connections).expect("the system behaves");
    (cpu::of_process() - began, bytes, client)
}

fn measure(order: &Order) -> Vec<Figure> {
    let connections = order
        .case
        .parse()
        .expect("a case is a number of connections");
    let rounds = rounds(order, connections);
    let (used, bytes, mut client) = match order.peer.as_str() {
        "bare" => serve_bare(connections, rounds),
        name => for_the_peer!(name, serve(connections, rounds)),
    };
    assert!(client.wait().expect("the client ends").success());
    let requests = connections * (rounds + 1);
    assert_eq!(bytes, requests * REQUEST);
    let workload = format!("echo_{connections}");
    vec![figure(&workload, "cpu_us", micros(used) / requests as f64)]
}

fn main() {
    cpu::raise_file_limit();
    if env::args().any(|argument| argument == "--client") {
        return play(&program::filters());
    }
    let peers = [PEERS, &["bare"]].concat();
    program::main("echo_cpu", &peers, &["1", "100", "1000"], measure);
}
