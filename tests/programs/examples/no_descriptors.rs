//! The example servers run out of file descriptors for a while (`EMFILE`): they print an error, and
//! accept again when descriptors are free. Connections that were open before are served, too.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::installed::installed;
use crate::tutorial::programs::rust_example;

/// How many descriptors a server has, and how many clients come.
const DESCRIPTORS: usize = 40;
const CLIENTS: usize = 60;

/// Longer than anything here takes; it only bounds a failing test.
const LIMIT: Duration = Duration::from_secs(20);

/// A server with few descriptors; dropping it kills and reaps it.
struct Server {
    child: Child,
    address: String,
    complaints: Receiver<String>,
}

impl Server {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let example = rust_example(name);
        let mut shell = Command::new(installed("sh"));
        shell.args(["-c", &format!("ulimit -n {DESCRIPTORS}; exec \"$@\""), "sh"]);
        shell
            .arg(example.get_program())
            .arg("127.0.0.1:0")
            .args(arguments.iter().map(OsStr::new));
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = shell.spawn().expect("the shell can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        lines
            .read_line(&mut line)
            .expect("it says where it listens");
        let rest = line
            .strip_prefix("listening on ")
            .expect("it says so first");
        let address = rest
            .split([',', '\n'])
            .next()
            .expect("an address")
            .to_owned();
        let errors = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let (sender, complaints) = channel();
        std::thread::spawn(move || {
            errors
                .map_while(Result::ok)
                .for_each(|line| drop(sender.send(line)));
            drop(lines);
        });
        Self {
            child,
            address,
            complaints,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(LIMIT))
            .expect("it is a socket");
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Returns `true` if the server answers a line of this client.
fn is_served(mut stream: &TcpStream) -> bool {
    stream.write_all(b"x\n").is_ok() && matches!(stream.read(&mut [0; 16]), Ok(1..))
}

/// Wall time: the servers wait by their own clock before they accept again.
#[test]
fn the_servers_outlive_a_time_without_descriptors() {
    let servers: [(&str, &[&str]); 4] = [
        ("chat", &[]),
        ("echo_server", &[]),
        ("graceful_shutdown", &[]),
        ("multicore_echo", &["1"]),
    ];
    for (name, arguments) in servers {
        let server = Server::start(name, arguments);
        let clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
        let complaint = server.complaints.recv_timeout(LIMIT);
        let complaint = complaint.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            complaint.starts_with("cannot accept: "),
            "{name}: {complaint}"
        );
        assert!(is_served(&clients[0]), "{name}: one that was open");
        drop(clients);
        assert!(is_served(&server.connect()), "{name}: one that came later");
    }
}
