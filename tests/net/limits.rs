//! Accepting without a free file descriptor. The limit applies to the process, so the test runs in
//! a child process.

use std::io;
use std::process::Command;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use rustix::process::{Resource, Rlimit, setrlimit};
use wheelhouse::net::{TcpListener, TcpStream};

use super::{ANY, bounded};

/// Set in the child process.
const CHILD: &str = "WHEELHOUSE_TEST_FEW_DESCRIPTORS";

#[test]
fn accept_fails_without_a_free_descriptor_and_works_again_later() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "limits::child_with_few_descriptors",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("accepted after all"), "{output:?}");
}

/// Returns `true` for EMFILE.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error())
}

/// Connects until no descriptor is left.
async fn connect_until_full(address: std::net::SocketAddr) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    loop {
        match TcpStream::connect(address).await {
            Ok(client) => clients.push(client),
            Err(error) => {
                assert!(is_out_of_descriptors(&error), "{error}");
                return clients;
            }
        }
    }
}

/// Not a test by itself: the test above runs it in a child process.
#[test]
fn child_with_few_descriptors() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let few = Rlimit {
        current: Some(60),
        maximum: Some(60),
    };
    setrlimit(Resource::Nofile, few).unwrap();
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let mut clients = connect_until_full(listener.local_addr().unwrap()).await;
        assert!(clients.len() > 10);
        for _ in 0..5 {
            let error = listener.accept().await.unwrap_err();
            assert!(is_out_of_descriptors(&error), "{error}");
            wheelhouse::yield_now().await;
        }
        clients.truncate(clients.len() - 4);
        for client in &mut clients[..4] {
            let (mut server, _) = listener.accept().await.unwrap();
            client.write_all(b"x").await.unwrap();
            server.read_exact(&mut [0]).await.unwrap();
        }
        println!("accepted after all");
    });
}
