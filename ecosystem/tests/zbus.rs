//! zbus on this crate's Unix socket, with a `dbus-daemon`:
//! `cargo test -p wheelhouse-ecosystem --features zbus --test zbus`.
//!
//! zbus has a trait for sockets: bytes with descriptors, which are `recv_fds` and `send_fds`. Its
//! executor is polled by a task of ours, so that nothing of it has a thread.

#[path = "../../tests/common/installed.rs"]
mod installed;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use installed::installed;
use wheelhouse::net::UnixStream;
use wheelhouse::{gather, run, spawn, timeout};
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::message::Type;
use zbus::zvariant::{self, Fd};
use zbus::{Connection, MessageStream, connection};

/// One connection to the bus.
#[derive(Debug)]
struct Wire(Arc<UnixStream>);

impl Socket for Wire {
    type ReadHalf = Self;
    type WriteHalf = Self;

    fn split(self) -> Split<Self, Self> {
        let other = Self(Arc::clone(&self.0));
        Split::new(self, other)
    }
}

#[async_trait::async_trait]
impl ReadHalf for Wire {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let received = self.0.recv_fds(buffer).await?;
        Ok((received.length, received.fds))
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

#[async_trait::async_trait]
impl WriteHalf for Wire {
    async fn sendmsg(&mut self, buffer: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.0.send_fds(buffer, fds).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown(std::net::Shutdown::Both)
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

/// A bus of its own, ended when it is dropped.
struct Bus {
    daemon: Child,
    path: std::path::PathBuf,
}

impl Bus {
    fn start() -> Self {
        let path = std::env::temp_dir().join(format!("wh-bus-{}", std::process::id()));
        let mut daemon = Command::new(installed("dbus-daemon"));
        daemon.args(["--session", "--nofork", "--print-address=1"]);
        daemon.arg(format!("--address=unix:path={}", path.display()));
        let daemon = daemon.stdout(Stdio::piped()).spawn();
        let mut daemon = daemon.expect("dbus-daemon starts");
        let mut printed = BufReader::new(daemon.stdout.take().expect("a pipe"));
        let mut address = String::new();
        printed.read_line(&mut address).expect("its address");
        assert!(address.starts_with("unix:path="), "{address}");
        Self { daemon, path }
    }

    /// Connects, and lets a task do what zbus does in the background.
    async fn connect(&self) -> zbus::Result<Connection> {
        let stream = UnixStream::connect(&self.path).await?;
        let builder = connection::Builder::socket(Wire(Arc::new(stream)));
        let connection = builder.internal_executor(false).build().await?;
        let background = connection.clone();
        spawn(async move {
            loop {
                background.executor().tick().await;
            }
        })
        .detach();
        Ok(connection)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.daemon.kill().expect("it runs");
        self.daemon.wait().expect("it ends");
        fs::remove_file(&self.path).ok();
    }
}

/// A service that writes a text through the descriptor that it is sent.
async fn serve(connection: Connection) -> zbus::Result<()> {
    let mut messages = MessageStream::from(&connection);
    while let Some(message) = messages.next().await {
        let message = message?;
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let fd: zvariant::OwnedFd = message.body().deserialize()?;
        write!(File::from(OwnedFd::from(fd)), "by the bus").expect("it is open");
        connection.reply(&message.header(), &()).await?;
    }
    Ok(())
}

/// The names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has this");
    let names = tasks.map(|task| fs::read_to_string(task.expect("a thread").path().join("comm")));
    names.flatten().map(|name| name.trim().to_owned()).collect()
}

#[test]
fn calls_and_descriptors_go_over_a_bus() {
    let bus = Bus::start();
    let test = async {
        let (client, server) = gather((bus.connect(), bus.connect())).await;
        let (client, server) = (client?, server?);
        server.request_name("org.wheelhouse.Test").await?;
        spawn(serve(server)).detach();

        // The daemon knows us.
        let proxy = zbus::fdo::DBusProxy::new(&client).await?;
        let name = client.unique_name().expect("the bus gave one");
        let pid = proxy
            .get_connection_unix_process_id(name.clone().into())
            .await?;
        assert_eq!(pid, std::process::id());

        // Many calls at once.
        let ids = gather((0..50).map(|_| proxy.get_id()).collect::<Vec<_>>()).await;
        assert!(
            ids.windows(2)
                .all(|pair| pair[0].is_ok() && pair[0] == pair[1])
        );

        // A descriptor.
        let (mut reader, writer) = io::pipe()?;
        let to = Some("org.wheelhouse.Test");
        let fd = Fd::from(OwnedFd::from(writer));
        client.call_method(to, "/", to, "Write", &fd).await?;
        drop(fd);
        let mut text = String::new();
        reader.read_to_string(&mut text)?;
        assert_eq!(text, "by the bus");
        let threads = threads();
        assert!(
            !threads.iter().any(|name| name.contains("async-io")),
            "{threads:?}"
        );
        zbus::Result::Ok(())
    };
    let outcome = run(async { timeout(Duration::from_secs(60), test).await });
    outcome.expect("it ends in time").expect("the bus works");
}
