//! What Unix sockets transfer besides bytes: file descriptors and credentials.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg, sockopt,
};

use crate::reactor::Direction;
use crate::runtime::IoSource;
use crate::util::peer_credentials;

/// The kernel passes at most this many descriptors with one message.
const MAX_FDS: usize = 253;

/// The process at the other end of a [`UnixStream`](super::UnixStream), from
/// [`peer_cred`](super::UnixStream::peer_cred).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "UCred")]
pub struct PeerCredentials {
    pid: Option<u32>,
    uid: u32,
    gid: u32,
}

impl PeerCredentials {
    /// Asks the kernel.
    pub(super) fn of(socket: BorrowedFd<'_>) -> io::Result<Self> {
        let credentials = peer_credentials(socket)?;
        let pid = u32::try_from(credentials.pid).ok();
        Ok(Self {
            pid: pid.filter(|&pid| pid != 0),
            uid: credentials.uid,
            gid: credentials.gid,
        })
    }

    /// Returns the id of the process; `None` if it has none here, as it is in another namespace of
    /// process ids (a container's, for example). The process may have ended, and its id may have
    /// been given to another one.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Returns the effective user id.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Returns the effective group id.
    pub fn gid(&self) -> u32 {
        self.gid
    }
}

/// What [`UnixStream::recv_fds`](super::UnixStream::recv_fds) and
/// [`UnixDatagram::recv_fds`](super::UnixDatagram::recv_fds) received.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReceivedFds {
    /// The number of bytes in the buffer; 0 at the end of a stream.
    pub length: usize,
    /// The descriptors, in the order in which they were sent. Child processes do not inherit them.
    pub fds: Vec<OwnedFd>,
    /// Whether descriptors are missing: the kernel drops those that the process may not open
    /// (`RLIMIT_NOFILE`).
    pub is_truncated: bool,
}

/// Sends bytes and descriptors with them.
pub(super) async fn send_fds<S: AsFd>(
    socket: &IoSource<S>,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let problem = match (bytes.len(), fds.len()) {
        (0, _) => "descriptors are sent with at least one byte",
        (_, MAX_FDS..) if fds.len() > MAX_FDS => "one message takes at most 253 descriptors",
        _ => "",
    };
    if !problem.is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidInput, problem));
    }
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(fds.len()))];
    let send = |socket: &S| {
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fits = fds.is_empty() || control.push(SendAncillaryMessage::ScmRights(fds));
        assert!(fits, "the space is for as many");
        let bytes = [IoSlice::new(bytes)];
        Ok(sendmsg(socket, &bytes, &mut control, SendFlags::NOSIGNAL)?)
    };
    socket.when_ready(Direction::Write, send).await
}

/// Receives bytes and the descriptors that come with them.
pub(super) async fn recv_fds<S: AsFd>(
    socket: &IoSource<S>,
    buffer: &mut [u8],
) -> io::Result<ReceivedFds> {
    let receive = |socket: &S| receive_once(socket, buffer);
    socket.when_ready(Direction::Read, receive).await
}

/// Receives one message.
fn receive_once(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<ReceivedFds> {
    // With the option, each message also has credentials, of which rustix cannot represent all.
    if sockopt::socket_passcred(&socket)? {
        return Err(io::Error::new(
            ErrorKind::Unsupported,
            "descriptors cannot be received with `SO_PASSCRED` set: unset it, or use `async_io` \
             with `recvmsg`",
        ));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffers = [IoSliceMut::new(buffer)];
    let message = recvmsg(socket, &mut buffers, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = part {
            fds.extend(rights);
        }
    }
    Ok(ReceivedFds {
        length: message.bytes,
        fds,
        is_truncated: message.flags.contains(ReturnFlags::CTRUNC),
    })
}

/// Implements the transfer of descriptors.
macro_rules! passes_fds {
    ($type:ty, $field:ident) => {
        impl $type {
            /// Sends bytes and file descriptors with them. Returns the number of bytes.
            ///
            /// The peer receives duplicates of the descriptors with the first byte, by
            /// [`recv_fds`](Self::recv_fds): with any other receive they are lost. Of a stream,
            /// fewer bytes than given may be sent; then send the rest without descriptors.
            ///
            /// # Cancel safety
            /// A send that was pending has sent nothing.
            ///
            /// # Errors
            /// `InvalidInput` without bytes or with more than 253 descriptors. Fails outside the
            /// runtime of the socket, and with the errors of `sendmsg`: `ETOOMANYREFS` if too many
            /// descriptors were sent and not received yet.
            ///
            /// # Examples
            /// ```
            /// use std::io::{Read, Write};
            /// use std::os::fd::AsFd;
            /// use wheelhouse::net::UnixStream;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// wheelhouse::run(async {
            ///     let (one, other) = UnixStream::pair()?;
            ///     let (mut reader, writer) = std::io::pipe()?;
            ///     one.send_fds(b"!", &[writer.as_fd()]).await?;
            ///     drop(writer);
            ///
            ///     let mut received = other.recv_fds(&mut [0; 16]).await?;
            ///     let writer = received.fds.pop().expect("one was sent");
            ///     std::fs::File::from(writer).write_all(b"hello")?;
            ///     let mut text = String::new();
            ///     reader.read_to_string(&mut text)?;
            ///     assert_eq!(text, "hello");
            ///     Ok(())
            /// })
            /// # }
            /// ```
            #[doc(alias = "SCM_RIGHTS")]
            pub async fn send_fds(
                &self,
                bytes: &[u8],
                fds: &[std::os::fd::BorrowedFd<'_>],
            ) -> std::io::Result<usize> {
                $crate::net::unix::ancillary::send_fds(&self.$field, bytes, fds).await
            }

            /// Receives bytes and the file descriptors that were sent with them, by
            /// [`send_fds`](Self::send_fds).
            ///
            /// A stream returns the descriptors of one send at most, and no bytes of the next send
            /// with descriptors.
            ///
            /// # Cancel safety
            /// No byte and no descriptor is lost.
            ///
            /// # Errors
            /// `Unsupported` if `SO_PASSCRED` is set. Fails outside the runtime of the socket, and
            /// with the errors of `recvmsg`.
            pub async fn recv_fds(
                &self,
                buffer: &mut [u8],
            ) -> std::io::Result<$crate::net::ReceivedFds> {
                $crate::net::unix::ancillary::recv_fds(&self.$field, buffer).await
            }
        }
    };
}

pub(super) use passes_fds;
