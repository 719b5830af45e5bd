//! Who is at the other end of a Unix socket. An unsafe module: it calls `libc`, and changes no
//! state.
//!
//! rustix has this call, too, with a process id that cannot be 0. The kernel returns 0 for a
//! process in another pid namespace, as one on the host is for a container.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Returns the credentials of the process that connected a socket or listened for it.
///
/// # Errors
/// Those of `getsockopt`: `fd` is no socket.
pub(crate) fn peer_credentials(fd: BorrowedFd<'_>) -> io::Result<libc::ucred> {
    let mut credentials = MaybeUninit::<libc::ucred>::uninit();
    let size = size_of::<libc::ucred>();
    let mut length = libc::socklen_t::try_from(size).expect("it has twelve bytes");
    // SAFETY: `fd` is open, and the call writes at most `length` bytes to `credentials`, which has
    // that size.
    let outcome = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            credentials.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if outcome != 0 {
        return Err(io::Error::last_os_error());
    }
    assert_eq!(
        usize::try_from(length),
        Ok(size),
        "the kernel fills all of it"
    );
    // SAFETY: the call succeeded and has written all bytes, and any are valid integers.
    Ok(unsafe { credentials.assume_init() })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_socket_without_a_peer_has_no_process() {
        let alone = UnixDatagram::unbound().expect("a socket");
        let credentials = peer_credentials(alone.as_fd()).expect("a socket");
        assert_eq!(credentials.pid, 0);
    }

    #[test]
    fn a_descriptor_that_is_no_socket_has_no_peer() {
        let (pipe, _writer) = io::pipe().expect("a pipe");
        let error = peer_credentials(pipe.as_fd())
            .map(|_| ())
            .expect_err("a pipe");
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
    }
}
