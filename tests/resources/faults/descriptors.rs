//! No descriptor is left (`EMFILE`). The limit applies to a process, so the test runs in a child
//! process.

use std::io;
use std::process::Command as StdCommand;
use std::time::{Duration, Instant};

use crate::installed::installed;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wheelhouse::fs::File;
use wheelhouse::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use wheelhouse::process::Command;
use wheelhouse::time::interval;
use wheelhouse::{Runtime, run, signal, sleep, spawn};

/// Set in the child process.
const CHILD: &str = "WHEELHOUSE_TEST_NO_DESCRIPTORS";

/// Fails unless the error is `EMFILE`.
#[track_caller]
fn is_out<T>(what: &str, outcome: io::Result<T>) {
    match outcome {
        Ok(_) => panic!("{what} succeeded"),
        Err(error) => assert_eq!(error.raw_os_error(), Some(24), "{what}: {error}"),
    }
}

/// Tries every operation that needs a descriptor.
async fn all_say_so(listening: std::net::SocketAddr) {
    is_out("TcpStream::connect", TcpStream::connect(listening).await);
    is_out("TcpListener::bind", TcpListener::bind("127.0.0.1:0").await);
    is_out("UdpSocket::bind", UdpSocket::bind("127.0.0.1:0").await);
    is_out("UnixStream::pair", UnixStream::pair());
    is_out("UnixStream::connect", UnixStream::connect("/nowhere").await);
    is_out("UnixDatagram::unbound", UnixDatagram::unbound());
    is_out("UnixListener::bind", UnixListener::bind("/tmp/wh-none"));
    is_out("File::open", File::open("/dev/null").await);
    is_out(
        "Command::spawn",
        Command::new(installed("true")).spawn().map(drop),
    );
    is_out("signal::unix", signal::unix(signal::SignalKind::hangup()));
    let runtime = std::thread::spawn(|| Runtime::new().map(drop)).join();
    is_out("Runtime::new", runtime.expect("no panic"));
}

/// Not a test by itself: a test below runs it in a child process.
#[test]
fn with_no_descriptor_left() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Starts a thread of the pool, and opens what a process opens once.
        wheelhouse::to_thread(|| ()).await;
        let few = Rlimit {
            current: Some(40),
            maximum: Some(40),
        };
        setrlimit(Resource::Nofile, few).unwrap();
        let mut held = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            held.push(file);
        }
        all_say_so(address).await;
        all_say_so(address).await;
        held.clear();
        // Now descriptors are free again.
        let (client, served) = futures::join!(TcpStream::connect(address), listener.accept());
        drop((client.unwrap(), served.unwrap()));
        assert!(
            Command::new(installed("true"))
                .status()
                .await
                .unwrap()
                .success()
        );
    });
    println!("all went well in the end");
}

/// Not a test by itself: a test below runs it in a child process.
///
/// Wall time: it tests waits of the kernel.
#[test]
fn with_a_limit_of_zero() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let before = getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(0),
        maximum: before.maximum,
    };
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, served) = futures::join!(TcpStream::connect(address), listener.accept());
        let (mut client, (mut served, _)) = (client.unwrap(), served.unwrap());
        wheelhouse::to_thread(|| ()).await;
        setrlimit(Resource::Nofile, none).unwrap();
        for micros in [1, 300, 500, 1_000, 1_700, 60_300] {
            let (begin, length) = (Instant::now(), Duration::from_micros(micros));
            sleep(length).await;
            assert!(begin.elapsed() >= length, "{length:?}");
        }
        // Open sockets continue to work while a short timer is set.
        let ticking = spawn(async {
            let mut ticks = interval(Duration::from_micros(700));
            loop {
                ticks.tick().await;
            }
        });
        for _ in 0..20 {
            client.write_all(b"x").await.unwrap();
            served.read_exact(&mut [0]).await.unwrap();
            assert_eq!(wheelhouse::to_thread(|| 1).await, 1);
        }
        ticking
            .cancel_and_wait()
            .await
            .map(|never: ()| never)
            .unwrap_err();
        is_out("TcpListener::bind", TcpListener::bind("127.0.0.1:0").await);
        is_out(
            "Command::spawn",
            Command::new(installed("true")).spawn().map(drop),
        );
    });
    // A leak checker opens files when the process exits.
    setrlimit(Resource::Nofile, before).unwrap();
    println!("all went well in the end");
}

/// A wait of less than a millisecond used to panic: `ppoll` accepts no descriptor then.
#[test]
fn timers_and_open_sockets_work_while_no_descriptor_may_be_opened() {
    let _alone = crate::alone();
    child_ends_well("faults::descriptors::with_a_limit_of_zero");
}

#[test]
fn without_descriptors_every_operation_fails_with_emfile_and_works_again_later() {
    // Other tests would count its pipes.
    let _alone = crate::alone();
    child_ends_well("faults::descriptors::with_no_descriptor_left");
}

/// Runs a test of this file in a child process.
fn child_ends_well(test: &str) {
    let mut child = StdCommand::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]);
    let output = child.env(CHILD, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("all went well in the end"), "{output:?}");
}
