//! The example `chat`, with clients on plain sockets and a real Ctrl-C.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::examples::{listening, usage_of};

/// A client in the room.
struct Client(BufReader<TcpStream>);

impl Client {
    /// Comes in by this name.
    fn enter(address: &str, name: &str) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        // It only bounds a test that fails.
        let limit = Some(Duration::from_secs(60));
        stream.set_read_timeout(limit).expect("a setting");
        let mut client = Self(BufReader::new(stream));
        client.hears("* your name?");
        client.says(name);
        client
    }

    /// Sends a line.
    fn says(&mut self, line: &str) {
        let sent = self.0.get_mut().write_all(format!("{line}\n").as_bytes());
        sent.expect("it is open");
    }

    /// Fails unless this is the next line.
    #[track_caller]
    fn hears(&mut self, expected: &str) {
        assert_eq!(self.line(), expected);
    }

    /// The next line.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Fails unless the connection has ended.
    #[track_caller]
    fn is_out(&mut self) {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).expect("an end");
        assert_eq!(rest, "");
    }
}

#[test]
fn everybody_hears_the_others_and_the_room_says_who_comes_and_goes() {
    let (server, address) = listening("chat", &[]);
    let mut ann = Client::enter(&address, "ann");
    ann.says("/who");
    ann.hears("* here: ann");
    let mut bob = Client::enter(&address, "ann");
    bob.hears("* somebody has that name; another?");
    bob.says("bob");
    ann.hears("* bob has come");
    ann.says("hello");
    bob.hears("ann: hello");
    bob.says("hello yourself");
    ann.hears("bob: hello yourself");
    bob.says("/quit");
    ann.hears("* bob has gone");
    bob.is_out();
    let mut carl = Client::enter(&address, "carl");
    ann.hears("* carl has come");
    // Gone without a word, and with a line that has no end.
    carl.0
        .get_mut()
        .write_all(&[b'x'; 2000])
        .expect("it is open");
    ann.hears("* carl has gone");
    server.signal(Signal::INT);
    ann.hears("* the room closes");
    ann.is_out();
    let (rest, status) = server.end();
    assert!(status.success(), "{status}: {rest:?}");
    assert_eq!(rest, ["closed"]);
}

#[test]
fn somebody_who_does_not_read_holds_up_nobody_and_is_told_what_was_lost() {
    let (_server, address) = listening("chat", &[]);
    let mut slow = Client::enter(&address, "slow");
    slow.says("/who");
    slow.hears("* here: slow");
    let mut ann = Client::enter(&address, "ann");
    let mut bob = Client::enter(&address, "bob");
    slow.hears("* ann has come");
    slow.hears("* bob has come");
    ann.hears("* bob has come");
    // More than the buffers of the system and of the room hold for a client that does not read. Bob
    // reads all of it meanwhile.
    let line = "x".repeat(1000);
    for number in 0..20_000 {
        ann.says(&format!("{number} {line}"));
        bob.hears(&format!("ann: {number} {line}"));
    }
    ann.says("that was all");
    let mut lost = false;
    loop {
        let heard = slow.line();
        lost |= heard.starts_with("* you missed ");
        if heard == "ann: that was all" {
            break;
        }
    }
    assert!(lost, "the system kept 20 MB");
}

#[test]
fn wrong_arguments_get_an_answer() {
    usage_of(
        "chat",
        &["nowhere"],
        "not an IP address with a port: nowhere",
    );
    usage_of("chat", &["127.0.0.1:0", "more"], "more than one argument");
}
