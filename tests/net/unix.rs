//! Unix sockets.

use std::fs;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use futures::{FutureExt, StreamExt};
use wheelhouse::net::{UnixListener, UnixStream};
use wheelhouse::{gather, spawn};

use super::bounded;

/// A directory for one test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Creates a directory with a short name: the path of a socket has at most 107 bytes.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wh-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    /// Returns a path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("it is ours");
    }
}

/// Answers each line of a connection with the line in capitals.
async fn shout(stream: UnixStream) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next().await {
        let answer = line.unwrap().to_uppercase() + "\n";
        writer.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[test]
fn lines_are_sent_and_answered() {
    let folder = Folder::new();
    let path = folder.path("socket");
    bounded(async {
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        let server = spawn(async move { shout(listener.accept().await.unwrap().0).await });
        let mut client = UnixStream::connect(&path).await.unwrap();
        client.write_all(b"one\ntwo\n").await.unwrap();
        client.close().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "ONE\nTWO\n");
        server.await.unwrap();
    });
}

#[test]
fn an_abstract_name_works_too() {
    let name = format!("wheelhouse-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).unwrap();
    bounded(async {
        let listener = UnixListener::bind_addr(&address).unwrap();
        let (stream, mut served) = gather((UnixStream::connect_addr(&address), listener.accept()))
            .map(|(stream, served)| (stream.unwrap(), served.unwrap().0))
            .await;
        drop(stream);
        assert_eq!(served.read(&mut [0]).await.unwrap(), 0);
        let unnamed = stream_address();
        let error = UnixStream::connect_addr(&unnamed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

/// The address of an unbound socket.
fn stream_address() -> SocketAddr {
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    one.local_addr().unwrap()
}

#[test]
fn a_path_that_does_not_exist_and_one_without_a_listener_are_different_errors() {
    let folder = Folder::new();
    let path = folder.path("socket");
    bounded(async {
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        drop(UnixListener::bind(&path).unwrap());
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = UnixListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let long = folder.path(&"long".repeat(40));
        assert!(UnixStream::connect(&long).await.is_err());
        assert!(UnixListener::bind(&long).is_err());
    });
}

/// A connect to a full queue fails with `EAGAIN`, and the system reports no event later.
#[test]
fn connects_to_a_full_queue_succeed_when_the_listener_accepts() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let plain = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    plain
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    plain.listen(0).unwrap();
    bounded(async {
        let listener = UnixListener::from_std(plain.into()).unwrap();
        let clients = (0..20)
            .map(|_| UnixStream::connect(&path))
            .collect::<Vec<_>>();
        let accepting = async {
            let mut served = Vec::new();
            for _ in 0..20 {
                served.push(listener.accept().await.unwrap().0);
            }
            served
        };
        let (clients, served) = gather((gather(clients), accepting)).await;
        assert!(clients.iter().all(Result::is_ok));
        drop(served);
    });
}

#[test]
fn the_halves_of_a_unix_stream_end_and_reunite() {
    bounded(async {
        let (mut one, other) = UnixStream::pair().unwrap();
        let (mut reader, mut writer) = one.split_mut();
        let (mut far_reader, mut far_writer) = other.into_split();
        gather((writer.write_all(b"there"), far_writer.write_all(b"back")))
            .map(|(there, back)| there.and(back).unwrap())
            .await;
        let mut got = [0; 5];
        far_reader.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"there");
        reader.read_exact(&mut got[..4]).await.unwrap();
        assert_eq!(&got[..4], b"back");
        let (_stranger, stranger) = UnixStream::pair().unwrap().0.into_split();
        let error = far_reader.reunite(stranger).unwrap_err();
        let whole = far_writer.reunite(error.0).unwrap();
        drop(whole.into_split().1);
        assert_eq!(one.read(&mut got).await.unwrap(), 0);
    });
}

#[test]
fn vectored_writes_arrive_completely_and_a_broken_stream_is_an_error_without_a_signal() {
    bounded(async {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let parts = [b"to".as_slice(), b"geth", b"er"].map(std::io::IoSlice::new);
        assert_eq!(one.write_vectored(&parts).await.unwrap(), 8);
        let mut got = [0; 8];
        other.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"together");
        drop(other);
        let error = one.write_vectored(&parts).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn streams_and_listeners_convert_from_and_into_std() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = bounded(async {
        let listener = UnixListener::bind(&path).unwrap();
        listener.into_std().unwrap()
    });
    let client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let (served, _) = listener.accept().unwrap();
    bounded(async {
        let mut client = UnixStream::from_std(client).unwrap();
        let mut served = UnixStream::from_std(served).unwrap();
        client.write_all(b"x").await.unwrap();
        served.read_exact(&mut [0]).await.unwrap();
        assert!(served.into_std().unwrap().set_nonblocking(false).is_ok());
    });
}

/// A socket whose file is removed when this is dropped.
struct Temporary(PathBuf);

impl AsRef<std::path::Path> for Temporary {
    fn as_ref(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        fs::remove_file(&self.0).expect("it is there");
    }
}

/// The path used to be dropped before the connection was made.
#[test]
fn a_path_passed_by_value_lives_until_the_connection_is_made() {
    let folder = Folder::new();
    bounded(async {
        let path = folder.path("s");
        let listener = UnixListener::bind(&path).expect("a listener");
        UnixStream::connect(Temporary(path))
            .await
            .expect("a connection");
        drop(listener);
    });
}
