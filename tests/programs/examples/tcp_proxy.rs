//! The example `tcp_proxy`, between a client and a server of std.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::examples::{listening, usage_of};

#[test]
fn it_passes_on_a_request_and_the_answer_behind_its_end() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let target = server.local_addr().expect("an address").to_string();
    let serving = thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("a connection");
        let mut request = String::new();
        stream.read_to_string(&mut request).expect("the end");
        write!(stream, "{} bytes", request.len()).expect("it is open");
    });
    let (proxy, address) = listening("tcp_proxy", &[&target]);
    let mut client = TcpStream::connect(address).expect("it listens");
    client.write_all(&[b'x'; 100_000]).expect("it is open");
    client.shutdown(Shutdown::Write).expect("it is open");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("the end");
    assert_eq!(answer, "100000 bytes");
    serving.join().expect("no panic");
    let line = proxy.line();
    assert!(line.ends_with(": 100000 bytes there, 12 back"), "{line}");
}

#[test]
fn it_says_how_it_is_used() {
    let refused = |arguments: &[&str], problem| usage_of("tcp_proxy", arguments, problem);
    let here = "127.0.0.1:0";
    refused(&[here], "ADDRESS and TARGET are required");
    refused(&["x", here], "not an IP address with a port: x");
    refused(&[here, "nowhere"], "not a host and a port: nowhere");
    let problem = "SECONDS must be a number above 0";
    refused(&[here, "localhost:1", "0"], problem);
    refused(&[here, here, "1", "2"], "more than three arguments");
}
