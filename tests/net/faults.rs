//! Peers that fail: resets and killed processes.

use std::io::ErrorKind;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::spawn;

use super::peers::python;
use super::{ANY, bounded, echo, pair};

/// Drops a stream so that the connection is reset.
fn reset(stream: TcpStream) {
    stream.set_linger(Some(Duration::ZERO)).expect("an option");
    drop(stream);
}

#[test]
fn a_reset_is_an_error_once_and_then_the_end_of_the_stream() {
    bounded(async {
        let (client, mut server) = pair().await;
        let reading = spawn(async move {
            let first = server.read(&mut [0; 8]).await;
            (first, server)
        });
        wheelhouse::yield_now().await;
        reset(client);
        let (first, mut server) = reading.await.unwrap();
        assert_eq!(first.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        let error = server.write(b"hello?").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let parts = [std::io::IoSlice::new(b"hello?")];
        let error = server.write_vectored(&parts).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_reset_ends_a_write_that_waits() {
    bounded(async {
        let (client, server) = pair().await;
        let writing = spawn(async move {
            let chunk = vec![7; 1 << 20];
            loop {
                if let Err(error) = (&server).write_all(&chunk).await {
                    return error.kind();
                }
            }
        });
        // One byte proves that the writer has started. The others fill all buffers.
        (&client).read_exact(&mut [0]).await.unwrap();
        reset(client);
        let kind = writing.await.unwrap();
        assert!(
            [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&kind),
            "{kind:?}"
        );
    });
}

#[test]
fn a_reset_of_one_connection_does_not_affect_the_others() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let mut tasks = Vec::new();
            for _ in 0..20 {
                tasks.push(spawn(echo(listener.accept().await.unwrap().0)));
            }
            let mut failed = 0;
            for task in tasks {
                failed += usize::from(task.await.unwrap().is_err());
            }
            failed
        });
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"x").await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
            clients.push(client);
        }
        for client in clients.drain(..10) {
            reset(client);
        }
        for mut client in clients {
            client.write_all(b"still").await.unwrap();
            client.read_exact(&mut [0; 5]).await.unwrap();
        }
        assert_eq!(server.await.unwrap(), 10);
    });
}

#[test]
fn a_connection_reset_before_it_is_accepted_does_not_stop_the_listener() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        reset(TcpStream::connect(address).await.unwrap());
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"x").await.unwrap();
        loop {
            let (mut server, peer) = listener.accept().await.unwrap();
            if peer == client.local_addr().unwrap() {
                server.read_exact(&mut [0]).await.unwrap();
                return;
            }
            assert!(server.read(&mut [0]).await.is_err());
        }
    });
}

#[test]
fn a_peer_that_is_killed_during_a_message_is_an_unexpected_end() {
    bounded(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut peer = python("net_vanish.py", &[&port.to_string()]);
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).await.unwrap();
        let mut message = vec![0; u32::from_be_bytes(length) as usize];
        let error = stream.read_exact(&mut message).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(message.starts_with(b"half of it"));
        let status = peer.wait().unwrap();
        assert!(!status.success(), "it was killed");
    });
}
