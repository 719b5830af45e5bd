//! Signals, as far as the loop knows of them: how they reach it, and what it keeps for `ctrl_c` and for
//! [`cancel_on_ctrl_c`](super::Builder::cancel_on_ctrl_c). What users await stands in [`signal`](mod@crate::signal).
//!
//! ```text
//!   the kernel ─▶ signal-hook's handler, on whatever thread ─┬─ a byte into a socket ─▶ an edge in the reactor
//!                                                            └─ a flag (`interrupt` only)
//! ```
//!
//! The handler does no more than that. The bytes only say *that* a signal came: whoever reads takes all there are, so
//! several become one. Nothing here is global but the count of listeners in [`subscription`].

mod ctrl_c;
mod interrupt;
mod subscription;

use std::cell::OnceCell;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::Core;
use crate::reactor::{Done, Readiness};
use crate::util::slab::Key;
use ctrl_c::CtrlC;
use interrupt::Interrupt;
pub(crate) use interrupt::end_process;
pub(crate) use subscription::Subscription;

/// The signals that a runtime itself listens to, each from the first time that it is asked to until the runtime's end.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// What `ctrl_c` waits for.
    ctrl_c: OnceCell<CtrlC>,
    /// What cancels main.
    interrupt: OnceCell<Interrupt>,
}

/// The end of a signal's way that the reactor watches. It stays there until the reactor itself goes.
#[derive(Debug)]
struct SignalPipe {
    /// Where the bytes arrive.
    socket: UnixStream,
    /// Its place in the reactor.
    key: Key,
    /// Keeps the handler writing.
    _subscription: Subscription,
}

impl SignalPipe {
    /// Has the reactor of `core` watch the socket.
    fn new(core: &Core, subscription: Subscription, socket: UnixStream) -> io::Result<Self> {
        let key = core.io.register(socket.as_fd(), Readiness::NONE)?;
        Ok(Self {
            socket,
            key,
            _subscription: subscription,
        })
    }
}

/// Takes all the bytes that the handler has written; `WouldBlock` when there are none.
pub(crate) fn drain(mut socket: &UnixStream) -> io::Result<Done<()>> {
    let mut buffer = [0; 128];
    let mut came = false;
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(Done::with(())),
            Ok(_) => came = true,
            Err(error) if error.kind() == ErrorKind::WouldBlock && came => {
                return Ok(Done::with(()));
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_drain_takes_every_byte_whatever_their_number() {
        let (reader, mut writer) = UnixStream::pair().unwrap();
        reader.set_nonblocking(true).unwrap();
        for count in [1, 127, 128, 129, 256] {
            writer.write_all(&vec![b'X'; count]).unwrap();
            drain(&reader).unwrap();
            let empty = drain(&reader).unwrap_err();
            assert_eq!(empty.kind(), ErrorKind::WouldBlock, "after {count}");
        }
    }
}
