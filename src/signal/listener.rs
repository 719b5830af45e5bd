//! A listener to one signal.

use std::future::poll_fn;
use std::io;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::SignalKind;
use crate::reactor::{Direction, Readiness};
use crate::runtime::{IoSource, Subscription, drain, require_runtime};

/// Listens to a signal from now on, instead of what it does by default (asyncio: `loop.add_signal_handler`).
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for a signal that cannot be listened to: SIGKILL and SIGSTOP, of which
/// the kernel tells nobody; SIGSEGV, SIGILL and SIGFPE, after which a program cannot go on; what is no signal. Outside of
/// a runtime; when the process or the system has no file descriptors left.
///
/// # Examples
/// ```no_run
/// use wheelhouse::signal::{self, SignalKind};
///
/// wheelhouse::run(async {
///     let mut hangups = signal::unix(SignalKind::hangup())?;
///     loop {
///         hangups.recv().await?;
///         println!("reading the settings again");
///     }
/// #   #[allow(unreachable_code)]
/// #   std::io::Result::Ok(())
/// });
/// ```
#[doc(alias = "add_signal_handler")]
#[doc(alias = "open_signal_receiver")]
pub fn unix(kind: SignalKind) -> io::Result<Signal> {
    require_runtime()?;
    let (subscription, socket) = Subscription::new(kind.as_raw())?;
    Ok(Signal {
        kind,
        _subscription: subscription,
        socket: IoSource::new(socket, Readiness::NONE)?,
    })
}

/// Hears of one signal until it is dropped; see [`unix`].
///
/// It is a [`Stream`] too, which never ends.
#[derive(Debug)]
#[must_use = "dropping it ends the listening: the signal does again what it does by default"]
pub struct Signal {
    /// Which signal.
    kind: SignalKind,
    /// Keeps the handler writing.
    _subscription: Subscription,
    /// Where the handler's bytes arrive.
    socket: IoSource<UnixStream>,
}

impl Signal {
    /// Waits for the signal. Those that came since the last call, or since the listener was made, are one.
    ///
    /// # Cancel safety
    /// No signal is lost when this is dropped: the next call gives it.
    ///
    /// # Errors
    /// When it is awaited away from the runtime in which the listener was made.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::signal::{self, SignalKind};
    ///
    /// wheelhouse::run(async {
    ///     let mut changes = signal::unix(SignalKind::window_change())?;
    ///     let me = rustix::process::getpid();
    ///     rustix::process::kill_process(me, rustix::process::Signal::WINCH)?;
    ///     changes.recv().await
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn recv(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Signal::recv), for a hand-written future.
    ///
    /// # Errors
    /// As `recv`.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_io(Direction::Read, cx, drain)
    }

    /// Which signal it listens to.
    #[must_use]
    pub fn kind(&self) -> SignalKind {
        self.kind
    }
}

impl Stream for Signal {
    type Item = io::Result<()>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Some)
    }
}
