//! How signals reach the event loop, and its state for `ctrl_c` and
//! [`cancel_on_ctrl_c`](super::Builder::cancel_on_ctrl_c). The public futures are in
//! [`signal`](mod@crate::signal).
//!
//! ```text
//!   the kernel ─▶ the handler of signal-hook, on any thread
//!                    ├─ writes a byte to a socket ─▶ an edge in the reactor
//!                    └─ sets a flag (only for `interrupt`)
//! ```
//!
//! A byte only means that the signal has arrived. A reader takes all bytes, so several signals
//! count as one. Only the table of listeners in [`subscription`] is global.

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

/// The listeners of a runtime itself. Each is created when it is first needed, and lives as long as
/// the runtime.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// For `ctrl_c`.
    ctrl_c: OnceCell<CtrlC>,
    /// For `cancel_on_ctrl_c`.
    interrupt: OnceCell<Interrupt>,
}

/// A socket to which the signal handler writes. It stays registered until the reactor is dropped.
#[derive(Debug)]
struct SignalPipe {
    socket: UnixStream,
    key: Key,
    /// Keeps the signal handler active.
    _subscription: Subscription,
}

impl SignalPipe {
    /// Registers the socket with the reactor of `core`.
    fn new(core: &Core, subscription: Subscription, socket: UnixStream) -> io::Result<Self> {
        let key = core.io.register(socket.as_fd(), Readiness::NONE)?;
        Ok(Self {
            socket,
            key,
            _subscription: subscription,
        })
    }
}

/// Reads all bytes that the handler has written. Returns `WouldBlock` if there are none.
pub(crate) fn drain(mut socket: &UnixStream) -> io::Result<Done<()>> {
    let mut buffer = [0; 128];
    let mut has_arrived = false;
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(Done::with(())),
            Ok(_) => has_arrived = true,
            Err(error) if error.kind() == ErrorKind::WouldBlock && has_arrived => {
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
    fn drain_reads_all_bytes() {
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
