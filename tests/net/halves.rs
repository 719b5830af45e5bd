//! The halves of a stream.

use std::net::Shutdown;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use wheelhouse::net::{OwnedReadHalf, OwnedWriteHalf, ReuniteError, TcpListener, TcpStream};
use wheelhouse::{spawn, yield_now};

use super::{bounded, echo, pair};

#[test]
fn sockets_and_their_halves_are_send() {
    fn crosses<T: Send + Sync + 'static>() {}
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    crosses::<TcpListener>();
    crosses::<TcpStream>();
    crosses::<OwnedReadHalf>();
    crosses::<OwnedWriteHalf>();
    crosses::<ReuniteError>();
    bounded(async {
        let listener = is_send(TcpListener::bind(super::ANY)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = is_send(TcpStream::connect(address)).await.unwrap();
        is_send(listener.accept()).await.unwrap();
        drop(is_send(client.peek(&mut [])));
    });
}

#[test]
fn borrowed_halves_work_at_the_same_time_and_the_stream_is_usable_after_them() {
    bounded(async {
        let (mut client, server) = pair().await;
        let server = spawn(echo(server));
        let (mut reader, mut writer) = client.split_mut();
        let mut got = [0; 5];
        let (read, written) =
            futures::join!(reader.read_exact(&mut got), writer.write_all(b"hello"));
        read.unwrap();
        written.unwrap();
        assert_eq!(&got, b"hello");
        assert_eq!(
            reader.as_ref().peer_addr().unwrap(),
            writer.as_ref().peer_addr().unwrap()
        );
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut got).await.unwrap(), 0);
        assert_eq!(server.await.unwrap().unwrap(), 5);
    });
}

#[test]
fn dropping_the_owned_write_half_ends_the_write_side() {
    bounded(async {
        let (client, mut server) = pair().await;
        let (mut reader, mut writer) = client.into_split();
        writer.write_all(b"all").await.unwrap();
        drop(writer);
        let mut got = String::new();
        server.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "all");
        server.write_all(b"bytes").await.unwrap();
        drop(server);
        got.clear();
        reader.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "bytes");
    });
}

#[test]
fn a_forgotten_write_half_does_not_end_the_write_side() {
    bounded(async {
        let (client, mut server) = pair().await;
        let (reader, writer) = client.into_split();
        writer.forget();
        let mut byte = [0];
        let mut reading = Box::pin(server.read(&mut byte));
        for _ in 0..10 {
            assert!(futures::poll!(&mut reading).is_pending());
            yield_now().await;
        }
        drop(reader);
        assert_eq!(reading.await.unwrap(), 0);
    });
}

#[test]
fn owned_halves_work_in_different_tasks_and_reunite() {
    bounded(async {
        let (client, server) = pair().await;
        let server = spawn(echo(server));
        let (mut reader, mut writer) = client.into_split();
        let writing = spawn(async move {
            writer.write_all(b"0123456789").await.unwrap();
            writer
        });
        let mut got = [0; 10];
        reader.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"0123456789");
        let writer = writing.await.unwrap();
        let mut client = reader.reunite(writer).expect("halves of one stream");
        client.write_all(b"whole").await.unwrap();
        client.close().await.unwrap();
        assert_eq!(server.await.unwrap().unwrap(), 15);
    });
}

#[test]
fn halves_of_two_streams_do_not_reunite_and_are_returned() {
    bounded(async {
        let (one, mut far_one) = pair().await;
        let (two, far_two) = pair().await;
        let (read_one, write_one) = one.into_split();
        let (read_two, write_two) = two.into_split();
        let error = read_one.reunite(write_two).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the two halves belong to different streams"
        );
        let ReuniteError(read_one, write_two) = error;
        let mut one = write_one.reunite(read_one).expect("halves of one stream");
        let two = read_two.reunite(write_two).expect("halves of one stream");
        one.write_all(b"fine").await.unwrap();
        far_one.read_exact(&mut [0; 4]).await.unwrap();
        drop((two, far_two));
    });
}

#[test]
fn a_read_half_peeks() {
    bounded(async {
        let (client, mut server) = pair().await;
        server.write_all(b"abc").await.unwrap();
        let (mut reader, _writer) = client.into_split();
        let mut seen = [0; 3];
        assert_eq!(reader.peek(&mut seen).await.unwrap(), 3);
        reader.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"abc");
    });
}
