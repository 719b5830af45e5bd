//! The example `multicore_echo`: many connections over several threads, and a real Ctrl-C.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use rustix::process::Signal;

use crate::examples::{listening, usage_of};

#[test]
fn all_threads_together_have_had_every_connection() {
    let (server, address) = listening("multicore_echo", &["3"]);
    let address = address
        .strip_suffix(", 3 thread(s)")
        .expect("it says how many");
    for number in 0..60 {
        let mut client = TcpStream::connect(address).expect("it listens");
        let said = format!("number {number}");
        client.write_all(said.as_bytes()).expect("it is open");
        client.shutdown(Shutdown::Write).expect("it is open");
        let mut heard = String::new();
        client.read_to_string(&mut heard).expect("an answer");
        assert_eq!(heard, said);
    }
    // One that is open holds up nothing.
    let _open = TcpStream::connect(address).expect("it listens");
    server.signal(Signal::INT);
    let (lines, status) = server.end();
    assert!(status.success(), "{status}: {lines:?}");
    let served = |line: &String| line.split(' ').nth(4)?.parse::<u32>().ok();
    let counts: Vec<_> = lines.iter().filter_map(served).collect();
    assert_eq!(counts.len(), 3, "{lines:?}");
    let sum: u32 = counts.iter().sum();
    // The last one may not have been accepted.
    assert!((60..=61).contains(&sum), "{lines:?}");
    assert!(counts.iter().all(|&count| count > 0), "{lines:?}");
}

#[test]
fn wrong_arguments_get_an_answer() {
    usage_of(
        "multicore_echo",
        &["127.0.0.1:0", "0"],
        "THREADS must be a number above 0, not `0`",
    );
    usage_of(
        "multicore_echo",
        &["nowhere"],
        "not an IP address with a port: nowhere",
    );
}
